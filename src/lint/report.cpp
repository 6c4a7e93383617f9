#include "lint/lint.h"

#include <nlohmann/json.hpp>

#include <string>

namespace gyr::lint {

using Json = nlohmann::ordered_json;

std::string lint_text(const std::vector<Diagnostic>& findings) {
    std::string out;
    std::size_t errors = 0;
    for (const Diagnostic& d : findings) {
        if (d.severity == Severity::error) ++errors;
        out += to_text(d) + "\n    " + d.code + '\n';
    }
    if (findings.empty()) return "nothing found\n";
    const std::size_t warnings = findings.size() - errors;
    return out + std::to_string(errors) + (errors == 1 ? " error, " : " errors, ") + std::to_string(warnings) +
           (warnings == 1 ? " warning\n" : " warnings\n");
}

std::string lint_json(const std::vector<Diagnostic>& findings) {
    Json list = Json::array();
    for (const Diagnostic& d : findings) {
        Json in = Json::array();
        for (const DiagnosticItem& item : d.context) in.push_back({{"type", item.type}, {"name", item.name}});
        list.push_back({{"code", d.code},
                        {"severity", d.severity == Severity::error ? "error" : "warning"},
                        {"message", d.message},
                        {"hint", d.hint},
                        {"file", d.place.file},
                        {"line", d.place.line},
                        {"column", d.place.column},
                        {"in", std::move(in)}});
    }
    return Json{{"findings", std::move(list)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace gyr::lint
