#include "capfile/reader.h"

#include "capfile/cursor.h"
#include "capfile/event_block.h"
#include "capfile/format.h"
#include "capfile/input.h"
#include "capfile/list_entries.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <unordered_set>
#include <utility>

namespace gyr::capfile {
namespace {

constexpr std::size_t kMaxUnknownTypes = 64; // told of; further ones are only counted

std::string_view name_of(BlockKind kind) {
    switch (kind) {
    case BlockKind::section: return "section header";
    case BlockKind::machine: return "machine information";
    case BlockKind::interfaces: return "interface list";
    case BlockKind::users: return "user list";
    case BlockKind::threads: return "process list";
    case BlockKind::fds: return "descriptor list";
    case BlockKind::event: return "event";
    }
    return "block";
}

} // namespace

class Reader::Impl {
  public:
    Impl(Input input, ReaderOptions options) : input_(std::move(input)), options_(options) {}

    Result<> begin();
    Item next();

    Section section_;
    MachineInfo machine_;
    Interface interface_;
    UserRecord user_;
    GroupRecord group_;
    ThreadRecord thread_;
    FdRecord fd_;
    RawEvent event_;
    UnknownBlock unknown_;
    Damage damage_;
    ReaderStats stats_;

    bool for_rules() const {
        return !inventory_ && reaches_rules(event_.code) && (event_.dump_flags & kDumpFlagStateOnly) == 0;
    }
    const ReaderStats& stats() {
        stats_.bytes = input_.offset();
        stats_.conversion = converter_.stats();
        return stats_;
    }

  private:
    // The block that is being read.
    struct Block {
        const BlockType* type = nullptr;
        std::uint32_t number = 0;
        std::uint32_t length = 0;
        std::uint64_t offset = 0;
    };

    // Each gives the item to deliver, or nothing to go on.
    std::optional<Item> next_block();
    std::optional<Item> begin_block();
    std::optional<Item> read_event();
    std::optional<Item> next_entry();
    std::optional<Item> skip_unknown();
    Item read_section();
    Item read_machine();
    std::optional<Item> end_of_list();
    bool end_of_block();
    Item decode_entry(Cursor& in, std::string_view& wrong);
    bool has_entry_length() const;
    Item broken(std::uint64_t offset, std::string_view what);
    Item cut_short();
    std::string_view block_name() const { return name_of(block_.type->kind); }

