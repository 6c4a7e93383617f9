#include "playback/event_printer.h"

#include "alerts/format.h"
#include "fields/registry.h"
#include "lang/parser.h"
#include "match/event_names.h"
#include "match/output.h"
#include "rules/loader.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace gyr::playback {

namespace {

constexpr const char* kAnything = "evt.num >= 1";

// The filter and the format as a rule file of one rule, so that they mean what they mean there. JSON text is YAML.
std::string as_rule_file(const std::string& filter, const std::string& format) {
    const auto quoted = [](const std::string& text) {
        return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    return "- rule: events\n  desc: \"-\"\n  priority: DEBUG\n  warn_evttypes: false\n  condition: " + quoted(filter) +
           "\n  output: " + quoted(format) + "\n";
}

} // namespace

Result<EventPrinter> EventPrinter::create(const std::string& filter, const std::string& format) {
    if (format.empty()) return fail(ErrorKind::invalid, "the format is empty");
    if (!filter.empty()) {
        if (const auto parsed = lang::parse(filter); !parsed)
            return fail(ErrorKind::invalid, "filter, column " + std::to_string(parsed.error().span.offset + 1) + ": " +
                                                parsed.error().message);
    }
    rules::LoadOptions options;
    options.fields = &fields::catalog();
    options.events = &match::event_names();
    rules::RuleLoader loader(std::move(options));
    loader.add_text("filter", as_rule_file(filter.empty() ? kAnything : filter, format));
    rules::LoadedRules loaded = loader.finish();
    EventPrinter printer;
    printer.everything_ = filter.empty();
    printer.matcher_ =
        Matcher::compile(std::move(loaded.rules), {.strict = true, .filter = true, .diagnose = {}}, loaded.diagnostics);
    for (const Diagnostic& d : loaded.diagnostics)
        if (d.severity == Severity::error)
            return fail(ErrorKind::invalid, d.hint.empty() ? d.message : d.message + "; " + d.hint);
    if (printer.matcher_->rules().empty()) return fail(ErrorKind::invalid, "the filter cannot be used");
    if (const std::string& why = printer.matcher_->rules()[0].disabled_why; !why.empty())
        return fail(ErrorKind::invalid, why);
    printer.scratch_ = printer.matcher_->make_scratch();
    return printer;
}

bool EventPrinter::matches(const Event& event, const EvalWorld& world) {
    return everything_ || matcher_->evaluate_rule(0, event, world, *scratch_, true) == Decision::yes;
}

std::string EventPrinter::line(const Event& event, const EvalWorld& world) {
    return escape_line(matcher_->render(0, event, world, *scratch_).text);
}

std::string EventPrinter::json(const Event& event, const EvalWorld& world) {
    nlohmann::ordered_json out = nlohmann::ordered_json::object();
    for (const match::OutputValue& v : matcher_->render(0, event, world, *scratch_).values) {
        std::visit(
            [&](const auto& x) {
                if constexpr (std::is_same_v<std::decay_t<decltype(x)>, std::monostate>)
                    out[v.key] = nullptr;
                else
                    out[v.key] = x;
            },
            v.value);
    }
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace gyr::playback
