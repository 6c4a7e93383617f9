#pragma once
// What a value must be, or hold, for a formula to be true at all: by such keys the rules worth a look are found without
// looking at the others.

#include "match/graph.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gyr::match {

struct RuleKey {
    enum class Kind : std::uint8_t { text, number, part }; // the value is text, is number, has text in it (case aside)
    Kind kind = Kind::text;
    ExprId field = 0;
    std::string text;
    std::uint64_t number = 0; // as number_bits
    bool lasting = false;     // what it tells holds for a whole image, and is kept with it once it has been asked
};

// At least one of the keys holds whenever the formula does; nothing when there are no such keys, or too many.
[[nodiscard]] std::optional<std::vector<RuleKey>> keys_of(const Graph& graph, NodeId formula);
// Whether a is the better choice to find a rule by.
[[nodiscard]] bool better(const std::vector<RuleKey>& a, const std::vector<RuleKey>& b);

} // namespace gyr::match
