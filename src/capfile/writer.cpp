#include "capfile/writer.h"

#include "capfile/enter_event.h"
#include "capfile/format.h"
#include "capfile/output.h"
#include "event/schema.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace gyr::capfile {
namespace {

// Other readers refuse a whole file for one text that is longer, so longer ones are cut.
constexpr std::size_t kMaxPath = 1023, kMaxBlob = 4096, kMaxCredential = 255;
constexpr std::size_t kBuffer = std::size_t{256} * 1024;        // written out when it is fuller than this
constexpr std::size_t kMaxList = std::size_t{64} * 1024 * 1024; // a longer list becomes several blocks

constexpr std::size_t kText = sizeof(std::uint16_t); // what a text takes beside its bytes

std::string_view cut(std::string_view text, std::size_t most) { return text.substr(0, most); }

constexpr std::size_t padded(std::size_t size) { return (size + 3) / 4 * 4; }

} // namespace

class Writer::Impl {
  public:
    template <class... Args>
    explicit Impl(Args&&... args) : output_(std::forward<Args>(args)...) {
        buffer_.reserve(kBuffer + 2 * kMaxEventBody);
    }

    Result<> begin(const WriterOptions& options);
    Result<> write_machine(const MachineInfo& machine);
    Result<> write_interfaces(std::span<const Interface> interfaces);
    Result<> write_users(std::span<const UserRecord> users, std::span<const GroupRecord> groups);
    Result<> write_threads(std::span<const ThreadRecord> threads);
    Result<> write_fds(std::int64_t tid, std::span<const FdRecord> fds);
    Result<> write_event(const RawEvent& event);
    Result<> flush();
    Result<> close();

    [[nodiscard]] std::uint64_t bytes_in() const { return drained_ + buffer_.size(); }
    [[nodiscard]] std::uint64_t bytes_out() const { return output_.bytes_out(); }
    std::uint64_t events = 0;

  private:
    template <class T>
    void put(T value) {
        static_assert(std::is_trivially_copyable_v<T>);
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        buffer_.append(bytes, sizeof value);
    }
    void put_bytes(std::string_view bytes) { buffer_.append(bytes); }
    void put_text(std::string_view text) {
        put(static_cast<std::uint16_t>(text.size()));
        put_bytes(text);
    }
    void begin_block(std::uint32_t type, std::size_t body);
    Result<> end_block();
    Result<> drain();
    void put_thread(const ThreadRecord& t);
    void put_fd(const FdRecord& record);
    void put_interface(const Interface& interface);
    Result<> put_event(const RawEvent& event);

    bool enter_events_ = false;
    std::array<std::string_view, kMaxParams> enter_params_{};
    RawEvent enter_;
    Output output_;
    std::string buffer_;
    std::uint64_t drained_ = 0; // bytes that went out of the buffer
    std::uint32_t block_length_ = 0;
    std::size_t block_padding_ = 0;
};

void Writer::Impl::begin_block(std::uint32_t type, std::size_t body) {
    block_length_ = static_cast<std::uint32_t>(kBlockHead + padded(body) + kBlockTail);
    block_padding_ = padded(body) - body;
    put(type);
    put(block_length_);
}

Result<> Writer::Impl::end_block() {
    buffer_.append(block_padding_, '\0');
    put(block_length_);
    return buffer_.size() > kBuffer ? drain() : Result<>{};
}

Result<> Writer::Impl::drain() {
    drained_ += buffer_.size();
    auto done = output_.write(buffer_);
    buffer_.clear();
    return done;
}

Result<> Writer::Impl::begin(const WriterOptions& options) {
    enter_events_ = options.enter_events;
    if (options.compress) {
        if (auto done = output_.compress(options.level); !done) return done;
    }
    begin_block(kSectionBlock, 16);
    put(kByteOrderMagic);
    put(kMajorVersion);
    put(kMinorVersion);
    put(std::numeric_limits<std::uint64_t>::max()); // length not known
    return end_block();
}

Result<> Writer::Impl::write_machine(const MachineInfo& machine) {
    begin_block(kMachineBlock, kMachineBody);
    put(machine.cpus);
    put(machine.memory_bytes);
    put(machine.max_pid);
    const std::string_view hostname = cut(machine.hostname, kHostname - 1);
    put_bytes(hostname);
    buffer_.append(kHostname - hostname.size(), '\0');
    put(machine.boot_time);
    put(machine.flags);
    put(std::array<std::uint64_t, 2>{}); // reserved
    return end_block();
}

