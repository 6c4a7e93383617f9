#pragma once
// Writes a capture file (.scap) that other readers of the format understand: blocks of the current version, plain or
// gzip.
//
//     auto writer = Writer::create("a.scap", {.compress = true});
//     writer->write_machine(m); … write_threads, write_fds …
//     writer->write_event(raw);        // for each event
//     writer->close();
//
// The section header is written by create(). Order: machine, interfaces, users, threads, descriptors, then events;
// each may be left out.
//
// The first failure to write is kept: every later call does nothing and returns it. Not thread safe.

#include "base/result.h"
#include "capfile/records.h"
#include "event/raw_event.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gyr::capfile {

struct WriterOptions {
    bool compress = true;
    int level = 1;             // of zlib, 1 (fast) to 9 (small)
    bool enter_events = false; // write the enter event before an exit event: older readers need it (enter_event.h)
};

// What an event takes in a capture, in bytes before compression.
[[nodiscard]] std::uint64_t event_size(const RawEvent& event, bool with_enter_event = false);

class Writer {
  public:
    // Overwrites. "-" is standard output.
    [[nodiscard]] static Result<Writer> create(const std::string& path, WriterOptions options = {});
    // An open descriptor that the writer takes over.
    [[nodiscard]] static Result<Writer> from_fd(int fd, WriterOptions options = {});
    // Appends to a string that must outlive the writer.
    [[nodiscard]] static Result<Writer> to_string(std::string& out, WriterOptions options = {});

    Writer(Writer&&) noexcept;
    Writer& operator=(Writer&&) noexcept;
    ~Writer(); // closes; call close() to learn of a failure

    Result<> write_machine(const MachineInfo& machine);
    Result<> write_interfaces(std::span<const Interface> interfaces);
    Result<> write_users(std::span<const UserRecord> users, std::span<const GroupRecord> groups);
    Result<> write_threads(std::span<const ThreadRecord> threads);
    // The descriptors of one thread group, of whose records only fd and info are used.
    Result<> write_fds(std::int64_t tid, std::span<const FdRecord> fds);
    // A parameter beyond 65,535 bytes, or an event too long for its kind of block (64 KiB; 64 MiB when the schema says
    // large payload), is refused with ErrorKind::invalid and does not spoil the file.
    Result<> write_event(const RawEvent& event);

    // Everything written so far can be read by somebody else after this.
    Result<> flush();
    Result<> close();

    [[nodiscard]] std::uint64_t bytes_in() const;  // of the capture, before compression
    [[nodiscard]] std::uint64_t bytes_out() const; // handed to the file; after flush() all there is
    [[nodiscard]] std::uint64_t events() const;    // written, without enter events that were added

  private:
    class Impl;
    explicit Writer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr::capfile
