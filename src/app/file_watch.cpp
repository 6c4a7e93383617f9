#include "app/file_watch.h"

#include "base/folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <system_error>

#include <sys/inotify.h>
#include <unistd.h>

namespace gyr::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr int kMaxLinks = 16;
constexpr int kMaxDepth = 40;
constexpr std::size_t kMaxFolders = 1000;
constexpr std::size_t kMaxEntries = 10'000;
constexpr std::uintmax_t kMaxHashed = std::uintmax_t{64} << 20;

void add_tree(const fs::path& folder, std::set<std::string>& folders, int links);

// Folders whose entries decide what path leads to: that of each link on the way, and that of the file itself.
void add_folders(const fs::path& path, std::set<std::string>& folders, int links) {
    std::error_code error;
    fs::path so_far;
    const fs::path absolute = fs::absolute(path, error).lexically_normal();
    for (const fs::path& part : absolute) {
        const fs::path next = so_far / part;
        if (fs::is_symlink(next, error) && links > 0) {
            folders.insert(so_far.string());
            const fs::path target = fs::read_symlink(next, error);
            add_folders(target.is_absolute() ? target : so_far / target, folders, links - 1);
        } else if (!fs::exists(next, error)) {
            folders.insert(so_far.string()); // it may come
            return;
        }
        so_far = next;
    }
    folders.insert(absolute.parent_path().string());
    if (!fs::is_directory(absolute, error)) return;
    add_tree(absolute, folders, links);
}

// A folder with all below it.
void add_tree(const fs::path& folder, std::set<std::string>& folders, int links) {
    folders.insert(folder.string());
    for_each_entry(folder, [&](const fs::directory_entry& entry) {
        std::error_code error;
        if (folders.size() > kMaxFolders) return false;
        if (entry.is_symlink(error) && links > 0) {
            const fs::path target = fs::read_symlink(entry.path(), error);
            add_folders(target.is_absolute() ? target : folder / target, folders, std::min(links, 3) - 1);
        } else if (!entry.is_symlink(error) && entry.is_directory(error)) {
            add_tree(entry.path(), folders, links);
        }
        return true;
    });
}

// All below a folder, over links too.
void list_entries(const fs::path& folder, std::vector<fs::path>& entries, int depth) {
    for_each_entry(folder, [&](const fs::directory_entry& entry) {
        std::error_code error;
        entries.push_back(entry.path());
        if (depth < kMaxDepth && entry.is_directory(error)) list_entries(entry.path(), entries, depth + 1);
        return entries.size() < kMaxEntries;
    });
}

void hash_file(const fs::path& path, std::size_t& hash) {
    std::error_code error;
    if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kMaxHashed) return;
    std::ifstream in(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    hash = hash * 1'000'003 + std::hash<std::string>()(path.string()) * 31 + std::hash<std::string>()(text);
}

} // namespace

FileWatch::FileWatch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void FileWatch::set(const std::vector<std::string>& paths) {
    if (!inotify_) return;
    std::set<std::string> folders;
    for (const std::string& path : paths) add_folders(path, folders, kMaxLinks);
    std::set<int> wanted;
    for (const std::string& folder : folders) {
        if (const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kEvents); watch >= 0)
            wanted.insert(watch);
    }
    for (const int old : watches_) {
        if (!wanted.contains(old)) ::inotify_rm_watch(inotify_.get(), old);
    }
    watches_ = std::move(wanted);
}

void FileWatch::drain() {
    std::array<char, 16384> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
}

std::size_t fingerprint(const std::vector<std::string>& paths) {
    std::size_t hash = 0;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!fs::is_directory(path, error)) {
            hash_file(path, hash);
            continue;
        }
        std::vector<fs::path> entries;
        list_entries(path, entries, 0);
        std::ranges::sort(entries);
        for (const fs::path& entry : entries) hash_file(entry, hash);
    }
    return hash;
}

} // namespace gyr::app
