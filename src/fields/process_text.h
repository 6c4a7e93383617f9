#pragma once
// Texts made from a process image (joined arguments, command line …) and the walks to other processes. Texts live in
// the arena or in the image.

#include "base/arena.h"
#include "fields/context.h"
#include "fields/value.h"
#include "state/process.h"

#include <string_view>

namespace gyr::fields {

inline constexpr int kMaxAncestors = 64; // walks up the tree end here

[[nodiscard]] std::string_view args_text(const ProcessImage& p, Arena& arena);    // argv[1..] joined by blanks
[[nodiscard]] std::string_view cmdline_text(const ProcessImage& p, Arena& arena); // comm and arguments
[[nodiscard]] std::string_view exeline_text(const ProcessImage& p, Arena& arena); // argv[0] and arguments
[[nodiscard]] std::string_view env_text(const ProcessImage& p, Arena& arena);
[[nodiscard]] std::string_view argv0(const ProcessImage& p);
// Value of an environment variable; null data when it is not set. Of one that is there several times, which programs
// and the loader read differently, all values, parted by blanks.
[[nodiscard]] std::string_view env_value(const ProcessImage& p, std::string_view name, Arena& arena);
[[nodiscard]] std::string_view cwd_text(const ProcessImage& p, Arena& arena);       // ends with '/'
[[nodiscard]] std::string_view capabilities_text(std::uint64_t mask, Arena& arena); // names joined by blanks
[[nodiscard]] std::string_view cgroups_text(const ProcessImage& p, char between, Arena& arena); // subsystem=path …
[[nodiscard]] std::string_view key_text(const ProcessKey& key, Arena& arena); // reuse-proof id: pid-starttime
[[nodiscard]] std::string_view stdio_type(StdioKind kind);                    // as fd.type has it

// printf into the arena, at most 256 bytes.
[[nodiscard, gnu::format(printf, 2, 3)]] std::string_view print(Arena& arena, const char* format, ...);

// The parent the kernel has now; null when unknown.
[[nodiscard]] const ProcessImage* parent_of(const Context& c, const ProcessImage& p);
[[nodiscard]] const ProcessImage* creator_of(const Context& c, const ProcessImage& p);
// Why another process is missing that ought to be known.
[[nodiscard]] Missing why_no_parent(const ProcessImage& p);

// Joins values that each callback call gives, for n items.
template <class F>
[[nodiscard]] std::string_view join_items(Arena& arena, std::size_t n, char between, F item) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < n; ++i) bytes += item(i).size() + (i > 0 ? 1 : 0);
    char* out = arena.allocate(bytes);
    char* at = out;
    for (std::size_t i = 0; i < n; ++i) {
        if (i > 0) *at++ = between;
        const std::string_view s = item(i);
        if (!s.empty()) std::memcpy(at, s.data(), s.size());
        at += s.size();
    }
    return {out, bytes};
}

} // namespace gyr::fields
