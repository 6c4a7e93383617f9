#pragma once
// A capture in one file, or in a series of files of limited size, each of which can be read alone.
//
// With a limit, "a.scap" becomes "a-000001.scap", "a-000002.scap" and so on. Each file begins with a description of the
// host as it is when the file begins, which the owner writes. One thread only.

#include "base/result.h"
#include "capfile/writer.h"
#include "event/raw_event.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

namespace gyr::recording {

struct CaptureLimits { // of one file; 0: none
    // As it is on disk. A plain file keeps to it; of a compressed one it is known only when the compressor has let go
    // of what it holds, so that it may end some hundred KiB longer. Where what describes the host takes more than half
    // of it, events have as much room again: else a busy host with many processes would get a file for each event.
    std::uint64_t max_bytes = 0;
    std::uint64_t max_events = 0;
    Nanos max_duration = 0;       // from its first event to its last
    std::uint32_t keep_files = 0; // the newest ones; older ones are deleted. 0: all
};

class CaptureFiles {
  public:
    // Writes machine, users, processes and descriptors into a file that has just been begun.
    using Describe = std::function<Result<>(capfile::Writer&)>;

    [[nodiscard]] static Result<CaptureFiles> create(std::string path, CaptureLimits limits,
                                                     capfile::WriterOptions options, Describe describe);

    // Goes on to the next file first when this one is full. An event that cannot be written for what it is
    // (ErrorKind::invalid) changes nothing.
    Result<> write(const RawEvent& event);
    Result<> flush();
    Result<> close();

    [[nodiscard]] const std::string& current() const { return files_.back(); }
    [[nodiscard]] const std::deque<std::string>& files() const { return files_; } // that are there, oldest first
    [[nodiscard]] std::uint64_t events() const { return events_; }                // written to all of them
    [[nodiscard]] std::uint64_t begun() const { return begun_; }                  // files

  private:
    CaptureFiles(std::string path, CaptureLimits limits, capfile::WriterOptions options, Describe describe);
    [[nodiscard]] bool is_series() const;
    [[nodiscard]] bool is_full(const RawEvent& next) const;
    Result<> begin_file();

    std::string path_;
    CaptureLimits limits_;
    capfile::WriterOptions options_;
    Describe describe_;
    std::optional<capfile::Writer> writer_;
    std::deque<std::string> files_;
    Nanos first_time_ = 0;
    std::uint64_t described_ = 0; // bytes before the first event of the file
    std::uint64_t events_ = 0, begun_ = 0;
};

} // namespace gyr::recording
