#pragma once
// What each program of the kernel side hangs on, and what is not seen where the kernel lacks that.

#include "base/result.h"
#include "sources/source.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

struct KernelTypes;

struct ProgramFact {
    std::string_view program;
    std::string_view hook; // tracepoint or iterator name
    std::string_view kind;
    bool required;
    std::string_view coverage; // what is not seen without it, and what becomes of rules
    std::string_view events;   // evt.type of what is lost, with blanks between; "*": of every system call
    bool on_demand = false;    // attached only while something asks for it
};

[[nodiscard]] std::span<const ProgramFact> program_facts();
[[nodiscard]] const ProgramFact* find_program_fact(std::string_view program);
[[nodiscard]] bool has_hook_of(const KernelTypes& types, const ProgramFact& fact);

// "reason; not seen: …"
[[nodiscard]] std::string not_seen(std::string_view reason, const ProgramFact& fact);

// A hook for each program that is not unused, with what is lost where it is not there. Errors: one is required.
[[nodiscard]] Result<std::vector<Hook>> expected_hooks(std::span<const std::string_view> unused,
                                                       const std::function<bool(const ProgramFact&)>& there);

} // namespace gyr
