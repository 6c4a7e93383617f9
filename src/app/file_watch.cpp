#include "app/file_watch.h"

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
constexpr std::size_t kMaxFolders = 1000;
constexpr std::uintmax_t kMaxHashed = std::uintmax_t{64} << 20;

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
    folders.insert(absolute.string());
    for (const auto& entry :
         fs::recursive_directory_iterator(absolute, fs::directory_options::skip_permission_denied, error)) {
        if (folders.size() > kMaxFolders) return;
        if (entry.is_symlink(error) && links > 0) {
            const fs::path target = fs::read_symlink(entry.path(), error);
            add_folders(target.is_absolute() ? target : entry.path().parent_path() / target, folders,
                        std::min(links, 3) - 1);
        } else if (entry.is_directory(error)) {
            folders.insert(entry.path().string());
        }
    }
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
        std::vector<fs::path> files;
        for (const auto& entry :
             fs::recursive_directory_iterator(path, fs::directory_options::follow_directory_symlink, error)) {
            if (files.size() > 10 * kMaxFolders) break;
            files.push_back(entry.path());
        }
        std::ranges::sort(files);
        for (const fs::path& file : files) hash_file(file, hash);
    }
    return hash;
}

} // namespace gyr::app
