#include "base/path.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyr {
namespace {

// Component by component, as path.h says.
std::string expected(const std::string& base, const std::string& path) {
    const std::string whole = path.starts_with('/') ? path : base + "/" + path;
    const bool absolute = path.starts_with('/') || base.starts_with('/');
    std::vector<std::string> parts;
    std::string part;
    for (const char c : whole + "/") {
        if (c != '/') {
            part += c;
            continue;
        }
        if (part == "..") {
            if (!parts.empty()) parts.pop_back();
        } else if (!part.empty() && part != ".") {
            parts.push_back(part);
        }
        part.clear();
    }
    std::string out;
    for (const std::string& p : parts) out += (out.empty() && !absolute ? "" : "/") + p;
    return out.empty() && absolute ? "/" : out;
}

std::string joined(const std::string& base, const std::string& path) {
    std::string out;
    join_path(base, path, out);
    std::string memory(join_path_room(base, path), 'm');
    EXPECT_EQ(join_path(base, path, memory.data()), out);
    return out;
}

TEST(JoinPath, IsWhatTheSpellingSays) {
    EXPECT_EQ(joined("/home/a", "b/../c"), "/home/a/c");
    EXPECT_EQ(joined("/home", "/etc/passwd"), "/etc/passwd");
    EXPECT_EQ(joined("/", ".."), "/");
    EXPECT_EQ(joined("", "a/./b"), "a/b");
    EXPECT_EQ(joined("/x", "/"), "/");
}

// Every text of slashes, dots and letters, at every distance from the begin and the end of longer ones: those are
// looked at in pieces.
TEST(JoinPath, OfEveryShape) {
    constexpr std::string_view kLetters = "/.a";
    for (unsigned number = 0; number < 3 * 3 * 3 * 3 * 3; ++number) {
        std::string middle;
        for (unsigned n = number, i = 0; i < 5; ++i, n /= 3) middle += kLetters[n % 3];
        for (std::size_t before = 0; before < 11; ++before) {
            for (std::size_t after = 0; after < 11; ++after) {
                const std::string path = "/" + std::string(before, 'b') + middle + std::string(after, 'e');
                ASSERT_EQ(joined("/base", path), expected("/base", path)) << path;
                ASSERT_EQ(joined("/base", path.substr(1)), expected("/base", path.substr(1))) << path;
            }
        }
    }
}

TEST(JoinPath, IsCutAtTheLongest) {
    const std::string path = "/" + std::string(2 * kMaxPath, 'a');
    EXPECT_EQ(joined("", path), path.substr(0, kMaxPath));
    EXPECT_EQ(joined(path, "b"), path.substr(0, kMaxPath));
}

TEST(JoinPath, MayWriteOverWhatItReads) {
    std::string text = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    join_path("", text, text);
    EXPECT_EQ(text, "/usr/lib/x86_64-linux-gnu/libc.so.6");
    join_path("", std::string_view(text).substr(9), text);
    EXPECT_EQ(text, "x86_64-linux-gnu/libc.so.6");
    text = "/a/b/some/longer/path";
    join_path("", std::string_view(text).substr(4), text);
    EXPECT_EQ(text, "/some/longer/path");
}

} // namespace
} // namespace gyr
