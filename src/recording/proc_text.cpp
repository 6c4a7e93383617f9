#include "recording/proc_text.h"

#include "base/fd.h"

#include <array>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace gyr::recording {

bool read_text(const std::string& path, std::string& out, std::size_t most) {
    out.clear();
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return false;
    std::array<char, 16384> part;
    while (out.size() < most) {
        const ssize_t got = ::read(file.get(), part.data(), std::min(part.size(), most - out.size()));
        if (got <= 0) return got == 0;
        out.append(part.data(), static_cast<std::size_t>(got));
    }
    return true;
}

std::vector<std::int64_t> numbers_in(const std::string& folder) {
    std::vector<std::int64_t> numbers;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
    if (!dir) return numbers;
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string_view name(static_cast<const char*>(entry->d_name));
        if (name.find_first_not_of("0123456789") == std::string_view::npos)
            numbers.push_back(number<std::int64_t>(name));
    }
    return numbers;
}

bool read_link(const std::string& path, std::string& out) {
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    out.assign(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return size > 0;
}

} // namespace gyr::recording
