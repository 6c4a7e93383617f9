#include "lang/transformer.h"

#include <array>

namespace gyr::lang {

namespace {

constexpr std::array kTransformers = {
    TransformerInfo{"tolower", TransformerKind::tolower, 1, 1, false, "the string in lower case (ASCII)"},
    TransformerInfo{"toupper", TransformerKind::toupper, 1, 1, false, "the string in upper case (ASCII)"},
    TransformerInfo{"b64", TransformerKind::b64, 1, 1, false, "the bytes a base64 text stands for"},
    TransformerInfo{"basename", TransformerKind::basename, 1, 1, false, "what follows the last slash of a path"},
    TransformerInfo{"len", TransformerKind::len, 1, 1, false, "number of elements of a list, or bytes of a string"},
    TransformerInfo{"join", TransformerKind::join, 2, 2, false, "the elements of a list with a separator between"},
    TransformerInfo{"concat", TransformerKind::concat, 2, kAnyNumber, false, "several strings one after the other"},
    TransformerInfo{"getopt", TransformerKind::getopt, 2, 2, true, "short options found in a list of arguments"},
};
constexpr TransformerInfo kVal{"val", TransformerKind::val, 1, 1, false, "a field as the right side of a comparison"};

} // namespace

std::span<const TransformerInfo> transformers() { return kTransformers; }

const TransformerInfo* find_transformer(std::string_view name) {
    for (const TransformerInfo& t : kTransformers)
        if (t.name == name) return &t;
    return name == kVal.name ? &kVal : nullptr;
}

} // namespace gyr::lang
