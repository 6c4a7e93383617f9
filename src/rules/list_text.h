#pragma once
// Lists replaced in the text of a condition, as the rule language has it: by name, in definition order, before
// anything is parsed (reference/rule-language.md §7).

#include "rules/definitions.h"
#include "rules/source.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gyr::rules {

class ListExpander {
  public:
    explicit ListExpander(Definitions& definitions);

    // The text with every list named in it replaced by its items; marks those lists used. A list with external
    // entries stays a name, to be turned into a reference after parsing. Nothing when lists that name later lists make
    // it grow without measure.
    [[nodiscard]] std::optional<ComposedText> expand(ComposedText text) const;
    // Lists with external entries by name; null when none has that name.
    [[nodiscard]] const ListDef* external(std::string_view name) const;
    // The first word of an expanded text that names a list with errors; empty when none does.
    [[nodiscard]] std::string_view broken_in(std::string_view text) const;

  private:
    struct Resolved {
        ListDef* def = nullptr;
        std::vector<ScalarPtr> items; // lists inside expanded one level
        bool odd_name = false;        // cannot be found word by word
    };

    [[nodiscard]] std::optional<ComposedText> replace(const ComposedText& text, const Resolved& list,
                                                      bool& found) const;

    const std::set<std::string, std::less<>>& broken_;
    std::vector<Resolved> lists_; // in definition order
    std::unordered_map<std::string_view, std::size_t> by_name_;
};

} // namespace gyr::rules
