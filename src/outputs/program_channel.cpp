// A program (by /bin/sh) that reads records from its standard input: one process for all of them, started again when it
// ends, or one for each record, which has arrived when the process ends with status 0. What a kept process had not read
// when it ended is written to the next one.

#include "outputs/channels.h"

#include "base/clock.h"
#include "base/fd.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <iterator>
#include <memory>

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

class Process {
  public:
    ~Process() { end(0, Patience()); }
    Process() = default;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    // Empty, or what is wrong.
    std::string start(const std::string& command) {
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fmt::format("cannot make a pipe: {}", std::strerror(errno));
        input_ = UniqueFd(pipe[1]);
        const UniqueFd reading(pipe[0]);
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, reading.get(), 0);
        // Alerts go to standard output; whatever the program says must not stand between them.
        ::posix_spawn_file_actions_adddup2(&actions, 2, 1);
        ::posix_spawnattr_init(&attributes);
        sigset_t none;
        sigset_t usual;
        sigemptyset(&none);
        sigemptyset(&usual);
        sigaddset(&usual, SIGPIPE);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setsigdefault(&attributes, &usual);
        ::posix_spawnattr_setpgroup(&attributes, 0);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        std::string shell = "/bin/sh";
        std::string option = "-c";
        std::string text = command;
        const std::array<char*, 4> argv{shell.data(), option.data(), text.data(), nullptr};
        const int error = ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
        if (error != 0) {
            pid_ = -1;
            input_.reset();
            return fmt::format("cannot start a shell: {}", std::strerror(error));
        }
        writer_ = std::make_unique<LineWriter>(input_.get());
        return {};
    }

    [[nodiscard]] bool running() const { return pid_ > 0; }
    LineWriter& writer() { return *writer_; }
    // Bytes written that it has not read.
    [[nodiscard]] std::size_t unread() const {
        int count = 0;
        return ::ioctl(input_.get(), FIONREAD, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    void close_input() {
        writer_.reset();
        input_.reset();
    }
    // Closes its input, waits until the deadline or as long as there is patience, then ends it. Its wait status.
    int end(Nanos deadline, const Patience& patience) {
        close_input();
        if (pid_ <= 0) return 0;
        int status = 0;
        const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        std::array<pollfd, 2> fds{{{handle.get(), POLLIN, 0}, {patience.wake_fd, POLLIN, 0}}};
        while (fds[0].revents == 0) {
            const Nanos left = std::min(deadline, patience.until.load(std::memory_order_acquire)) - steady_now();
            if (left <= 0) {
                ::kill(-pid_, SIGKILL);
                break;
            }
            ::poll(fds.data(), fds.size(), static_cast<int>(std::min<Nanos>(left / 1'000'000 + 1, 60'000)));
            if (fds[1].revents != 0) wait_for_wake(patience, 0); // perhaps there is less of it now
        }
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }

  private:
    pid_t pid_ = -1;
    UniqueFd input_;
    std::unique_ptr<LineWriter> writer_;
};

std::string describe(int status) {
    if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
    return fmt::format("ended with status {}", WEXITSTATUS(status));
}

class ProgramChannel final : public Channel {
  public:
    explicit ProgramChannel(const OutputOptions& options)
        : command_(options.command), keep_(options.keep_alive), timeout_(options.timeout) {}

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        SendResult result;
        if (items.empty() && !pending_.empty()) {
            result.done = pending_.size();
            result.problem = write_pending(patience);
            result.outcome = result.problem.empty() ? Sent::all : Sent::retry;
        }
        for (const Item& item : items) {
            std::string problem = keep_ ? write_kept(item.text + "\n", patience) : run_once(item.text + "\n", patience);
            if (!problem.empty()) {
                result.outcome = Sent::retry;
                result.problem = std::move(problem);
                return result;
            }
            ++result.done;
        }
        return result;
    }
    Idle wait_idle(const Patience& patience) override {
        if (!process_.running()) return pending_.empty() ? Channel::wait_idle(patience) : Idle::broken;
        // It may end while there is nothing to say.
        if (process_.writer().wait_idle(patience)) gone(patience);
        return pending_.empty() ? Idle::woken : Idle::broken;
    }
    void reopen() override {
        const Patience none;
        if (process_.running()) gone(none);
    }
    void finish(const Patience& patience) override {
        if (!pending_.empty()) write_pending(patience);
        process_.end(INT64_MAX, patience);
    }

  private:
    std::string run_once(const std::string& line, const Patience& patience) {
        Process process;
        if (std::string problem = process.start(command_); !problem.empty()) return problem;
        const Nanos deadline = deadline_of(patience, timeout_);
        const WriteOutcome written = process.writer().write_line(line, patience, deadline);
        const int status = process.end(deadline, patience);
        // A program may end well without having read it all.
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && written != WriteOutcome::gave_up) return {};
        return "the program " + describe(status);
    }

    // The process has gone: what it did not read is kept for the next.
    void gone(const Patience& patience) {
        std::size_t unread = process_.unread();
        std::deque<std::string> again;
        while (unread > 0 && !recent_.empty()) {
            unread -= std::min(unread, recent_.back().size());
            again.push_front(std::move(recent_.back()));
            recent_.pop_back();
        }
        recent_.clear();
        recent_bytes_ = 0;
        // Before what was already waiting: it is older.
        pending_.insert(pending_.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
        last_status_ = process_.end(steady_now() + 1'000'000'000, patience);
    }

    std::string write_kept(const std::string& line, const Patience& patience) {
        if (process_.running() && process_.writer().hung_up()) gone(patience);
        if (!process_.running()) {
            if (std::string problem = process_.start(command_); !problem.empty()) return problem;
        }
        if (std::string problem = write_pending(patience); !problem.empty()) return problem;
        return write(line, patience);
    }

    // What an earlier process left unread.
    std::string write_pending(const Patience& patience) {
        if (!process_.running()) {
            if (std::string problem = process_.start(command_); !problem.empty()) return problem;
        }
        while (!pending_.empty()) {
            // It stays until it is written: what a process leaves unread that ends meanwhile is older, and goes before
            // it.
            const std::string line = pending_.front();
            if (std::string problem = write(line, patience); !problem.empty()) return problem;
            pending_.pop_front();
        }
        return {};
    }

    // A program that reads nothing is waited for, not ended: what it has read and is busy with would be lost. Only the
    // wait for room has an end, so that no line is torn.
    std::string write(const std::string& line, const Patience& patience) {
        if (!process_.writer().await_room(patience, deadline_of(patience, timeout_)))
            return "the program reads nothing";
        switch (process_.writer().write_line(line, patience)) {
        case WriteOutcome::written:
            recent_.push_back(line);
            recent_bytes_ += line.size();
            // A pipe holds 64 KiB at most, so whatever is before that has been read.
            while (recent_bytes_ - recent_.front().size() > kPipeBytes) {
                recent_bytes_ -= recent_.front().size();
                recent_.pop_front();
            }
            return {};
        case WriteOutcome::gave_up: return "the program reads nothing";
        default: gone(patience); return "the program " + describe(last_status_);
        }
    }

    static constexpr std::size_t kPipeBytes = 65'536;
    const std::string command_;
    const bool keep_;
    const Nanos timeout_;
    Process process_;
    std::deque<std::string> recent_; // written last; may be unread
    std::size_t recent_bytes_ = 0;
    std::deque<std::string> pending_; // to be written again
    int last_status_ = 0;
};

} // namespace

MadeChannel make_program_channel(const OutputOptions& options) { return std::make_unique<ProgramChannel>(options); }

} // namespace gyr::outputs
