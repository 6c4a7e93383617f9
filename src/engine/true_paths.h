#pragma once
// Where the path of a call led that opened nothing (rename, link, unlink, chmod …): symbolic links among its folders,
// and ".." behind them. Of such a call no file is left whose path the kernel could tell, so the path is walked again,
// as the process saw the file system, while the links are likely still there. A file system that keeps whoever asks
// waiting does not keep the agent for longer than a moment, once.

#include "base/fd.h"
#include "engine/slow_walk.h"
#include "event/path_calls.h"
#include "state/event.h"
#include "state/process_view.h"

#include <array>
#include <chrono>
#include <string>
#include <string_view>

namespace gyr {

class TruePaths {
  public:
    // host_root: prefix of /proc.
    explicit TruePaths(std::string host_root) : host_root_(std::move(host_root)) {}

    // Of event.path and event.other_path, the paths that lead to the same without any link; empty when that is what the
    // event has, or cannot be told any more. Valid until the next call.
    struct Found {
        std::string_view path, other_path;
    };
    [[nodiscard]] Found find(const Event& event, const PathCall& call, const ProcessView& others);

  private:
    // Somebody's root, and its path in their mount namespace; asked for when needed.
    struct Root {
        UniqueFd fd;
        std::string path;
    };
    void follow(const FdInfo& path, std::string_view base, bool follow_last, std::string& out);
    // text_ without links of /proc in front, and the root that it is meant below; null: it cannot be told.
    Root* enter(bool follow_last);
    bool name_self();
    bool stand_in(std::string_view folder, Root& root, std::string_view rest);
    bool walk(const Root& root, std::string_view text, std::string& out);
    Root* root_of(const ProcessImage& process);
    [[nodiscard]] UniqueFd open_root(const ProcessImage& process) const; // of it alone
    [[nodiscard]] UniqueFd open_shared_root(const ProcessImage& process);
    [[nodiscard]] bool shares_files(const ProcessImage& other, const ProcessImage& process) const;

    // Who stood in last for the processes of a mount namespace, so that not everybody is looked at each time.
    struct StandIn {
        std::uint32_t mnt = 0;
        ProcessKey key;
    };

    std::string host_root_;
    std::array<StandIn, 16> stand_ins_{}; // by namespace
    SlowWalk slow_{std::chrono::milliseconds(20)};
    // Of the event at hand.
    const ProcessImage* process_ = nullptr;
    const ProcessView* others_ = nullptr;
    Root own_, other_; // of the process, and of one that a path named
    std::string text_, walked_;
    std::string folder_, folder_found_; // the last one that was walked below own_, and where it led
    std::array<std::string, 2> found_;
};

} // namespace gyr
