#pragma once
// The kernel's type information (BTF) cut down to what our programs name. libbpf goes through all of it for each of
// their types, and a kernel has more than a hundred thousand: most of what loading a program took beside the verifier.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

struct btf;

namespace gyr {

struct ReducedTypes {
    std::vector<std::byte> bytes; // as in /sys/kernel/btf/vmlinux, with numbers of its own
    // The kernel's own numbers of the structures that were named.
    std::map<std::string, std::uint32_t, std::less<>> structs;
};

// The types of kernel that have a name that a type of named has (what follows "___" set aside), with all that lies
// within them. What they point to is left out. Empty when kernel has types that are not known here.
[[nodiscard]] ReducedTypes reduce_types(const btf* kernel, const btf* named);

} // namespace gyr
