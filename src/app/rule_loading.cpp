#include "app/rule_loading.h"

#include "app/canary.h"
#include "audit/audit_event.h"
#include "fields/registry.h"
#include "match/event_names.h"
#include "match/glob.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gyr::app {

namespace {

void adjust_rules(std::vector<Rule>& rules, const config::Config& config) {
    for (Rule& rule : rules) {
        if (rule.name == kCanaryRule) continue; // of the agent itself
        for (const config::RuleSelection& selection : config.rule_selections) {
            const bool named = !selection.rule.empty() && match::glob_match(selection.rule, rule.name, false);
            if (named || (!selection.tag.empty() && rule.tags.contains(selection.tag))) rule.enabled = selection.enable;
        }
        for (const config::OutputAppend& append : config.output_appends) {
            const bool tagged =
                std::ranges::all_of(append.tags, [&](const auto& tag) { return rule.tags.contains(tag); });
            if (!tagged || (!append.rule.empty() && append.rule != rule.name) ||
                (!append.source.empty() && append.source != rule.source))
                continue;
            if (!append.text.empty()) rule.output += " " + append.text;
            for (const auto& [name, text] : append.fields) rule.extra_fields.push_back({name, text});
        }
    }
}

} // namespace

CheckedRules load_checked(const std::vector<std::string>& paths, bool strict, bool live_only,
                          const config::Config* adjust) {
    rules::LoadOptions options;
    options.fields = &fields::catalog();
    options.events = &match::event_names();
    options.sources = {std::string(kAuditSource)};
    if (!live_only || adjust == nullptr || adjust->kernel.enabled) options.sources.emplace_back("syscall");
    CheckedRules out;
    rules::RuleLoader loader(std::move(options));
    if (adjust != nullptr && adjust->canary > 0 && adjust->kernel.enabled)
        loader.add_text(std::string(kCanaryFile), canary_rule(*adjust));
    for (const std::string& path : paths) loader.add_path(path);
    out.loaded = loader.finish();
    std::erase(out.loaded.files, kCanaryFile);

    if (adjust != nullptr) adjust_rules(out.loaded.rules, *adjust);
    Matcher::Options compile;
    compile.strict = strict;
    compile.live_only = live_only;
    if (adjust != nullptr && !parse_priority(adjust->priority, compile.minimum_priority))
        compile.minimum_priority = Priority::debug;
    if (out.loaded.sources) {
        compile.diagnose = [sources = out.loaded.sources](Severity severity, std::string_view code, std::string message,
                                                          lang::Span span, std::string hint) {
            return sources->diagnose(severity, code, std::move(message), span, std::move(hint));
        };
    }
    out.matcher = Matcher::compile(out.loaded.rules, compile, out.loaded.diagnostics);
    // What the compiler found unusable shows in the listings too.
    out.loaded.rules.assign(out.matcher->rules().begin(), out.matcher->rules().end());
    return out;
}

std::expected<CheckedRules, Exit> load_as_they_are(const CommonOptions& options) {
    const auto settings = load_settings(options);
    if (!settings) return std::unexpected(settings.error());
    const auto paths = find_rules(settings->config);
    if (!paths) return std::unexpected(paths.error());
    return load_checked(paths->paths, true);
}

std::expected<CheckedRules, Exit> load_for_command(const CommonOptions& options) {
    auto checked = load_as_they_are(options);
    if (checked && !checked->loaded.ok()) return std::unexpected(complain_of(*checked));
    return checked;
}

Exit complain_of(const CheckedRules& checked) {
    return complain(Exit::bad, checked.loaded.diagnostics, "`gyr rules check` shows them all");
}

std::string no_such_rule(const rules::LoadedRules& loaded, const std::string& name) {
    std::vector<std::string_view> names;
    for (const Rule& r : loaded.rules) names.push_back(r.name);
    const std::string_view close = closest(name, names);
    return close.empty() ? fmt::format("there is no rule '{}'", name)
                         : fmt::format("there is no rule '{}'; did you mean '{}'?", name, close);
}

std::expected<CheckedRules, Exit> load_for_captures(const config::Config& config) {
    const auto paths = find_rules(config);
    if (!paths) return std::unexpected(paths.error());
    config::Config of_captures = config;
    of_captures.canary = 0; // it runs live alone
    CheckedRules checked = load_checked(paths->paths, false, false, &of_captures);
    if (!checked.loaded.ok()) return std::unexpected(complain_of(checked));
    for (const Rule& rule : checked.matcher->rules()) {
        if (!rule.disabled_why.empty())
            log(LogLevel::warning, fmt::format("rule '{}' cannot be used: {}", rule.name, rule.disabled_why));
    }
    return checked;
}

} // namespace gyr::app
