#pragma once
// Reads a capture file (.scap) item by item, plain or gzip, in memory that does not grow with the file.
//
//     auto reader = Reader::open("a.scap");
//     if (!reader) return reader.error();
//     for (;;) {
//         switch (reader->next()) {
//         case Item::event: apply(reader->event()); break;
//         case Item::thread: remember(reader->thread()); break;
//         case Item::damage: report(reader->damage()); [[fallthrough]];
//         case Item::end: return;
//         default: break;
//         }
//     }
//
// Items come in the order of the file. Everything before a damaged place is delivered, then Item::damage once, and
// from then on Item::end. Files that were written one after another into one are fine: a second Item::section comes,
// and what follows it describes the machine anew.
//
// Events come in the current schema: those of older captures are upgraded (capfile/conversion.h) unless asked
// otherwise. What cannot be used is not silent: see stats().
//
// What an accessor returns is good until the next call of next(). Not thread safe.

#include "base/result.h"
#include "capfile/conversion.h"
#include "capfile/records.h"
#include "event/raw_event.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gyr::capfile {

enum class Item : std::uint8_t {
    section,       // section()
    machine,       // machine()
    interface,     // interface(), one a call
    user,          // user()
    group,         // group()
    thread,        // thread(), one entry of a process list
    fd,            // fd(), one entry of a descriptor list
    event,         // event()
    unknown_block, // unknown_block(): once for each type; its blocks are skipped
    damage,        // damage(): the file is broken here
    end,
};

struct UnknownBlock {
    std::uint32_t type = 0;
    std::uint32_t length = 0; // of the whole block, bytes
    std::uint64_t offset = 0; // of its first one, in the (decompressed) capture
};

struct Damage {
    std::uint64_t offset = 0; // bytes from the start of the capture as it is when decompressed
    bool compressed = false;  // false: offset is the one in the file too
    std::string message;      // one sentence with the offset, no file name
};

struct ReaderOptions {
    bool upgrade = true; // false: events as they are in the file
    int stop_fd = -1;    // readable: the file ends here, also while nothing comes from a pipe
};

struct ReaderStats {
    std::uint64_t bytes = 0;          // of the capture, decompressed, read so far
    std::uint64_t events = 0;         // event blocks read
    std::uint64_t delivered = 0;      // events delivered
    std::uint64_t events_unknown = 0; // with a code that this schema does not have: a newer writer's; skipped
    std::uint64_t blocks_unknown = 0; // skipped
    ConversionStats conversion;
};

class Reader {
  public:
    // "-" is standard input. An error names the file: it cannot be opened, is empty, or is no capture file.
    [[nodiscard]] static Result<Reader> open(const std::string& path, ReaderOptions options = {});
    // Bytes in memory, which must outlive the reader.
    [[nodiscard]] static Result<Reader> from_bytes(std::span<const std::byte> bytes, ReaderOptions options = {});

    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

    [[nodiscard]] Item next();

    [[nodiscard]] const Section& section() const;
    [[nodiscard]] const MachineInfo& machine() const;
    [[nodiscard]] const Interface& interface() const;
    [[nodiscard]] const UserRecord& user() const;
    [[nodiscard]] const GroupRecord& group() const;
    [[nodiscard]] const ThreadRecord& thread() const;
    [[nodiscard]] const FdRecord& fd() const;
    [[nodiscard]] const RawEvent& event() const;
    // Whether rules see the event, as Falco has it. Not enter events of system calls, those marked as only for the
    // state, and those of users, groups and containers before the first other event: they describe what was there.
    [[nodiscard]] bool for_rules() const;
    [[nodiscard]] const UnknownBlock& unknown_block() const;
    [[nodiscard]] const Damage& damage() const;
    [[nodiscard]] const ReaderStats& stats() const;

  private:
    class Impl;
    explicit Reader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr::capfile
