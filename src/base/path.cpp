#include "base/path.h"

#include <cstring>

namespace gyr {

namespace {

// What is made: size bytes at out, of which the first root stay whatever ".." says.
struct Joined {
    char* out;
    std::size_t size = 0, root = 0;

    void add_part(std::string_view part) { // "a", ".", "..", ""
        if (part.empty() || part == ".") return;
        if (part == "..") {
            while (size > root && out[size - 1] != '/') --size;
            if (size > root) --size; // the slash
            return;
        }
        if (size > root) out[size++] = '/';
        std::memcpy(out + size, part.data(), part.size());
        size += part.size();
    }

    void add(std::string_view path) {
        while (!path.empty()) {
            const std::size_t slash = path.find('/');
            add_part(path.substr(0, slash));
            path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
        }
    }
};

} // namespace

std::string_view join_path(std::string_view base, std::string_view path, char* out) {
    if (path.starts_with('/')) base = {};
    Joined joined{out};
    if (path.starts_with('/') || base.starts_with('/')) {
        out[0] = '/';
        joined.size = joined.root = 1;
    }
    joined.add(base.substr(0, kMaxPath));
    joined.add(path.substr(0, kMaxPath));
    return {out, joined.size < kMaxPath ? joined.size : kMaxPath};
}

void join_path(std::string_view base, std::string_view path, std::string& out) {
    // path or base may be in out itself.
    const std::string_view a = base.substr(0, kMaxPath), b = path.substr(0, kMaxPath);
    char buffer[2 * kMaxPath + 2];
    out = join_path(a, b, buffer);
}

} // namespace gyr
