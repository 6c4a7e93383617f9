#include "recording/flight_recorder.h"

#include "event/schema.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace gyr::recording {

// Before each event's parameters: then as many lengths, then their bytes.
struct FlightRecorder::Head {
    std::uint32_t size = 0; // of the entry, a multiple of 8; 0: the rest of the memory is not used, go on at its start
    EventCode code = 0;
    std::int16_t cpu = 0;
    Nanos time = 0;
    std::int64_t tid = 0;
    std::uint32_t dump_flags = 0;
    std::uint32_t params = 0;
};

FlightRecorder::FlightRecorder(FlightRecorderOptions options) : options_(options) {
    constexpr std::size_t kLeast = 4096;
    options_.max_bytes = std::max(options_.max_bytes, kLeast) / sizeof(Head) * sizeof(Head);
    if (on()) memory_ = std::make_unique_for_overwrite<std::byte[]>(options_.max_bytes);
}

const FlightRecorder::Head& FlightRecorder::head_at(std::uint64_t position) const {
    const void* at = memory_.get() + position % options_.max_bytes;
    return *static_cast<const Head*>(at);
}

std::uint64_t FlightRecorder::next_entry(std::uint64_t position) const {
    const std::uint64_t left = options_.max_bytes - position % options_.max_bytes;
    return left < sizeof(Head) || head_at(position).size == 0 ? position + left : position;
}

void FlightRecorder::drop_oldest() {
    first_ += head_at(first_).size;
    if (--count_ == 0)
        first_ = end_;
    else
        first_ = next_entry(first_);
}

namespace {

std::size_t entry_size(std::size_t head, const RawEvent& event) {
    std::size_t size = head + event.params.size() * sizeof(std::uint32_t);
    for (const std::string_view param : event.params) size += param.size();
    return (size + 7) / 8 * 8;
}

} // namespace

std::uint64_t FlightRecorder::start_of(std::size_t size) const {
    const std::uint64_t left = options_.max_bytes - end_ % options_.max_bytes;
    return left < size ? end_ + left : end_;
}

bool FlightRecorder::has_room(const RawEvent& event) const {
    const std::size_t size = entry_size(sizeof(Head), event);
    return on() && size <= options_.max_bytes / 4 && start_of(size) + size - first_ <= options_.max_bytes;
}

void FlightRecorder::keep(const RawEvent& event) {
    if (!on() || event.code >= event_schema().size()) return;
    const std::size_t size = entry_size(sizeof(Head), event);
    newest_ = std::max(newest_, event.time);
    while (count_ > 0 && head_at(first_).time < newest_ - options_.span) drop_oldest();
    if (size > options_.max_bytes / 4) {
        ++starved_;
        return;
    }
    const std::uint64_t left = options_.max_bytes - end_ % options_.max_bytes;
    const std::uint64_t start = start_of(size);
    while (count_ > 0 && start + size - first_ > options_.max_bytes) {
        drop_oldest();
        ++starved_;
    }
    if (left < size && left >= sizeof(Head)) new (memory_.get() + end_ % options_.max_bytes) Head{};
    std::byte* to = memory_.get() + start % options_.max_bytes;
    new (to) Head{static_cast<std::uint32_t>(size),
                  event.code,
                  event.cpu,
                  event.time,
                  event.tid,
                  event.dump_flags,
                  static_cast<std::uint32_t>(event.params.size())};
    to += sizeof(Head);
    for (const std::string_view param : event.params) {
        const auto length = static_cast<std::uint32_t>(param.size());
        std::memcpy(to, &length, sizeof length);
        to += sizeof length;
    }
    for (const std::string_view param : event.params) {
        if (!param.empty()) std::memcpy(to, param.data(), param.size());
        to += param.size();
    }
    if (count_ == 0) first_ = start;
    end_ = start + size;
    ++count_;
}

Result<> FlightRecorder::for_each(FunctionRef<Result<>(const RawEvent&)> visit) const {
    std::array<std::string_view, kMaxParams> params;
    std::uint64_t position = first_;
    for (std::size_t i = 0; i < count_; ++i) {
        position = next_entry(position);
        const Head& head = head_at(position);
        const void* raw = memory_.get() + position % options_.max_bytes + sizeof(Head);
        const char* lengths = static_cast<const char*>(raw);
        const char* data = lengths + head.params * sizeof(std::uint32_t);
        for (std::uint32_t p = 0; p < head.params; ++p) {
            std::uint32_t length = 0;
            std::memcpy(&length, lengths + p * sizeof length, sizeof length);
            params[p] = {data, length};
            data += length;
        }
        RawEvent event;
        event.code = head.code;
        event.cpu = head.cpu;
        event.time = head.time;
        event.tid = head.tid;
        event.dump_flags = head.dump_flags;
        event.params = std::span(params).first(head.params);
        if (auto done = visit(event); !done) return done;
        position += head.size;
    }
    return {};
}

void FlightRecorder::clear() {
    first_ = end_;
    count_ = 0;
}

Nanos FlightRecorder::oldest() const { return count_ > 0 ? head_at(first_).time : 0; }

} // namespace gyr::recording
