#include "recording/proc_thread.h"

#include "recording/proc_text.h"

#include <algorithm>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr::recording {
namespace {

constexpr std::size_t kMost = 64 * std::size_t{1024};
constexpr std::size_t kMostBlob = 4096; // what the format holds of arguments and the like

constexpr std::uint32_t kCloneFiles = 1u << 0, kCloneThread = 1u << 13; // PPM_CL_*

std::uint64_t nanos(const timespec& t) {
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

std::int64_t last_number(std::string_view words) { // of a list, innermost pid namespace last
    std::int64_t value = -1;
    for (std::string_view word = take_word(words); !word.empty(); word = take_word(words))
        value = number<std::int64_t>(word);
    return value;
}

// The format has 32 bits for a size; address spaces are longer now and then.
std::uint32_t kilobytes(std::string_view text) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(number<std::uint64_t>(text), 0xffffffffu));
}

} // namespace

void ProcThread::parse_status(std::string_view text) {
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        const std::string_view key = take(line, ':');
        const auto first = [&] { return take_word(line); };
        if (key == "Tgid")
            record_.pid = number<std::int64_t>(first());
        else if (key == "Pid")
            record_.tid = number<std::int64_t>(first());
        else if (key == "PPid")
            record_.ptid = number<std::int64_t>(first());
        else if (key == "Uid")
            take_word(line), record_.uid = number<Uid>(first()); // the second is the effective one
        else if (key == "Gid")
            take_word(line), record_.gid = number<Gid>(first());
        else if (key == "NStgid")
            record_.vpid = last_number(line);
        else if (key == "NSpid")
            record_.vtid = last_number(line);
        else if (key == "NSpgid")
            record_.vpgid = last_number(line);
        else if (key == "VmSize")
            record_.vmsize_kb = kilobytes(first());
        else if (key == "VmRSS")
            record_.vmrss_kb = kilobytes(first());
        else if (key == "VmSwap")
            record_.vmswap_kb = kilobytes(first());
        else if (key == "CapInh")
            record_.cap_inheritable = number<std::uint64_t>(first(), 16);
        else if (key == "CapPrm")
            record_.cap_permitted = number<std::uint64_t>(first(), 16);
        else if (key == "CapEff")
            record_.cap_effective = number<std::uint64_t>(first(), 16);
    }
}

// pid (name) state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt …
void ProcThread::parse_stat(std::string_view text) {
    const std::size_t open = text.find('('), close = text.rfind(')'); // the name may hold anything
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return;
    comm_ = text.substr(open + 1, close - open - 1);
    text.remove_prefix(close + 1);
    take_word(text); // state
    take_word(text); // parent
    record_.pgid = number<std::int64_t>(take_word(text));
    record_.sid = number<std::int64_t>(take_word(text));
    record_.tty = number<std::uint32_t>(take_word(text));
    take_word(text);
    take_word(text);
    record_.pfminor = number<std::uint64_t>(take_word(text));
    take_word(text);
    record_.pfmajor = number<std::uint64_t>(take_word(text));
}

// "controllers=path" items. The one hierarchy of version 2 stands for each of the controllers that readers look for.
void ProcThread::parse_cgroups(std::string_view text) {
    cgroups_.clear();
    const auto add = [this](std::string_view controller, std::string_view path) {
        cgroups_ += controller;
        cgroups_ += '=';
        cgroups_ += path;
        cgroups_ += '\0';
    };
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        take(line, ':'); // number of the hierarchy
        std::string_view controllers = take(line, ':');
        if (controllers.empty()) {
            for (const std::string_view name : {"cpuset", "cpu", "cpuacct", "io", "memory"}) add(name, line);
        } else if (!controllers.starts_with("name=")) {
            while (!controllers.empty()) add(take(controllers, ','), line);
        }
    }
    record_.cgroups = std::string_view(cgroups_).substr(0, kMostBlob);
}

void ProcThread::read_command_line() {
    std::string_view rest = command_line_;
    record_.exe = take(rest, '\0');
    record_.args = rest;
}

void ProcThread::read_executable(const std::string& folder) {
    if (read_link(folder + "/exe", exepath_)) record_.exepath = exepath_;
    struct stat st {};
    if (::stat((folder + "/exe").c_str(), &st) != 0) return;
    record_.exe_ino = st.st_ino;
    record_.exe_ino_ctime = nanos(st.st_ctim);
    record_.exe_ino_mtime = nanos(st.st_mtim);
    record_.exe_from_memfd = exepath_.starts_with("/memfd:");
    const auto may_write = [&](mode_t user, mode_t group, mode_t other) {
        if (record_.uid == st.st_uid) return (st.st_mode & user) != 0;
        return (st.st_mode & (record_.gid == st.st_gid ? group : other)) != 0;
    };
    record_.exe_writable = record_.uid == 0 || may_write(S_IWUSR, S_IWGRP, S_IWOTH);
}

void ProcThread::read_places(const std::string& folder) {
    if (read_link(folder + "/cwd", cwd_)) record_.cwd = cwd_;
    if (read_link(folder + "/root", root_)) record_.root = root_;
    if (read_text(folder + "/loginuid", text_, 64)) record_.loginuid = number<Uid>(text_);
    if (read_text(folder + "/limits", text_, kMost)) {
        constexpr std::string_view kLine = "Max open files";
        std::string_view rest = text_;
        const std::size_t at = rest.find(kLine);
        if (at != std::string_view::npos) {
            rest.remove_prefix(at + kLine.size());
            record_.fdlimit = number<std::int64_t>(take_word(rest));
        }
    }
    if (read_text(folder + "/cgroup", text_, kMost)) parse_cgroups(text_);
}

bool ProcThread::read(const std::string& folder, bool is_main) {
    record_ = capfile::ThreadRecord{};
    if (!read_text(folder + "/status", text_, kMost)) return false;
    parse_status(text_);
    if (!read_text(folder + "/stat", text_, kMost)) return false;
    parse_stat(text_);
    record_.comm = comm_;
    if (record_.tid <= 0 || record_.pid <= 0) return false;
    if (!is_main) {
        record_.flags = kCloneThread | kCloneFiles;
        return true;
    }
    if (read_text(folder + "/cmdline", command_line_, kMostBlob)) read_command_line();
    if (record_.exe.empty()) record_.exe = comm_; // a kernel thread
    if (read_text(folder + "/environ", environment_, kMostBlob)) record_.env = environment_;
    read_executable(folder);
    read_places(folder);
    return true;
}

} // namespace gyr::recording
