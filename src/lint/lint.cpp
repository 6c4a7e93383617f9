#include "lint/lint.h"

#include "lint/checks.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace gyr::lint {

std::vector<Diagnostic> lint(const rules::LoadedRules& loaded, const Matcher& matcher) {
    std::vector<Diagnostic> all = loaded.diagnostics;
    // Loading warns of every rule without event types; here only of those that it makes slow (kEveryEvent).
    std::erase_if(all, [](const Diagnostic& d) { return d.code == "LOAD_NO_EVTTYPE"; });
    check_lists(loaded, all);
    check_conditions(loaded, matcher, all);
    check_overlap(loaded, matcher, all);

    // The same of a deprecated field, once.
    std::set<std::pair<std::string, std::size_t>> deprecated;
    for (const Diagnostic& d : all)
        if (d.code == code::kDeprecatedField) deprecated.emplace(d.place.file, d.place.offset);
    std::erase_if(all, [&](const Diagnostic& d) {
        return d.code == "LOAD_DEPRECATED_ITEM" && deprecated.contains({d.place.file, d.place.offset});
    });

    // A macro's mistake shows in every rule that uses it.
    std::set<std::tuple<std::string, std::string, std::size_t, std::string>> seen;
    std::erase_if(all, [&](const Diagnostic& d) {
        // How many more entries stand there twice differs between the conditions; one is enough.
        const bool by_place = d.code == code::kDuplicateItem;
        return !seen.emplace(d.code, d.place.file, d.place.offset, by_place ? std::string() : d.message).second;
    });
    std::unordered_map<std::string_view, std::size_t> order;
    for (const std::string& file : loaded.files) order.emplace(file, order.size());
    std::ranges::stable_sort(all, {}, [&](const Diagnostic& d) {
        const auto found = order.find(d.place.file);
        return std::tuple(found == order.end() ? order.size() : found->second, d.place.line, d.place.column);
    });
    return all;
}

} // namespace gyr::lint
