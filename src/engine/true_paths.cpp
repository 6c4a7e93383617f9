#include "engine/true_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr {
namespace {

constexpr std::uint64_t kCached = 0x20; // RESOLVE_CACHED, Linux 5.12
constexpr int kAncestors = 3;           // who may stand in for a process that is gone
constexpr int kMostLinksOfProc = 8;     // one behind the other in a path

// The next component that says something; what is left of the path begins behind it.
std::string_view next_part(std::string_view& path) {
    while (true) {
        path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
        const std::string_view part = path.substr(0, path.find('/'));
        path.remove_prefix(part.size());
        if (part != ".") return part;
    }
}

std::optional<Pid> number_of(std::string_view text) {
    Pid number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || number < 0) return {};
    return number;
}

// A path that begins with a link of /proc to a folder of some process: the kernel goes there, whatever the text says.
struct ProcLink {
    bool own = false;
    Pid pid = 0;           // else, as the process numbers them
    std::string_view link; // "root", "cwd", "fd/3"
    std::string_view rest;
};
std::optional<ProcLink> proc_link(std::string_view path) {
    ProcLink out;
    if (next_part(path) != "proc") return {};
    const std::string_view who = next_part(path);
    out.own = who == "self" || who == "thread-self";
    if (const auto pid = number_of(who))
        out.pid = *pid;
    else if (!out.own)
        return {};
    std::string_view what = next_part(path);
    if (what == "task") {
        if (!number_of(next_part(path))) return {};
        what = next_part(path);
    }
    out.link = what;
    if (what == "fd") {
        const std::string_view number = next_part(path);
        if (!number_of(number)) return {};
        out.link = {what.data(), static_cast<std::size_t>(number.data() + number.size() - what.data())};
    } else if (what != "root" && what != "cwd") {
        return {};
    }
    out.rest = path;
    return out;
}

// Of a folder as the mount namespace has it, the part below a root.
std::optional<std::string_view> below(std::string_view root, std::string_view folder) {
    if (root == "/") return folder;
    if (!folder.starts_with(root)) return {};
    folder.remove_prefix(root.size());
    if (!folder.empty() && folder.front() != '/') return {};
    return folder;
}

} // namespace

TruePaths::Found TruePaths::find(const Event& event, const PathCall& call, const ProcessView& others) {
    process_ = event.process.get();
    others_ = &others;
    own_ = Root();
    folder_.clear(), folder_found_.clear();
    for (std::string& f : found_) f.clear();
    if (process_ == nullptr) return {};
    if (call.first == PathCall::Last::root) { // it is there by now, and from there the path leads elsewhere
        const UniqueFd root = open_root(*process_);
        if (event.path == nullptr || !root || !SlowWalk::path_of(root.get(), found_[0])) return {};
        if (found_[0] == event.path->name) return {};
        return {found_[0], {}};
    }
    if (event.path != nullptr) follow(*event.path, event.base, call.follows_first(event.params), found_[0]);
    if (event.other_path != nullptr)
        follow(*event.other_path, event.other_base, call.follows_second(event.params), found_[1]);
    return {found_[0], found_[1]};
}

void TruePaths::follow(const FdInfo& path, std::string_view base, bool follow_last, std::string& out) {
    std::string_view given = path.name_raw;
    if (given.empty()) return; // a descriptor's own file, whose path is the kernel's
    const bool absolute = given.front() == '/';
    while (given.size() > 1 && given.back() == '/') given.remove_suffix(1);
    const auto is_dots = [](std::string_view part) { return part == "." || part == ".."; };
    // The kernel named the folder of a plain name.
    if (!absolute && !follow_last && given.find('/') == std::string_view::npos && !is_dots(given)) return;
    Root* root = root_of(*process_);
    if (root == nullptr) return;
    if (absolute) {
        text_ = given;
        root = enter(follow_last);
        if (root == nullptr) return;
    } else if (base.empty() || !stand_in(base, *root, given)) {
        return;
    }
    const std::size_t slash = text_.rfind('/');
    const std::string_view last = std::string_view(text_).substr(slash + 1);
    const bool whole = follow_last || last.empty() || is_dots(last);
    if (!whole || !walk(*root, text_, out)) {
        if (last.empty() || is_dots(last)) return;
        const std::string_view folder = std::string_view(text_).substr(0, slash);
        const bool known = root == &own_ && !folder_found_.empty() && folder_ == folder;
        if (!known) {
            if (!walk(*root, folder, walked_)) return;
            if (root == &own_) folder_ = folder, folder_found_ = walked_;
        }
        out = known ? folder_found_ : walked_;
        if (out.back() != '/') out += '/';
        out += last;
    }
    if (out == (absolute ? path.name_raw : path.name)) out.clear();
}

