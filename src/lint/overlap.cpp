#include "lint/checks.h"
#include "lint/implication.h"
#include "match/event_names.h"
#include "rules/event_types.h"

#include <optional>
#include <string>

namespace gyr::lint {

namespace {

constexpr std::size_t kStepsPerPair = 2'000;

struct Candidate {
    const Rule* rule = nullptr;
    rules::EventSet types;
};

bool meet(const rules::EventSet& a, const rules::EventSet& b) {
    rules::EventSet both = a;
    both &= b;
    return !both.empty();
}

} // namespace

void check_overlap(const rules::LoadedRules& loaded, const Matcher&, std::vector<Diagnostic>& out) {
    std::vector<Candidate> all;
    for (const Rule& rule : loaded.rules) {
        if (!is_usable(rule) || !rule.enabled || never_matches(rule)) continue;
        auto types = rules::event_types(*rule.condition, match::event_names());
        if (types) all.push_back({&rule, std::move(*types)});
    }
    Implication proof(kStepsPerPair);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Rule& inner = *all[i].rule;
        for (std::size_t k = 0; k < all.size(); ++k) {
            const Rule& outer = *all[k].rule;
            if (i == k || inner.source != outer.source || !meet(all[i].types, all[k].types)) continue;
            if (!proof.implies(*inner.condition, *outer.condition)) continue;
            const bool same = proof.implies(*outer.condition, *inner.condition);
            if (same && i < k) continue; // told of the later one
            const std::string where = " (" + outer.place.file + ':' + std::to_string(outer.place.line) + ')';
            if (same)
                out.push_back(
                    about_rule(code::kSameCondition, inner,
                               "rule '" + inner.name + "' matches the same events as '" + outer.name + "'" + where));
            else
                out.push_back(
                    about_rule(code::kContained, inner,
                               "whatever rule '" + inner.name + "' matches, '" + outer.name + "' matches too" + where,
                               k < i ? "with rule_matching: first it is never reported" : ""));
        }
    }
}

} // namespace gyr::lint
