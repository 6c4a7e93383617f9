#pragma once
// What a Matcher holds: the rules, their predicate graph, and for every event type the program that is left of them
// there. Filled by compile_rules, constant afterwards.

#include "match/event_key.h"
#include "match/expression.h"
#include "match/graph.h"
#include "match/output.h"
#include "match/program.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace gyr::match {

struct CompiledRules {
    static constexpr std::uint16_t kNoProgram = 0xffff;

    CompiledRules() { program_of.fill(kNoProgram); }

    std::vector<Rule> rules;
    bool process_bits = true;
    bool filter = false; // asked about events of all sources
    Expressions expressions;
    Graph graph;
    std::size_t slots = 0; // of results kept with a process image

    struct Compiled {
        bool usable = false;
        bool process_rule = false;
        std::uint32_t process_bit = 0;
        NodeId root = kFalse; // unfolded: right for every event, split
        std::optional<Output> output;
        std::vector<std::pair<std::string, Output>> extra_fields; // name; empty: the field's value as it is
    };
    std::vector<Compiled> compiled;

    struct EventProgram {
        Program program;
        std::vector<ProgramRule> rules; // the same, for who looks at the plan
    };
    std::vector<EventProgram> programs;                     // event types with the same rules share one
    std::array<std::uint16_t, kEventKeys + 1> program_of{}; // by EventKey::number()
    std::vector<EventKey> keys;                             // all that events can have
    Program process_program;
    std::uint32_t process_rules = 0;

    [[nodiscard]] const Program* program(EventKey key) const {
        const std::uint16_t at = program_of[key.number()];
        return at == kNoProgram ? nullptr : &programs[at].program;
    }
};

// rules and options to all the rest. Problems are appended; a rule with an error gets disabled_why.
void compile_rules(CompiledRules& out, const Matcher::Options& options, std::vector<Diagnostic>& diagnostics);

} // namespace gyr::match