TruePaths::Root* TruePaths::enter(bool follow_last) {
    Root* root = &own_;
    for (int i = 0; i < kMostLinksOfProc; ++i) {
        const auto link = proc_link(text_);
        if (!link || (link->rest.empty() && !follow_last)) return name_self() ? root : nullptr;
        const ProcessImage* who = link->own ? process_ : others_->find_vpid(process_->namespaces.pid, link->pid);
        if (who == nullptr || (root = root_of(*who)) == nullptr) return nullptr;
        if (link->link == "root") {
            text_.erase(0, static_cast<std::size_t>(link->rest.data() - text_.data()));
            if (text_.empty()) text_ = "/";
            continue;
        }
        std::string folder;
        const std::string rest(link->rest);
        if (!SlowWalk::read_link(fmt::format("{}/proc/{}/{}", host_root_, who->key.pid, link->link), folder))
            return nullptr;
        if (!stand_in(folder, *root, rest)) return nullptr;
    }
    return nullptr;
}

// In /proc, "self" is whoever looks: here that is somebody else.
bool TruePaths::name_self() {
    std::string_view rest = text_;
    if (next_part(rest) != "proc") return true;
    const std::string_view who = next_part(rest);
    if (who == "thread-self") return false;
    if (who == "self") text_ = fmt::format("/proc/{}{}", process_->vpid, std::string(rest));
    return true;
}

// Sets text_ to a path that leaves from a folder of the mount namespace, as it is below the root.
bool TruePaths::stand_in(std::string_view folder, Root& root, std::string_view rest) {
    if (root.path.empty() && !SlowWalk::path_of(root.fd.get(), root.path)) return false;
    const auto inside = below(root.path, folder);
    if (!inside) return false;
    text_ = *inside;
    if (!rest.empty()) {
        if (!rest.starts_with('/') && !text_.ends_with('/')) text_ += '/';
        text_ += rest;
    }
    if (text_.empty()) text_ = "/";
    return true;
}

// What the kernel has in memory it tells at once. Not so a link that is as new as its last reader: it is marked anew.
bool TruePaths::walk(const Root& root, std::string_view text, std::string& out) {
    const std::string path(text.empty() ? "/" : text);
    if (const UniqueFd end = SlowWalk::open_below(root.fd.get(), path, kCached))
        return SlowWalk::path_of(end.get(), out);
    return errno == EAGAIN && slow_.walk(root.fd.get(), path, out);
}

TruePaths::Root* TruePaths::root_of(const ProcessImage& process) {
    Root& root = &process == process_ ? own_ : other_;
    if (&root == &own_ && own_.fd) return &own_;
    root = Root();
    root.fd = open_shared_root(process);
    return root.fd ? &root : nullptr;
}

UniqueFd TruePaths::open_root(const ProcessImage& process) const {
    const std::string path = fmt::format("{}/proc/{}/root", host_root_, process.key.pid);
    return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// Whether the other one finds the same files by the same paths. A namespace that it has entered since it was last told
// of is asked for.
bool TruePaths::shares_files(const ProcessImage& other, const ProcessImage& process) const {
    if (other.root != process.root) return false;
    if (other.namespaces.mnt == process.namespaces.mnt) return true;
    struct stat now {};
    const std::string path = fmt::format("{}/proc/{}/ns/mnt", host_root_, other.key.pid);
    return ::stat(path.c_str(), &now) == 0 && now.st_ino == process.namespaces.mnt;
}

// The root of the process, or, when it has gone, of somebody who sees the same files: one that it descends from, else
// whoever there is, such as the first process of its container. A mount namespace that was made for one program is gone
// with it (unshare -m mv ...); such a one is a copy, and where it came from links most likely lead to the same.
UniqueFd TruePaths::open_shared_root(const ProcessImage& process) {
    if (UniqueFd own = open_root(process)) return own;
    const ProcessImage* ancestor = others_->find(process.parent);
    for (int i = 0; ancestor != nullptr && i < kAncestors; ++i, ancestor = others_->find(ancestor->parent))
        if (shares_files(*ancestor, process))
            if (UniqueFd root = open_root(*ancestor)) return root;
    if (process.namespaces.mnt == 0) return {}; // not known: that others' is not known either says nothing

    StandIn& last = stand_ins_[process.namespaces.mnt % stand_ins_.size()];
    const ProcessImage* again = last.mnt == process.namespaces.mnt ? others_->find(last.key) : nullptr;
    if (again != nullptr && shares_files(*again, process))
        if (UniqueFd root = open_root(*again)) return root;
    UniqueFd root;
    const ProcessImage* found =
        others_->find_in_mount_namespace(process.namespaces.mnt, [&](const ProcessImage& other) {
            return shares_files(other, process) && (root = open_root(other));
        });
    if (found != nullptr) last = {process.namespaces.mnt, found->key};
    const ProcessImage* outside = others_->find(process.parent);
    for (int i = 0; !root && outside != nullptr && i < kAncestors; ++i, outside = others_->find(outside->parent))
        if (outside->container == process.container && outside->root == process.root) root = open_root(*outside);
    return root;
}

} // namespace gyr
