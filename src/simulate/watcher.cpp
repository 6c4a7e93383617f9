#include "simulate/watcher.h"

#include "base/thread_signals.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::simulate {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// "2026-01-31T10:30:00.123456789Z" as seconds; 0 when it is not that.
double wall_seconds(const std::string& text) {
    std::tm t{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &t);
    if (rest == nullptr) return 0;
    return static_cast<double>(::timegm(&t)) + std::strtod(rest, nullptr);
}

double wall_now() {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

std::string text_of(const nlohmann::json& object, const std::string& key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The variable of the process itself, or of the first ancestor that has it.
std::string mark_of(const nlohmann::json& record) {
    const auto fields = record.find("output_fields");
    if (fields == record.end() || !fields->is_object()) return {};
    std::string mark = text_of(*fields, fmt::format("proc.env[{}]", kMark));
    return !mark.empty() ? mark : text_of(*fields, fmt::format("proc.aenv[{}]", kMark));
}

} // namespace

std::string overlay(const std::vector<std::string>& rules, const std::vector<std::string>& switched_on) {
    const std::string output = fmt::format("mark=%proc.env[{0}] %proc.aenv[{0}]", kMark);
    std::string text;
    for (const std::string& rule : rules)
        text += fmt::format("- rule: {}\n  output: \"{}\"\n  override: {{output: append}}\n", rule, output);
    for (const std::string& rule : switched_on)
        text += fmt::format("- rule: {}\n  enabled: true\n  override: {{enabled: replace}}\n", rule);
    text += fmt::format("- rule: {}\n  desc: A program of an action was seen.\n  condition: proc.env[{}] != \"\"\n"
                        "  output: \"{}\"\n  priority: DEBUG\n",
                        kWitness, kMark, output);
    return text;
}

Result<Watcher> Watcher::start(const std::vector<std::string>& words, milliseconds patience, int stop_fd) {
    std::array<int, 2> out{}, err{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) return fail_errno("pipe", errno);
    Watcher watcher;
    watcher.stop_fd_ = stop_fd;
    watcher.out_ = UniqueFd(out[0]);
    watcher.err_ = UniqueFd(err[0]);
    std::vector<char*> argv{const_cast<char*>("gyr")};
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    watcher.pid_ = ::fork();
    if (watcher.pid_ == 0) {
        ::dup2(out[1], 1);
        ::dup2(err[1], 2);
        unblock_signals();
        ::setpgid(0, 0); // Ctrl-C is for the one who runs the actions, who then ends it
        ::execv("/proc/self/exe", argv.data());
        ::_exit(125);
    }
    ::close(out[1]);
    ::close(err[1]);
    if (watcher.pid_ < 0) return fail_errno("fork", errno);
    const auto armed = [&watcher] { return watcher.log_.find("gyr: armed") != std::string::npos; };
    if (!watcher.read_until(armed, patience)) {
        if (watcher.told_to_stop_) return fail(ErrorKind::timeout, "told to end");
        const std::string why = watcher.log_.empty() ? "it says nothing" : watcher.log_;
        return fail(ErrorKind::unsupported, "the agent does not arm: " + why.substr(0, why.find('\n')));
    }
    return watcher;
}

Watcher::~Watcher() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

bool Watcher::read_once(int timeout, int other) {
    std::array<pollfd, 4> fds{
        {{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}, {other, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout) <= 0) return true;
    told_to_stop_ = fds.at(3).revents != 0;
    if (told_to_stop_) return false;
    std::array<char, 65536> part{};
    for (const std::size_t i : {0UL, 1UL}) {
        if (fds.at(i).revents == 0) continue;
        const ssize_t n = ::read(fds.at(i).fd, part.data(), part.size());
        if (n > 0) (i == 0 ? text_ : log_).append(part.data(), static_cast<std::size_t>(n));
        if (n == 0) (i == 0 ? out_ : err_).reset();
    }
    take_lines();
    return static_cast<bool>(out_);
}

void Watcher::take_lines() {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1) {
        std::string line = text_.substr(begin, end - begin);
        const auto record = nlohmann::json::parse(line, nullptr, false);
        if (!record.is_object()) continue;
        const double at = wall_seconds(text_of(record, "time"));
        seen_.push_back({text_of(record, "rule"), mark_of(record), (wall_now() - at) * 1e3, std::move(line)});
    }
    text_.erase(0, begin);
}

bool Watcher::read_until(const std::function<bool()>& done, milliseconds patience, int other) {
    const auto deadline = Clock::now() + patience;
    while (!done()) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return false;
        if (!read_once(static_cast<int>(left), other)) return done();
    }
    return true;
}

Result<> Watcher::stop() {
    ::kill(pid_, SIGTERM);
    const bool ended = read_until([this] { return !out_; }, milliseconds(20'000));
    if (told_to_stop_) return fail(ErrorKind::timeout, "told to end");
    if (!ended) return fail(ErrorKind::timeout, "the agent does not end");
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return fail(ErrorKind::io, "the agent ended badly: " + log_);
    return {};
}

} // namespace gyr::simulate
