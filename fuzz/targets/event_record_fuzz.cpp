// Records of the kernel side, as any bytes: those of the system-call collector, one after the other, as the ring would
// give them, and those of the process lane. The kernel writes them, but a reader that trusts lengths in them would turn
// one mistake there into another here.
#include "event/schema.h"
#include "sources/live_bpf/decode.h"
#include "sources/live_bpf/event_decode.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

using namespace gyr;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

volatile std::uint64_t sink;
void read_all(std::string_view text) {
    std::uint64_t sum = 0;
    for (const char c : text) sum = sum * 31 + static_cast<unsigned char>(c);
    sink = sum;
}

// A copy where numbers can be read in place, with what every record of its kind has in front.
std::span<const std::byte> prepare(std::span<const std::byte> bytes, std::vector<std::uint64_t>& storage) {
    storage.assign((bytes.size() + 7) / 8, 0);
    if (!bytes.empty()) std::memcpy(storage.data(), bytes.data(), bytes.size());
    auto* raw = reinterpret_cast<std::byte*>(storage.data());
    const auto size = static_cast<std::uint32_t>(bytes.size());
    if (bytes.size() >= sizeof(gyr_event_header)) {
        const std::uint32_t magic = GYR_EVENT_MAGIC;
        std::memcpy(raw + offsetof(gyr_event_header, magic), &magic, sizeof magic);
        std::memcpy(raw + offsetof(gyr_event_header, size), &size, sizeof size);
    }
    return {raw, bytes.size()};
}

void decode_event(EventDecoder& decoder, std::span<const std::byte> bytes) {
    RawEvent event;
    if (decoder.decode(bytes, event) != EventDecoder::Outcome::event) return;
    const EventInfo* info = find_event(event.code, event.params);
    check(info != nullptr && event.params.size() <= info->params.size());
    for (const std::string_view p : event.params) read_all(p);
    for (const std::span<const FileNumbers> below : {event.below, event.other_below})
        for (const FileNumbers& f : below) sink = sink + f.ino + f.dev;
    for (const FdInfo* fd : {event.fd, event.other_fd, event.path}) {
        if (fd == nullptr) continue;
        read_all(fd->name);
        read_all(fd->name_raw);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::span<const std::byte> rest = std::as_bytes(std::span(data, size));
    std::vector<std::uint64_t> storage;
    EventDecoder events;
    RecordDecoder records;
    while (rest.size() >= 2) {
        const std::size_t length = std::min<std::size_t>(
            std::to_integer<std::size_t>(rest[0]) | std::to_integer<std::size_t>(rest[1]) << 8, rest.size() - 2);
        const auto record = rest.subspan(2, length);
        rest = rest.subspan(2 + length);
        decode_event(events, prepare(record, storage));
        std::vector<std::uint64_t> other((record.size() + 7) / 8);
        if (!record.empty()) std::memcpy(other.data(), record.data(), record.size());
        auto* raw = reinterpret_cast<std::byte*>(other.data());
        if (record.size() >= 8) {
            const std::uint32_t head[2] = {GYR_RECORD_MAGIC, static_cast<std::uint32_t>(record.size())};
            std::memcpy(raw, head, sizeof head);
        }
        ProcessRecord out;
        if (records.decode({raw, record.size()}, out)) {
            read_all(out.comm);
            read_all(out.exe_path);
        }
    }
    return 0;
}