namespace {

std::size_t interface_size(const Interface& interface) { // of an entry, without its length
    const std::size_t addresses = interface.ipv6 ? 3 * 16 : 3 * 4;
    return 2 * sizeof(std::uint16_t) + addresses + sizeof(std::uint64_t) + cut(interface.name, kMaxPath).size();
}

} // namespace

void Writer::Impl::put_interface(const Interface& interface) {
    const std::string_view name = cut(interface.name, kMaxPath);
    put(static_cast<std::uint32_t>(interface_size(interface)));
    put(static_cast<std::uint16_t>(interface.ipv6 ? 2 : 1));
    put(static_cast<std::uint16_t>(name.size()));
    for (const auto* address : {&interface.address, &interface.netmask, &interface.broadcast})
        for (std::size_t i = 0; i < (interface.ipv6 ? 16u : 4u); ++i) put((*address)[i]);
    put(interface.link_speed);
    put_bytes(name);
}

Result<> Writer::Impl::write_interfaces(std::span<const Interface> interfaces) {
    std::size_t body = 0;
    for (const Interface& interface : interfaces) body += sizeof(std::uint32_t) + interface_size(interface);
    begin_block(kInterfacesBlock, body);
    for (const bool ipv6 : {false, true})
        for (const Interface& interface : interfaces)
            if (interface.ipv6 == ipv6) put_interface(interface);
    return end_block();
}

Result<> Writer::Impl::write_users(std::span<const UserRecord> users, std::span<const GroupRecord> groups) {
    constexpr std::size_t kHead = sizeof(std::uint32_t) + 1;
    const auto size = [](std::string_view text) { return kText + cut(text, kMaxCredential).size(); };
    const auto user_size = [&](const UserRecord& u) { return kHead + 8 + size(u.name) + size(u.home) + size(u.shell); };
    const auto group_size = [&](const GroupRecord& g) { return kHead + 4 + size(g.name); };
    std::size_t body = 0;
    for (const UserRecord& user : users) body += user_size(user);
    for (const GroupRecord& group : groups) body += group_size(group);
    begin_block(kUsersBlock, body);
    for (const UserRecord& user : users) {
        put(static_cast<std::uint32_t>(user_size(user)));
        put(std::uint8_t{0});
        put(user.uid);
        put(user.gid);
        for (const std::string_view text : {user.name, user.home, user.shell}) put_text(cut(text, kMaxCredential));
    }
    for (const GroupRecord& group : groups) {
        put(static_cast<std::uint32_t>(group_size(group)));
        put(std::uint8_t{1});
        put(group.gid);
        put_text(cut(group.name, kMaxCredential));
    }
    return end_block();
}

namespace {

std::size_t thread_size(const ThreadRecord& t) {
    // sub_len, 5 ids, fdlimit, flags uid gid, 3 memory sizes, 2 faults, vtid vpid, then the part that grew
    constexpr std::size_t kFixed = 4 + 5 * 8 + 8 + 3 * 4 + 3 * 4 + 2 * 8 + 2 * 8;
    constexpr std::size_t kGrown = 8 + 4 + 4 + 1 + 3 * 8 + 1 + 3 * 8 + 1 + 1 + 8;
    std::size_t size = kFixed + kGrown + 8 * kText;
    for (const std::string_view text : {t.comm, t.exe, t.exepath, t.cwd, t.root}) size += cut(text, kMaxPath).size();
    for (const std::string_view text : {t.args, t.env, t.cgroups}) size += cut(text, kMaxBlob).size();
    return size;
}

} // namespace

void Writer::Impl::put_thread(const ThreadRecord& t) {
    put(static_cast<std::uint32_t>(thread_size(t)));
    for (const std::int64_t id : {t.tid, t.pid, t.ptid, t.sid, t.vpgid}) put(id);
    put_text(cut(t.comm, kMaxPath));
    put_text(cut(t.exe, kMaxPath));
    put_text(cut(t.exepath, kMaxPath));
    put_text(cut(t.args, kMaxBlob));
    put_text(cut(t.cwd, kMaxPath));
    put(t.fdlimit);
    for (const std::uint32_t number : {t.flags, t.uid, t.gid, t.vmsize_kb, t.vmrss_kb, t.vmswap_kb}) put(number);
    put(t.pfmajor);
    put(t.pfminor);
    put_text(cut(t.env, kMaxBlob));
    put(t.vtid);
    put(t.vpid);
    put_text(cut(t.cgroups, kMaxBlob));
    put_text(cut(t.root, kMaxPath));
    put(t.pidns_init_start);
    put(t.tty);
    put(t.loginuid);
    put(static_cast<std::uint8_t>(t.exe_writable));
    for (const std::uint64_t set : {t.cap_inheritable, t.cap_permitted, t.cap_effective}) put(set);
    put(static_cast<std::uint8_t>(t.exe_upper_layer));
    for (const std::uint64_t number : {t.exe_ino, t.exe_ino_ctime, t.exe_ino_mtime}) put(number);
    put(static_cast<std::uint8_t>(t.exe_from_memfd));
    put(static_cast<std::uint8_t>(t.exe_lower_layer));
    put(t.pgid);
}