    Input input_;
    ReaderOptions options_;
    Converter converter_;
    std::array<std::string_view, kMaxParams> params_{};
    FdInfo fd_info_;
    Block block_;
    std::uint64_t left_ = 0; // of the body of the list that is being read
    // What the last item was in, to be passed over when the next one is asked for: bytes in view, and bytes after them.
    std::size_t passed_ = 0;
    std::uint64_t to_skip_ = 0;
    bool in_list_ = false;
    bool inventory_ = true; // no event yet but such as describe what was there
    bool over_ = false;
    std::unordered_set<std::uint32_t> unknown_types_;
};

// The first block must be a section header, else this is no capture file.
Result<> Reader::Impl::begin() {
    if (!input_.ensure(1)) {
        return input_.failure().empty() ? fail(ErrorKind::invalid, "is empty") : fail(ErrorKind::io, input_.failure());
    }
    if (!input_.ensure(kBlockHead + 16)) {
        if (!input_.failure().empty()) return fail(ErrorKind::invalid, input_.failure());
        return fail(ErrorKind::invalid, "is not a capture file: too short for a section header");
    }
    const char* at = input_.data();
    if (load<std::uint32_t>(at) != kSectionBlock)
        return fail(ErrorKind::invalid, "is not a capture file: it does not begin with a section header");
    const auto magic = load<std::uint32_t>(at + kBlockHead);
    if (magic == kSwappedMagic)
        return fail(ErrorKind::unsupported, "was written on a machine of the other byte order, which is not supported");
    if (magic != kByteOrderMagic)
        return fail(ErrorKind::invalid, "is not a capture file: its byte-order mark is wrong");
    const auto major = load<std::uint16_t>(at + kBlockHead + 4);
    if (major > kMajorVersion)
        return fail(ErrorKind::unsupported,
                    fmt::format("is of version {} of the capture format; up to {} can be read", major, kMajorVersion));
    return {};
}

Item Reader::Impl::broken(std::uint64_t offset, std::string_view what) {
    over_ = true;
    damage_ = {offset, input_.compressed(), fmt::format("damaged at byte {}: {}", offset, what)};
    return Item::damage;
}

// The stream ended, or could not be read on, inside a block.
Item Reader::Impl::cut_short() {
    const std::uint64_t end = input_.offset() + input_.available();
    over_ = true;
    const std::string why = input_.failure().empty() ? "the file ends" : input_.failure();
    const std::string where = block_.type != nullptr
                                  ? fmt::format("the {} block that begins at byte {}", block_name(), block_.offset)
                                  : fmt::format("the block that begins at byte {}", block_.offset);
    damage_ = {end, input_.compressed(), fmt::format("damaged at byte {}: {}, inside {}", end, why, where)};
    return Item::damage;
}

Item Reader::Impl::next() {
    for (;;) {
        if (over_) return Item::end;
        input_.consume(std::exchange(passed_, 0));
        if (to_skip_ > 0 && !input_.skip(std::exchange(to_skip_, 0))) return cut_short();
        if (const auto item = in_list_ ? next_entry() : next_block()) return *item;
    }
}

std::optional<Item> Reader::Impl::next_block() {
    if (!input_.ensure(kBlockHead)) {
        block_ = {nullptr, 0, 0, input_.offset()};
        if (input_.available() > 0 || !input_.failure().empty()) return cut_short();
        over_ = true;
        return Item::end;
    }
    const char* at = input_.data();
    block_.number = load<std::uint32_t>(at);
    block_.length = load<std::uint32_t>(at + 4);
    block_.offset = input_.offset();
    if (block_.type == nullptr || block_.type->number != block_.number) block_.type = find_block_type(block_.number);
    if (block_.length < kBlockHead + kBlockTail)
        return broken(block_.offset,
                      fmt::format("a block of type {:#x} and the impossible length {}", block_.number, block_.length));
    if (block_.type == nullptr) return skip_unknown();
    if (block_.type->kind == BlockKind::event) return read_event();
    if (block_.type->kind == BlockKind::section) return read_section();
    if (block_.type->kind == BlockKind::machine) return read_machine();
    return begin_block();
}

std::optional<Item> Reader::Impl::skip_unknown() {
    ++stats_.blocks_unknown;
    if (!input_.skip(block_.length)) return cut_short();
    if (unknown_types_.size() >= kMaxUnknownTypes || !unknown_types_.insert(block_.number).second) return std::nullopt;
    unknown_ = {block_.number, block_.length, block_.offset};
    return Item::unknown_block;
}

std::optional<Item> Reader::Impl::read_event() {
    const std::size_t most = block_.type->large ? kMaxLargeEvent : kBlockHead + kMaxEventBody;
    if (block_.length > most) [[unlikely]]
        return broken(block_.offset, fmt::format("an event block of {} bytes; {} are allowed", block_.length, most));
    if (!input_.ensure(block_.length)) [[unlikely]]
        return cut_short();
    std::string_view wrong;
    const EventOutcome outcome = decode_event(*block_.type, input_.data() + kBlockHead,
                                              block_.length - kBlockHead - kBlockTail, params_, event_, wrong);
    ++stats_.events;
    passed_ = block_.length;
    if (outcome != EventOutcome::ok) [[unlikely]] {
        if (outcome == EventOutcome::damaged) return broken(block_.offset, wrong);
        ++stats_.events_unknown;
        return std::nullopt;
    }
    if (options_.upgrade && converter_.convert(event_) == Converter::Outcome::drop) return std::nullopt;
    ++stats_.delivered;
    if (inventory_) [[unlikely]]
        inventory_ = is_inventory(event_.code);
    return Item::event;
}

// A block's trailer, which repeats its length.
bool Reader::Impl::end_of_block() {
    const bool good = load<std::uint32_t>(input_.data()) == block_.length;
    input_.consume(kBlockTail);
    return good;
}

Item Reader::Impl::read_section() {
    constexpr std::size_t kBody = 16;
    if (block_.length < kBlockHead + kBody + kBlockTail)
        return broken(block_.offset, "a section header that is too short");
    if (!input_.ensure(kBlockHead + kBody)) return cut_short();
    const char* at = input_.data() + kBlockHead;
    if (load<std::uint32_t>(at) != kByteOrderMagic)
        return broken(block_.offset, "a section header with a wrong byte-order mark");
    section_ = {load<std::uint16_t>(at + 4), load<std::uint16_t>(at + 6)};
    if (section_.major > kMajorVersion)
        return broken(block_.offset,
                      fmt::format("a section of version {}; up to {} can be read", section_.major, kMajorVersion));
    if (!input_.skip(block_.length - kBlockTail) || !input_.ensure(kBlockTail)) return cut_short();
    if (!end_of_block()) return broken(block_.offset, "the two lengths of the section header block differ");
    converter_.reset();
    inventory_ = true;
    return Item::section;
}

Item Reader::Impl::read_machine() {
    if (block_.length < kBlockHead + kMachineBody + kBlockTail)
        return broken(block_.offset, "a machine information block that is too short");
    if (block_.length > kBlockHead + kMaxEntry)
        return broken(block_.offset, "a machine information block that is too long");
    if (!input_.ensure(block_.length)) return cut_short();
    const char* at = input_.data();
    Cursor in(at + kBlockHead, kMachineBody);
    machine_ = decode_machine(in);
    if (load<std::uint32_t>(at + block_.length - kBlockTail) != block_.length)
        return broken(block_.offset, "the two lengths of the machine information block differ");
    passed_ = block_.length;
    return Item::machine;
}

std::optional<Item> Reader::Impl::begin_block() {
    left_ = block_.length - kBlockHead - kBlockTail;
    input_.consume(kBlockHead);
    in_list_ = true;
    if (block_.type->kind == BlockKind::fds) {
        if (left_ < sizeof(std::int64_t)) return broken(block_.offset, "a descriptor list without its thread");
        if (!input_.ensure(sizeof(std::int64_t))) return cut_short();
        fd_ = {load<std::int64_t>(input_.data()), 0, &fd_info_};
        input_.consume(sizeof(std::int64_t));
        left_ -= sizeof(std::int64_t);
    }
    return std::nullopt;
}

std::optional<Item> Reader::Impl::end_of_list() {
    in_list_ = false;
    if (!input_.ensure(static_cast<std::size_t>(left_) + kBlockTail)) return cut_short();
    input_.consume(static_cast<std::size_t>(left_)); // padding
    if (!end_of_block())
        return broken(block_.offset, fmt::format("the two lengths of the {} block differ", block_name()));
    return std::nullopt;
}

bool Reader::Impl::has_entry_length() const {
    return block_.type->kind == BlockKind::threads ? block_.type->version >= 9 : block_.type->version >= 2;
}

// One entry, of which as much is made visible as it turns out to need: old entries do not say how long they are.
std::optional<Item> Reader::Impl::next_entry() {
    constexpr std::size_t kLength = sizeof(std::uint32_t);
    constexpr std::size_t kFirstLook = 4096;
    if (left_ < kLength) return end_of_list();
    std::uint64_t entry = left_; // bytes it may have
    std::size_t before = 0;
    if (has_entry_length()) {
        if (!input_.ensure(kLength)) return cut_short();
        entry = load<std::uint32_t>(input_.data());
        if (block_.type->kind == BlockKind::interfaces) entry += kLength; // the only length that does not count itself
        before = kLength;
        if (entry < kLength || entry > left_)
            return broken(input_.offset(), fmt::format("an entry of {} bytes in the {} block, which has {} left", entry,
                                                       block_name(), left_));
    }
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(entry, kMaxEntry));
    std::size_t look = before > 0 ? most : std::min(most, std::max(kFirstLook, input_.available()));
    for (;;) {
        const bool whole = input_.ensure(look);
        if (!whole && before > 0) return cut_short();
        const std::size_t visible = std::min(whole ? look : input_.available(), most);
        Cursor in(input_.data() + before, visible < before ? 0 : visible - before);
        std::string_view wrong;
        const Item item = decode_entry(in, wrong);
        if (!wrong.empty()) return broken(input_.offset(), fmt::format("{} in the {} block", wrong, block_name()));
        if (in.ok()) {
            const std::uint64_t size = before > 0 ? entry : in.used();
            left_ -= size;
            passed_ = static_cast<std::size_t>(std::min<std::uint64_t>(size, input_.available()));
            to_skip_ = size - passed_;
            return item;
        }
        if (!whole) return cut_short();
        if (look == most)
            return broken(input_.offset(),
                          fmt::format("an entry of the {} block is longer than there is room", block_name()));
        look = std::min(most, look * 2);
    }
}

