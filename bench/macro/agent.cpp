#include "bench/macro/agent.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::bench {

namespace {

constexpr std::chrono::seconds kArmPatience{30};
constexpr std::size_t kLogKept = 64 << 10;

std::string binary_path() {
    const char* given = std::getenv("GYR_BINARY");
    return given != nullptr ? given : "build/gyr";
}

// Reads what is there into `text`; false at the end of the stream or after `patience` without a byte.
bool read_some(int fd, std::string& text, std::chrono::milliseconds patience) {
    pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&wanted, 1, static_cast<int>(patience.count())) <= 0) return false;
    char buffer[4096];
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count <= 0) return false;
    text.append(buffer, static_cast<std::size_t>(count));
    return true;
}

} // namespace

void fail(std::string_view why) {
    std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(why.size()), why.data());
    std::exit(1);
}

Agent::Agent(std::string_view rules) {
    if (geteuid() != 0) fail("starting the agent needs root");
    char pattern[] = "/tmp/gyr-bench-XXXXXX";
    if (mkdtemp(pattern) == nullptr) fail("cannot make a temporary folder");
    folder_ = pattern;
    const std::string rule_file = folder_ + "/rules.yaml";
    std::ofstream(rule_file) << rules;

    int out[2];
    int err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) fail("cannot make a pipe");
    const auto start = Clock::now();
    const std::string binary = binary_path();
    pid_ = fork();
    if (pid_ < 0) fail("cannot fork");
    if (pid_ == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        execl(binary.c_str(), "gyr", "run", "-r", rule_file.c_str(), "--format", "json", nullptr);
        std::fprintf(stderr, "%s: %s\n", binary.c_str(), std::strerror(errno));
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    alerts_fd_ = out[0];
    log_fd_ = err[0];
    wait_until_armed();
    time_to_armed_ = Clock::now() - start;
    // The agent's log must not fill a pipe.
    log_reader_ = std::thread([this] {
        std::string more;
        while (read_some(log_fd_, more, std::chrono::hours(1))) {
            log_ += more;
            more.clear();
            if (log_.size() > kLogKept) log_.erase(0, log_.size() - kLogKept / 2);
        }
        close(log_fd_);
    });
}

void Agent::wait_until_armed() const {
    std::string log;
    const auto deadline = Clock::now() + kArmPatience;
    while (log.find("gyr: armed") == std::string::npos) {
        if (Clock::now() > deadline || !read_some(log_fd_, log, kArmPatience)) {
            fail("the agent did not get armed; it said:\n" + log);
        }
    }
}

Agent::~Agent() {
    if (pid_ > 0) end();
}

std::string Agent::end() {
    kill(pid_, SIGTERM);
    int status = 0;
    // It may have alerts to hand over before it can end.
    std::string rest;
    while (read_some(alerts_fd_, rest, std::chrono::seconds(10))) rest.clear();
    if (waitpid(pid_, &status, 0) != pid_ || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        std::fprintf(stderr, "bench: the agent ended with status %d\n", status);
    }
    pid_ = -1;
    close(alerts_fd_);
    log_reader_.join();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    while (log_.ends_with('\n')) log_.pop_back();
    return log_.substr(log_.rfind('\n') + 1);
}

bool Agent::read_line(std::string& line, std::chrono::milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    std::size_t end = 0;
    while ((end = pending_.find('\n')) == std::string::npos) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0 || !read_some(alerts_fd_, pending_, left)) return false;
    }
    line.assign(pending_, 0, end);
    pending_.erase(0, end + 1);
    return true;
}

} // namespace gyr::bench