Result<> Writer::Impl::write_threads(std::span<const ThreadRecord> threads) {
    while (!threads.empty()) {
        std::size_t body = 0, count = 0;
        while (count < threads.size() && body < kMaxList) body += thread_size(threads[count++]);
        begin_block(kThreadsBlock, body);
        for (const ThreadRecord& thread : threads.first(count)) {
            put_thread(thread);
            if (buffer_.size() > kBuffer) {
                if (auto done = drain(); !done) return done;
            }
        }
        if (auto done = end_block(); !done) return done;
        threads = threads.subspan(count);
    }
    return {};
}

namespace {

std::size_t fd_size(const FdRecord& record) {
    constexpr std::size_t kFixed = 4 + 8 + 8 + 1;
    const FdInfo& info = *record.info;
    const std::size_t name = kText + cut(info.name, kMaxPath).size();
    switch (info.type) {
    case FdType::unknown: return 0; // has no form on file
    case FdType::ipv4: return kFixed + 2 * 4 + 2 * 2 + 1;
    case FdType::ipv6: return kFixed + 2 * 16 + 2 * 2 + 1;
    case FdType::ipv4_server: return kFixed + 4 + 2 + 1;
    case FdType::ipv6_server: return kFixed + 16 + 2 + 1;
    case FdType::unix_socket: return kFixed + 2 * 8 + name;
    case FdType::file_v2: return kFixed + 4 + name + 4;
    default: return kFixed + name;
    }
}

} // namespace

void Writer::Impl::put_fd(const FdRecord& record) {
    const FdInfo& info = *record.info;
    const auto address = [&](const std::array<std::uint8_t, 16>& bytes) {
        for (std::size_t i = 0; i < (is_ipv6(info.type) ? 16u : 4u); ++i) put(bytes[i]);
    };
    put(static_cast<std::uint32_t>(fd_size(record)));
    put(record.fd);
    put(info.ino);
    // Older readers refuse a file with a type they do not know; all of those carry just a name.
    put(enter_events_ && info.type > FdType::file_v2 ? FdType::unsupported : info.type);
    switch (info.type) {
    case FdType::ipv4:
    case FdType::ipv6:
        address(info.source_address);
        address(info.destination_address);
        put(info.source_port);
        put(info.destination_port);
        put(info.l4);
        break;
    case FdType::ipv4_server:
    case FdType::ipv6_server:
        address(info.destination_address);
        put(info.destination_port);
        put(info.l4);
        break;
    case FdType::unix_socket:
        put(info.unix_source);
        put(info.unix_destination);
        put_text(cut(info.name, kMaxPath));
        break;
    case FdType::file_v2:
        put(info.open_flags);
        put_text(cut(info.name, kMaxPath));
        put(info.dev);
        break;
    default: put_text(cut(info.name, kMaxPath)); break;
    }
}

Result<> Writer::Impl::write_fds(std::int64_t tid, std::span<const FdRecord> fds) {
    std::size_t body = sizeof tid;
    for (const FdRecord& record : fds) body += fd_size(record);
    begin_block(kFdsBlock, body);
    put(tid);
    for (const FdRecord& record : fds) {
        if (fd_size(record) > 0) put_fd(record);
        if (buffer_.size() > kBuffer) {
            if (auto done = drain(); !done) return done;
        }
    }
    return end_block();
}

namespace {

struct EventLayout {
    bool large = false; // lengths of 32 bits, a block that may be long
    bool fits = true;
    std::uint32_t flags = 0;
    std::size_t length = 0; // header, lengths, data
    std::size_t body = 0;
};

EventLayout layout_of(const RawEvent& event) {
    EventLayout out;
    out.large = (event_schema()[event.code].flags & kLargePayload) != 0;
    out.flags = event.dump_flags & ~kDumpFlagLarge;
    const std::size_t per_param = out.large ? sizeof(std::uint32_t) : sizeof(std::uint16_t);
    out.length = kEventHeadV2 + event.params.size() * per_param;
    for (const std::string_view param : event.params) {
        out.fits = out.fits && (out.large || param.size() <= std::numeric_limits<std::uint16_t>::max());
        out.length += param.size();
    }
    out.body = sizeof event.cpu + (out.flags != 0 ? sizeof out.flags : 0) + out.length;
    const std::size_t most = out.large ? kMaxLargeEvent - kBlockHead : kMaxEventBody;
    out.fits = out.fits && padded(out.body) + kBlockTail <= most;
    return out;
}

} // namespace