Item Reader::Impl::decode_entry(Cursor& in, std::string_view& wrong) {
    switch (block_.type->kind) {
    case BlockKind::threads: decode_thread(in, block_.type->version, thread_); return Item::thread;
    case BlockKind::fds: wrong = decode_fd(in, has_entry_length(), fd_.fd, fd_info_); return Item::fd;
    case BlockKind::interfaces: wrong = decode_interface(in, interface_); return Item::interface;
    default: return decode_user_or_group(in, user_, group_) ? Item::user : Item::group;
    }
}

Result<Reader> Reader::open(const std::string& path, ReaderOptions options) {
    auto input = Input::open(path, options.stop_fd);
    if (!input) return std::unexpected(input.error());
    auto impl = std::make_unique<Impl>(std::move(*input), options);
    if (auto begun = impl->begin(); !begun) return fail(begun.error().kind, path + ": " + begun.error().message);
    return Reader(std::move(impl));
}

Result<Reader> Reader::from_bytes(std::span<const std::byte> bytes, ReaderOptions options) {
    auto impl = std::make_unique<Impl>(Input::from_bytes(bytes), options);
    if (auto begun = impl->begin(); !begun) return fail(begun.error().kind, "the capture " + begun.error().message);
    return Reader(std::move(impl));
}

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Item Reader::next() { return impl_->next(); }
const Section& Reader::section() const { return impl_->section_; }
const MachineInfo& Reader::machine() const { return impl_->machine_; }
const Interface& Reader::interface() const { return impl_->interface_; }
const UserRecord& Reader::user() const { return impl_->user_; }
const GroupRecord& Reader::group() const { return impl_->group_; }
const ThreadRecord& Reader::thread() const { return impl_->thread_; }
const FdRecord& Reader::fd() const { return impl_->fd_; }
const RawEvent& Reader::event() const { return impl_->event_; }
bool Reader::for_rules() const { return impl_->for_rules(); }
const UnknownBlock& Reader::unknown_block() const { return impl_->unknown_; }
const Damage& Reader::damage() const { return impl_->damage_; }
const ReaderStats& Reader::stats() const { return impl_->stats(); }

} // namespace gyr::capfile
