#pragma once
// A capture made up from a script: processes that are there, then what they do, one call an event. For tests, which
// need captures whose every event is known.
//
//     Script script;
//     script.process({.pid = 1, .comm = "init", .exe = "/sbin/init"});
//     script.clone(1, 100);
//     script.exec(100, {.comm = "sh", .exe = "/bin/sh", .arguments = {"-c", "id"}, .tty = 34816});
//     auto bytes = script.finish();
//
// Time starts at a fixed moment and goes on by a millisecond an event, so that a script always gives the same bytes.
// The first failure is kept and returned by finish().

#include "base/ids.h"
#include "base/result.h"
#include "capfile/writer.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr::playback {

struct ScriptProcess {
    std::int64_t pid = 0, parent = 0, sid = 0;
    std::string comm = {}, exe = {};
    std::vector<std::string> arguments = {}; // without the first, which is exe
    std::string cgroup = {};                 // path; empty: /
    std::uint32_t tty = 0;
    std::uint32_t uid = 0;
    std::string cwd = "/";
};

struct ScriptExec {
    std::string comm = {}, exe = {};
    std::vector<std::string> arguments = {}; // without the first, which is comm
    std::uint32_t tty = 0;
    bool upper_layer = false; // the executable is not of the image but was written since
};

class Script {
  public:
    explicit Script(std::string hostname = "example", bool compress = false);

    // Before the first event.
    void process(ScriptProcess process);
    // After it: everything that happens. A pid is that of a process given or cloned before.
    void clone(std::int64_t parent, std::int64_t child);
    void exec(std::int64_t pid, const ScriptExec& exec);
    void lead_session(std::int64_t pid);                              // setsid
    void exit(std::int64_t pid, int status, std::int64_t reaper = 0); // reaper: who adopts the children
    void open(std::int64_t pid, std::string_view path, std::int64_t fd, bool write = false, bool create = false);
    void close(std::int64_t pid, std::int64_t fd);
    void container(std::string_view json); // metadata, as capture files tell it
    // Any other event. Parameters by name: numbers as eight bytes at most, little-endian; text with its NUL.
    void event(std::uint16_t code, std::int64_t tid,
               const std::vector<std::pair<std::string_view, std::string>>& params);
    void pass(Nanos time) { time_ += time; }

    // Uncompressed unless asked for. Once.
    [[nodiscard]] Result<std::string> finish();

  private:
    void begin_events();
    void note(const Result<>& result);

    std::string bytes_;
    std::string hostname_;
    Result<capfile::Writer> writer_;
    std::map<std::int64_t, ScriptProcess> processes_; // as they are now
    Nanos time_;
    bool begun_ = false;
    Result<> failure_;
};

// Parameters for Script::event.
template <class T>
[[nodiscard]] std::string script_number(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}
[[nodiscard]] std::string script_text(std::string_view text);

} // namespace gyr::playback