std::uint64_t event_size(const RawEvent& event, bool with_enter_event) {
    if (event.code >= event_schema().size()) return 0;
    std::uint64_t size = kBlockHead + padded(layout_of(event).body) + kBlockTail;
    std::array<std::string_view, kMaxParams> params;
    RawEvent enter;
    if (with_enter_event && make_enter_event(event, params, enter)) size += event_size(enter);
    return size;
}

Result<> Writer::Impl::write_event(const RawEvent& event) {
    const bool whole = event.code < event_schema().size() && layout_of(event).fits;
    if (whole && enter_events_ && make_enter_event(event, enter_params_, enter_)) {
        if (auto done = put_event(enter_); !done) return done;
    }
    auto done = put_event(event);
    if (done) ++events;
    return done;
}

Result<> Writer::Impl::put_event(const RawEvent& event) {
    if (event.code >= event_schema().size())
        return fail(ErrorKind::invalid, fmt::format("event {} is not one of the capture format", event.code));
    const auto [large, fits, flags, length, body] = layout_of(event);
    if (!fits)
        return fail(ErrorKind::invalid, fmt::format("an event of {} bytes is too long for a capture file", length));
    const std::uint32_t type =
        large ? (flags != 0 ? kLargeEventFlagsBlock : kLargeEventBlock) : (flags != 0 ? kEventFlagsBlock : kEventBlock);
    begin_block(type, body);
    put(event.cpu);
    if (flags != 0) put(flags);
    put(event.time);
    put(event.tid);
    put(static_cast<std::uint32_t>(length));
    put(event.code);
    put(static_cast<std::uint32_t>(event.params.size()));
    for (const std::string_view param : event.params) {
        if (large)
            put(static_cast<std::uint32_t>(param.size()));
        else
            put(static_cast<std::uint16_t>(param.size()));
    }
    for (const std::string_view param : event.params) put_bytes(param);
    return end_block();
}

Result<> Writer::Impl::flush() {
    if (auto done = drain(); !done) return done;
    return output_.flush();
}

Result<> Writer::Impl::close() {
    if (auto done = drain(); !done) return done;
    return output_.close();
}

Result<Writer> Writer::create(const std::string& path, WriterOptions options) {
    std::unique_ptr<Impl> impl;
    if (path == "-") {
        impl = std::make_unique<Impl>(UniqueFd(), STDOUT_FILENO);
    } else {
        UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file) return fail_errno("open " + path, errno);
        const int fd = file.get();
        impl = std::make_unique<Impl>(std::move(file), fd);
    }
    if (auto done = impl->begin(options); !done) return std::unexpected(done.error());
    return Writer(std::move(impl));
}

Result<Writer> Writer::from_fd(int fd, WriterOptions options) {
    auto impl = std::make_unique<Impl>(UniqueFd(fd), fd);
    if (auto done = impl->begin(options); !done) return std::unexpected(done.error());
    return Writer(std::move(impl));
}

Result<Writer> Writer::to_string(std::string& out, WriterOptions options) {
    auto impl = std::make_unique<Impl>(out);
    if (auto done = impl->begin(options); !done) return std::unexpected(done.error());
    return Writer(std::move(impl));
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() {
    if (impl_) static_cast<void>(impl_->close());
}

Result<> Writer::write_machine(const MachineInfo& machine) { return impl_->write_machine(machine); }
Result<> Writer::write_interfaces(std::span<const Interface> interfaces) { return impl_->write_interfaces(interfaces); }
Result<> Writer::write_users(std::span<const UserRecord> users, std::span<const GroupRecord> groups) {
    return impl_->write_users(users, groups);
}
Result<> Writer::write_threads(std::span<const ThreadRecord> threads) { return impl_->write_threads(threads); }
Result<> Writer::write_fds(std::int64_t tid, std::span<const FdRecord> fds) { return impl_->write_fds(tid, fds); }
Result<> Writer::write_event(const RawEvent& event) { return impl_->write_event(event); }
Result<> Writer::flush() { return impl_->flush(); }
Result<> Writer::close() { return impl_->close(); }
std::uint64_t Writer::bytes_in() const { return impl_->bytes_in(); }
std::uint64_t Writer::bytes_out() const { return impl_->bytes_out(); }
std::uint64_t Writer::events() const { return impl_->events; }

} // namespace gyr::capfile
