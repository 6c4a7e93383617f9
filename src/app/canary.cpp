#include "app/canary.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>

#include <spawn.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::app {
namespace {

// Tells the programs of this agent from those of others; one for its life.
const std::string& mark() {
    static const std::string value = [] {
        std::array<std::uint64_t, 2> random{static_cast<std::uint64_t>(::getpid()), 0};
        [[maybe_unused]] const auto n = ::getrandom(random.data(), sizeof random, GRND_NONBLOCK);
        return fmt::format("{:016x}{:016x}", random[0], random[1]);
    }();
    return value;
}

} // namespace

std::string canary_rule(const config::Config& config) {
    return fmt::format(R"~(- rule: "{}"
  desc: The agent's own program, run now and then to see that alerts arrive.
  condition: proc.args = "{} {}"
  output: "The canary was seen (pid=%proc.pid)"
  priority: {}
  tags: [gyr_internal]
)~",
                       kCanaryRule, kCanaryCommand, mark(), config.priority);
}

Canary::~Canary() { reap(0); }

void Canary::reap(int options) {
    if (child_ > 0 && ::waitpid(child_, nullptr, options) != 0) child_ = -1;
}

std::optional<std::string> Canary::run() {
    reap(WNOHANG);
    if (child_ > 0) return "the last canary has not ended yet";
    std::string name = "gyr", command(kCanaryCommand), value = mark();
    const std::array<char*, 4> arguments{name.data(), command.data(), value.data(), nullptr};
    std::array<char*, 1> environment{nullptr};
    const int error = ::posix_spawn(&child_, "/proc/self/exe", nullptr, nullptr, arguments.data(), environment.data());
    if (error == 0) return std::nullopt;
    child_ = -1;
    return fmt::format("the canary cannot be run: {}", std::strerror(error));
}

} // namespace gyr::app
