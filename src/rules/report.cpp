#include "rules/report.h"

#include "rules/problems.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace gyr::rules {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kDescriptions = {{
    {code::kFileRead, "file cannot be read"},
    {code::kYamlParse, "not valid YAML"},
    {code::kYamlValidate, "wrong structure"},
    {code::kCompileConditionError, "condition cannot be used"},
    {code::kCompileOutput, "output cannot be used"},
    {code::kValidate, "does not fit together"},
    {code::kUnknownSource, "unknown event source"},
    {code::kUnsafeNaCheck, "unsafe comparison with <NA>"},
    {code::kNoEvttype, "too many event types"},
    {code::kUnknownFilter, "unknown field or event type, skipped"},
    {code::kUnusedMacro, "unused macro"},
    {code::kUnusedList, "unused list"},
    {code::kUnknownItem, "unknown item"},
    {code::kDeprecatedItem, "deprecated"},
    {code::kAppendNoValues, "appended exception without values"},
    {code::kExceptionNotUnique, "exception defined twice"},
    {code::kInvalidMacroName, "unusable macro name"},
    {code::kInvalidListName, "unusable list name"},
    {code::kCompileCondition, "condition is probably not what was meant"},
    {code::kUnknownKey, "unknown key"},
    {code::kExtensionWarning, "note"},
}};

Json position(const Place& place) {
    return {{"name", place.file}, {"line", place.line}, {"column", place.column}, {"offset", place.offset}};
}

Json problem(const Diagnostic& d) {
    Json locations = Json::array();
    for (const DiagnosticItem& item : d.context)
        locations.push_back({{"item_type", item.type}, {"item_name", item.name}, {"position", position(item.place)}});
    // The last location is the exact spot, whatever item it is in.
    if (d.context.empty() || d.context.back().place.offset != d.place.offset)
        locations.push_back({{"item_type", "value for"}, {"item_name", ""}, {"position", position(d.place)}});
    Json out = {{"context", {{"locations", std::move(locations)}, {"snippet", d.snippet}}},
                {"code", d.code},
                {"codedesc", code_description(d.code)},
                {"message", d.message}};
    if (!d.hint.empty()) out["hint"] = d.hint;
    return out;
}

Json problems(const std::vector<const Diagnostic*>& list) {
    Json out = Json::array();
    for (const Diagnostic* d : list) out.push_back(problem(*d));
    return out;
}

std::string in_item(const DiagnosticItem& item) {
    return "In " + item.type + (item.name.empty() ? "" : " '" + item.name + "'") + ": (" + item.place.file + ':' +
           std::to_string(item.place.line) + ':' + std::to_string(item.place.column) + ')';
}

void print(const std::vector<const Diagnostic*>& list, std::string_view one, std::string_view many, std::string& out) {
    if (list.empty()) return;
    out += std::to_string(list.size()) + ' ' + std::string(list.size() == 1 ? one : many) + ":\n";
    std::size_t number = 0;
    for (const Diagnostic* d : list) {
        out += std::to_string(++number) + ". ";
        for (const char c : to_text(*d)) {
            out += c;
            if (c == '\n') out += "  ";
        }
        out += '\n';
        for (const DiagnosticItem& item : d->context) {
            // What is the same for the whole file, or the same spot again, tells nothing.
            if (item.type == "rules content" || item.place.offset == d->place.offset) continue;
            out += "    " + in_item(item) + '\n';
        }
        out += "    " + d->code + '\n';
    }
}

} // namespace

std::string_view code_description(std::string_view code) {
    const auto it = std::ranges::find(kDescriptions, code, &std::pair<std::string_view, std::string_view>::first);
    return it == kDescriptions.end() ? "" : it->second;
}

std::vector<FileReport> by_file(const std::vector<std::string>& files, const std::vector<Diagnostic>& diagnostics) {
    std::vector<FileReport> out;
    std::unordered_map<std::string_view, std::size_t> index;
    for (const std::string& file : files)
        if (index.emplace(file, out.size()).second) out.push_back({file, {}, {}});
    for (const Diagnostic& d : diagnostics) {
        auto it = index.find(d.place.file);
        if (it == index.end()) {
            if (out.empty() || !d.place.file.empty()) {
                it = index.emplace(d.place.file, out.size()).first;
                out.push_back({d.place.file, {}, {}});
            } else {
                it = index.find(out.front().file);
            }
        }
        FileReport& report = out[it->second];
        (d.severity == Severity::error ? report.errors : report.warnings).push_back(&d);
    }
    return out;
}

std::string check_text(const std::vector<FileReport>& reports, bool show_warnings) {
    std::string out;
    for (const FileReport& report : reports) {
        if (report.errors.size() == 1 && report.errors[0]->code == code::kFileRead &&
            report.errors[0]->place.line == 0 && report.warnings.empty()) {
            out += "error: " + report.errors[0]->message + '\n'; // it names the file; nothing more is known of it
            continue;
        }
        out += report.file + ": ";
        out += !report.ok() ? "Invalid\n" : report.warnings.empty() ? "Ok\n" : "Ok, with warnings\n";
        print(report.errors, "error", "errors", out);
        if (show_warnings) print(report.warnings, "warning", "warnings", out);
    }
    return out;
}

std::string check_json(const std::vector<FileReport>& reports) {
    Json results = Json::array();
    for (const FileReport& report : reports) {
        Json schema = Json::array();
        for (const auto* list : {&report.errors, &report.warnings})
            for (const Diagnostic* d : *list)
                if (d->against_schema) schema.push_back(d->message);
        results.push_back({{"name", report.file},
                           {"successful", report.ok()},
                           {"schema_valid", schema.empty()},
                           {"schema_warnings", std::move(schema)},
                           {"errors", problems(report.errors)},
                           {"warnings", problems(report.warnings)}});
    }
    return Json{{"falco_load_results", std::move(results)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace gyr::rules
