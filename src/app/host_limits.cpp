#include "app/host_limits.h"

#include "base/fd.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace gyr::app {
namespace {

constexpr std::string_view kRank = "-500"; // as the service unit has it

// Empty, or what stays.
std::string raise_locked_memory() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    const rlimit wanted{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &wanted) == 0) return {};
    limit.rlim_cur = limit.rlim_max; // that much nobody needs to be asked for
    static_cast<void>(::setrlimit(RLIMIT_MEMLOCK, &limit));
    return fmt::format("the limit of locked memory stays at {} KiB", limit.rlim_cur / 1024);
}

std::string lower_rank() {
    const UniqueFd file(::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
    char text[16]{};
    if (!file || ::read(file.get(), text, sizeof text - 1) <= 0 || std::atoi(text) != 0) return {};
    if (::pwrite(file.get(), kRank.data(), kRank.size(), 0) > 0 || errno != EACCES) return {};
    return "oom_score_adj stays at 0";
}

} // namespace

std::string raise_limits() {
    const std::string memory = raise_locked_memory(), rank = lower_rank();
    if (memory.empty() && rank.empty()) return {};
    return fmt::format("without CAP_SYS_RESOURCE {}{}{}; going on", memory,
                       memory.empty() || rank.empty() ? "" : " and ", rank);
}

} // namespace gyr::app
