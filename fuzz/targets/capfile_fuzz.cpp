// The capture reader over any bytes: as they are in the file, and upgraded to the current schema. What is read is
// written and read again, which must give the same events.
#include "capfile/reader.h"
#include "capfile/writer.h"
#include "event/schema.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>

using namespace gyr;
using namespace gyr::capfile;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

// Reads everything, so that a view outside the input is seen.
std::uint64_t sum_of(std::string_view bytes) {
    std::uint64_t sum = bytes.size();
    for (const char c : bytes) sum = sum * 31 + static_cast<unsigned char>(c);
    return sum;
}

std::uint64_t read_all(std::span<const std::byte> bytes, bool upgrade, std::string* copy) {
    auto reader = Reader::from_bytes(bytes, {.upgrade = upgrade});
    if (!reader) return 0;
    std::optional<Writer> writer;
    if (copy != nullptr) writer = std::move(*Writer::to_string(*copy, {.compress = false}));
    std::uint64_t sum = 0;
    bool damaged = false;
    for (Item item = reader->next(); item != Item::end; item = reader->next()) {
        check(!damaged); // nothing comes behind damage
        switch (item) {
        case Item::event: {
            const RawEvent& e = reader->event();
            check(e.code < event_schema().size() && e.params.size() <= event_schema()[e.code].params.size());
            for (const std::string_view p : e.params) sum = sum * 31 + sum_of(p);
            sum = sum * 31 + e.code;
            if (writer) static_cast<void>(writer->write_event(e));
            break;
        }
        case Item::thread: {
            const ThreadRecord& t = reader->thread();
            for (const auto text : {t.comm, t.exe, t.exepath, t.args, t.cwd, t.env, t.cgroups, t.root})
                static_cast<void>(sum_of(text));
            if (writer) static_cast<void>(writer->write_threads({&t, 1}));
            break;
        }
        case Item::fd: {
            const FdRecord& fd = reader->fd();
            static_cast<void>(sum_of(fd.info->name));
            if (writer) static_cast<void>(writer->write_fds(fd.tid, {&fd, 1}));
            break;
        }
        case Item::user: static_cast<void>(sum_of(reader->user().home)); break;
        case Item::group: static_cast<void>(sum_of(reader->group().name)); break;
        case Item::interface: static_cast<void>(sum_of(reader->interface().name)); break;
        case Item::damage:
            damaged = true;
            check(!reader->damage().message.empty());
            break;
        default: break;
        }
    }
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    static_cast<void>(read_all(bytes, true, nullptr));
    std::string copy;
    const std::uint64_t sum = read_all(bytes, false, &copy);
    const std::uint64_t again = read_all(std::as_bytes(std::span(copy)), false, nullptr);
    check(copy.empty() || sum == again);
    return 0;
}
