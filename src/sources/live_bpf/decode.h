#pragma once
// Turns one record of the process lane (abi/process_wire.h) into a ProcessRecord. Every offset and length is checked,
// so any bytes may be given; nothing is allocated once the buffers have grown to the largest record seen.

#include "base/ids.h"
#include "event/process_record.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct gyr_blob;
struct gyr_process_record;
struct gyr_stdio;

namespace gyr {

class RecordDecoder {
  public:
    RecordDecoder();

    // Wall clock minus time since boot, added to the records' boot times.
    void set_boot_offset(Nanos offset) { boot_offset_ = offset; }

    // False when the bytes are not a record. out's views point into bytes and into this decoder, and are valid until
    // the next call or until bytes go. REQUIRES: bytes is 8-byte aligned, as records in the ring are.
    [[nodiscard]] bool decode(std::span<const std::byte> bytes, ProcessRecord& out);

  private:
    [[nodiscard]] std::span<const std::byte> blob(const gyr_blob& b) const;
    [[nodiscard]] std::string_view path(const gyr_blob& b);
    void append_path(std::string_view reversed, std::uint32_t flags);
    void decode_ids(const gyr_process_record& r, ProcessRecord& out) const;
    void decode_executable(const gyr_process_record& r, ProcessRecord& out);
    void decode_strings(const gyr_process_record& r, ProcessRecord& out) const;
    void decode_cgroups(const gyr_process_record& r);
    [[nodiscard]] StdioRecord decode_stdio(const gyr_stdio& s);
    [[nodiscard]] StdioRecord decode_socket(const gyr_stdio& s);

    std::span<const std::byte> area_;
    std::string text_; // paths and names; never grows beyond what decode() reserved, so views into it stay
    std::vector<CgroupRecord> cgroups_;
    std::vector<Gid> groups_;
    std::uint64_t page_kb_;
    Nanos boot_offset_ = 0;
};

} // namespace gyr
