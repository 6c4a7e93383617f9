#pragma once
// Where the path of a call led that opened nothing (rename, link, unlink, chmod …): symbolic links among its folders,
// and ".." behind them. Of such a call no file is left whose path the kernel could tell, so the path is walked again,
// as the process saw the file system, while the links are likely still there. Only what the kernel has in memory is
// asked for: a file system that keeps whoever asks waiting cannot keep the agent.

#include "state/event.h"
#include "state/process_view.h"

#include <string>
#include <string_view>

namespace gyr {

class TruePaths {
  public:
    // host_root: prefix of /proc.
    explicit TruePaths(std::string host_root) : host_root_(std::move(host_root)) {}

    // The path that leads to the same without any link; empty when it is the same path, or cannot be told any more.
    // follow_last: a link in the last place was followed too. Valid until the next call.
    [[nodiscard]] std::string_view follow(const ProcessImage& process, const ProcessView& others, const FdInfo& path,
                                          bool follow_last);

  private:
    [[nodiscard]] int open_root(const ProcessImage& process, const ProcessView& others) const;

    std::string host_root_, found_, folder_;
};

} // namespace gyr
