#include "engine/identity_table.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace gyr {
namespace {

using Clock = std::chrono::steady_clock;

// As a process with that root would find it; links are followed inside of it.
UniqueFd open_below(int root, const std::string& path) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

// Made for each process anew: no file to be known by its number.
bool is_virtual(std::string_view path) {
    return path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/dev/");
}

} // namespace

IdentityTable::IdentityTable(Options options, Identify identify, std::function<void()> wake)
    : options_(std::move(options)), identify_(std::move(identify)), wake_(std::move(wake)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

IdentityTable::~IdentityTable() {
    thread_.request_stop();
    thread_.join();
}

void IdentityTable::set_paths(std::vector<std::string> paths) {
    std::erase_if(paths, is_virtual);
    std::ranges::sort(paths);
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    if (paths.size() > options_.max_paths) paths.resize(options_.max_paths);
    const std::lock_guard lock(mutex_);
    paths_ = std::move(paths);
    for (auto& [id, root] : roots_) root.fresh = true;
    poked_ = true;
    looked_up_ = false;
    changed_.notify_one();
}

void IdentityTable::wait(std::chrono::milliseconds most) {
    std::unique_lock lock(mutex_);
    looked_.wait_for(lock, most, [this] { return looked_up_; });
}

void IdentityTable::see_container(const std::string& id, Pid pid) {
    const std::lock_guard lock(mutex_);
    const auto known = roots_.find(id);
    if (known != roots_.end()) {
        known->second.pid = pid;
        return;
    }
    if (roots_.size() >= options_.max_roots) return;
    roots_.emplace(id, Root{.pid = pid, .found = {}, .fresh = true});
    poked_ = true;
    changed_.notify_one();
}

IdentityTable::Found IdentityTable::look_up(const std::string& root, const std::vector<std::string>& paths, bool hold) {
    Found out;
    const UniqueFd at(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at) return out;
    std::map<std::string, UniqueFd> held;
    for (const std::string& path : paths) {
        UniqueFd fd = open_below(at.get(), path);
        if (!fd) continue;
        auto ids = identify_(fd.get());
        if (!ids) continue;
        out[path] = std::move(*ids);
        if (hold) held[path] = std::move(fd);
    }
    if (hold) held_ = std::move(held); // those before are closed only now
    return out;
}

void IdentityTable::publish() {
    Found all = host_;
    const std::lock_guard lock(mutex_);
    for (const auto& [id, root] : roots_) {
        for (const auto& [path, files] : root.found) {
            std::vector<FileId>& into = all[path];
            for (FileId f : files) {
                f.kept = true;
                if (std::ranges::find(into, f) == into.end()) into.push_back(f);
            }
        }
    }
    if (all == published_) return;
    published_ = all;
    news_ = std::move(all);
    has_news_ = true;
    wake_();
}

void IdentityTable::run(const std::stop_token& stop) {
    auto next_round = Clock::now();
    while (!stop.stop_requested()) {
        std::vector<std::string> paths;
        std::vector<std::pair<std::string, Pid>> roots;
        {
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, stop, std::chrono::milliseconds(options_.host_every_ms), [this] { return poked_; });
            if (stop.stop_requested()) return;
            poked_ = false;
            paths = paths_;
            const bool all = Clock::now() >= next_round;
            if (all) next_round = Clock::now() + std::chrono::milliseconds(options_.containers_every_ms);
            for (auto& [id, root] : roots_)
                if (all || std::exchange(root.fresh, false)) roots.emplace_back(id, root.pid);
        }
        host_ = look_up(options_.host_root.empty() ? "/" : options_.host_root, paths, true);
        publish();
        {
            const std::lock_guard lock(mutex_);
            if (paths == paths_ && !std::exchange(looked_up_, true)) looked_.notify_all();
        }
        for (const auto& [id, pid] : roots) {
            const std::string root = fmt::format("{}/proc/{}/root", options_.host_root, pid);
            const bool there = ::access(root.c_str(), F_OK) == 0;
            Found found = there ? look_up(root, paths, false) : Found{};
            const std::lock_guard lock(mutex_);
            const auto at = roots_.find(id);
            if (at == roots_.end()) continue;
            if (there)
                at->second.found = std::move(found);
            else if (at->second.pid == pid)
                roots_.erase(at); // seen again when something starts in it
        }
        publish();
    }
}

const IdentityTable::Found* IdentityTable::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!std::exchange(has_news_, false)) return nullptr;
        current_ = std::move(news_);
    }
    names_.clear();
    for (const auto& [path, files] : current_) {
        for (const FileId& f : files) {
            std::vector<Name>& names = names_[{f.dev, f.ino}];
            const auto same = std::ranges::find(names, std::string_view(path), &Name::path);
            if (same == names.end())
                names.push_back({path, f.kept});
            else
                same->kept = same->kept && f.kept;
        }
    }
    return &current_;
}

std::span<const std::string_view> IdentityTable::names_of(const FdInfo& fd, std::span<const FileNumbers> below,
                                                          bool keeps_layers) {
    given_.clear();
    if (names_.empty() || fd.ino == 0) return {};
    const auto add = [&](const FileNumbers& file) {
        const auto at = names_.find(file);
        if (at == names_.end()) return;
        for (const Name& name : at->second) {
            if (name.kept && keeps_layers) continue;
            if (std::ranges::find(given_, name.path) == given_.end()) given_.push_back(name.path);
        }
    };
    add({fd.dev, fd.ino});
    for (const FileNumbers& file : below) add(file);
    return given_;
}

} // namespace gyr
