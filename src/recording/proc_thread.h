#pragma once
// One thread as /proc tells of it.

#include "capfile/records.h"

#include <cstdint>
#include <string>

namespace gyr::recording {

class ProcThread {
  public:
    // folder: /proc/PID, or /proc/PID/task/TID of another thread than the main one (is_main false), of which less is
    // read: the rest is that of the process. False when it has gone.
    [[nodiscard]] bool read(const std::string& folder, bool is_main);
    // Points into this object; good until read().
    [[nodiscard]] const capfile::ThreadRecord& record() const { return record_; }

    // What read() makes of these files: status, stat, cgroup.
    void parse_status(std::string_view text);
    void parse_stat(std::string_view text);
    void parse_cgroups(std::string_view text);

  private:
    void read_command_line();
    void read_executable(const std::string& folder);
    void read_places(const std::string& folder);

    capfile::ThreadRecord record_;
    std::string text_, comm_, command_line_, environment_, cgroups_, exepath_, cwd_, root_;
};

} // namespace gyr::recording
