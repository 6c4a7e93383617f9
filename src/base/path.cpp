#include "base/path.h"

#include <cstdint>
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

// Whether a path is absolute and has nothing to take out: no "//", no "/." and no slash at its end. Eight bytes at a
// time, each held against the one after it.
bool is_plain(std::string_view path) {
    constexpr std::uint64_t kLow = 0x0101010101010101, kSeven = 0x7f * kLow, kSlash = '/' * kLow;
    const auto load = [](const char* at) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        return word;
    };
    // The top bit of each byte that is zero.
    const auto zeros = [](std::uint64_t x) { return ~(((x & kSeven) + kSeven) | x | kSeven); };
    static_assert(('.' | 1) == '/');
    const auto bad = [&](const char* at) { return zeros(load(at) ^ kSlash) & zeros((load(at + 1) | kLow) ^ kSlash); };
    constexpr std::size_t kLook = sizeof(std::uint64_t) + 1;
    if (path.size() < kLook || path.front() != '/' || path.back() == '/') return false;
    std::uint64_t found = bad(path.data() + path.size() - kLook);
    for (std::size_t at = 0; at + kLook < path.size(); at += sizeof(std::uint64_t)) found |= bad(path.data() + at);
    return found == 0;
}

} // namespace

std::string_view join_path(std::string_view base, std::string_view path, char* out) {
    if (const std::string_view whole = path.substr(0, kMaxPath); is_plain(whole)) {
        std::memcpy(out, whole.data(), whole.size());
        return {out, whole.size()};
    }
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
    if (is_plain(b)) {
        out.assign(b);
        return;
    }
    char buffer[2 * kMaxPath + 2];
    out = join_path(a, b, buffer);
}

} // namespace gyr
