#pragma once
// Loading rules with everything this program knows of fields and events, as every command does it.

#include "app/settings.h"
#include "match/matcher.h"
#include "rules/loader.h"

#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace gyr::app {

struct CheckedRules {
    rules::LoadedRules loaded;              // all diagnostics, those of the compiler included
    std::shared_ptr<const Matcher> matcher; // its rules are those of loaded, in the same order
};

// strict: a rule that cannot be used is an error; otherwise it is disabled and says why. adjust: enables, disables and
// lengthens rules as a Falco configuration asks.
[[nodiscard]] CheckedRules load_checked(const std::vector<std::string>& paths, bool strict, bool live_only = false,
                                        const config::Config* adjust = nullptr);

// For commands that only look at rules: finds them (-r, configuration, usual places) and loads. The first also has what
// does not load, with its diagnostics; the second complains of it in one line.
[[nodiscard]] std::expected<CheckedRules, Exit> load_as_they_are(const CommonOptions& options);
[[nodiscard]] std::expected<CheckedRules, Exit> load_for_command(const CommonOptions& options);
// The line, and the exit code of a command whose rules have mistakes.
Exit complain_of(const CheckedRules& checked);

// What to say when rules have no rule of that name; with the nearest name.
[[nodiscard]] std::string no_such_rule(const rules::LoadedRules& loaded, const std::string& name);

// For commands over captures: a rule that cannot be used is told on standard error, and the others work; a mistake in
// a rule file ends the command.
[[nodiscard]] std::expected<CheckedRules, Exit> load_for_captures(const config::Config& config);

} // namespace gyr::app
