#pragma once
// Turns a record of the system-call collector (abi/syscall_wire.h) into a RawEvent: parameters as the capture format
// has them, made of the call's arguments, its result and what the kernel fetched. Any bytes may be given; nothing is
// allocated once names have grown to their usual length.

#include "abi/syscall_wire.h"
#include "base/ids.h"
#include "event/raw_event.h"
#include "sources/live_bpf/call_table.h"
#include "sources/live_bpf/describe_object.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gyr {

class EventDecoder {
  public:
    EventDecoder();
    ~EventDecoder();

    void set_boot_offset(Nanos offset) { boot_offset_ = offset; }

    enum class Outcome : std::uint8_t { event, half, malformed };
    // half: what was fetched when a call began; it is kept for the thread's next record. out's views are valid until
    // the next call or until bytes go. REQUIRES: bytes is 8-byte aligned.
    [[nodiscard]] Outcome decode(std::span<const std::byte> bytes, RawEvent& out);

  private:
    struct Item {
        std::span<const std::byte> bytes;
        std::uint8_t op = 0, flags = 0;
        bool present = false;
    };
    class Writer;

    bool read_items(const gyr_event_header& header, std::span<const std::byte> rest);
    void keep_half(const gyr_event_header& header, std::span<const std::byte> bytes);
    void take_half(const gyr_event_header& header);
    void describe_datagram(const gyr_event_header& header);
    void read_objects(const CollectedEvent& event, const gyr_event_header& header);
    void resolve_paths(const CollectedEvent& event, const gyr_event_header& header);
    // start: the folder that the path begins in; empty: of an absolute path, or not known.
    static void resolve_path(std::string_view given, std::string& start, const gyr_event_header& header, FdInfo& path);
    [[nodiscard]] std::string_view working_directory(const CollectedEvent& event);
    void write_param(const ParamSource& p, std::uint8_t width, const gyr_event_header& h, Writer& w);
    void write_path_param(const ParamSource& p, const gyr_event_header& h, Writer& w);
    void write_socket_param(const ParamSource& p, const gyr_event_header& h, Writer& w);
    void write_option_value(std::uint8_t k, const gyr_event_header& h, Writer& w);
    void write_quota_param(const ParamSource& p, const gyr_event_header& h, Writer& w);
    void write_other_param(const ParamSource& p, const gyr_event_header& h, Writer& w);
    [[nodiscard]] std::string_view item_text(std::uint8_t fetch) const;
    [[nodiscard]] std::uint64_t item_number(std::uint8_t fetch, std::size_t offset, std::size_t size) const;
    [[nodiscard]] gyr_message message(std::uint8_t fetch) const;

    std::array<Item, GYR_FETCHES> items_{};
    std::array<KernelObject, GYR_FETCHES> objects_{};
    std::array<std::string_view, kMaxParams> params_{};
    std::vector<char> area_; // numbers and addresses that parameters point to
    FdInfo fd_, other_fd_, path_, other_path_;
    std::string base_, other_base_, cwd_;
    std::array<FileNumbers, GYR_FILES_BELOW> below_{}, other_below_{};
    std::string half_;                                            // of the event at hand
    using Halves = std::unordered_map<std::int32_t, std::string>; // by thread
    Halves halves_;
    std::vector<Halves::node_type> spare_halves_; // with their memory
    Nanos boot_offset_ = 0;
    bool compat_ = false;
};

} // namespace gyr
