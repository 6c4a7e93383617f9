#include "fields/listing.h"

#include "fields/registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

namespace gyr::fields {

namespace {

using Json = nlohmann::ordered_json;

std::string_view argument(const Field& f) {
    if (f.info.arg == lang::ArgKind::none) return "";
    const bool required = f.info.arg == lang::ArgKind::required;
    if (f.info.suffix_arg) return required ? ".name" : "[.name]";
    switch (f.arg_form) {
    case ArgForm::index: return required ? "[n]" : "([n])";
    case ArgForm::key: return required ? "[key]" : "([key])";
    default: return required ? "[n or key]" : "([n or key])";
    }
}

std::string_view family(const Field& f) { return f.info.name.substr(0, f.info.name.find('.')); }

struct Operator {
    std::string_view name, takes, meaning;
};
constexpr std::array kOperators = {
    Operator{"exists", "any", "the field has a value"},
    Operator{"=", "any but lists", "equal; == is the same"},
    Operator{"!=", "any but lists", "has a value, and another one"},
    Operator{"<, <=, >, >=", "numbers, text", "order"},
    Operator{"contains, icontains", "text, bytes", "has the text in it; icontains ignores the case of ASCII letters"},
    Operator{"startswith, endswith", "text, bytes", "begins or ends with the text"},
    Operator{"bcontains, bstartswith", "bytes", "the same with the right side as hexadecimal digits"},
    Operator{"glob, iglob", "text", "the whole value fits a shell pattern; * also takes slashes"},
    Operator{"regex", "text", "the whole value fits a POSIX regular expression (RE2)"},
    Operator{"in", "any", "is one of the values; a list: each of its values is"},
    Operator{"intersects", "any", "is one of the values; a list: at least one of its values is"},
    Operator{"pmatch", "text", "lies at or below one of the paths; components may be shell patterns"},
    Operator{"oneof, anyof, allof", "after an operator on text", "exactly one, at least one, or every value of the list fulfils it"},
    Operator{"tolower(), toupper()", "text", "the text in lower or upper case"},
    Operator{"basename()", "text", "what follows the last slash"},
    Operator{"b64()", "text, bytes", "decoded from Base64"},
    Operator{"len()", "text, bytes, lists", "number of bytes or of values"},
    Operator{"join(), concat()", "text, lists", "values put together, with or without a separator"},
    Operator{"getopt()", "lists of text", "command line options as getopt(3) reads them"},
    Operator{"val()", "a field, on the right side", "the field's value instead of a text"},
};

} // namespace

std::string list_fields(std::string_view format) {
    if (format == "json") {
        Json all = Json::array();
        for (const Field* f : all_fields()) {
            if (f->hidden) continue;
            all.push_back({{"name", f->info.name}, {"argument", argument(*f)}, {"type", to_string(f->info.type)},
                           {"list", f->info.is_list}, {"scope", to_string(f->scope)}, {"own", f->own},
                           {"deprecated", f->info.deprecated}, {"unavailable", f->info.unavailable}, {"doc", f->doc}});
        }
        return all.dump(1) + "\n";
    }
    std::string out;
    std::string_view last;
    const bool markdown = format == "markdown";
    if (markdown)
        out += "# Fields\n\nWhat conditions can compare and outputs can print, written by `gyr list fields --format markdown`. Scope tells "
               "when a value can change: *constant* at load, *process* when the process changes, *event* with each event, *time* by "
               "the clock. Fields marked with + are Gyr's own.\n";
    for (const Field* f : all_fields()) {
        if (f->hidden) continue;
        if (family(*f) != last) {
            last = family(*f);
            out += markdown ? fmt::format("\n## {}\n\n| field | type | scope | meaning |\n|---|---|---|---|\n", last) : fmt::format("\n{}\n", last);
        }
        const std::string name = fmt::format("{}{}{}", f->info.name, argument(*f), f->own ? " +" : "");
        std::string doc(f->doc);
        if (f->info.deprecated) doc += "; deprecated";
        if (!f->info.unavailable.empty()) doc += "; this build cannot deliver it";
        if (markdown) {
            std::string safe;
            for (const char c : doc) {
                if (c == '|') safe += '\\';
                safe += c;
            }
            out += fmt::format("| `{}` | {}{} | {} | {} |\n", name, to_string(f->info.type), f->info.is_list ? " list" : "", to_string(f->scope), safe);
        } else {
            out += fmt::format("  {:<42} {:<10} {:<8} {}\n", name, to_string(f->info.type), to_string(f->scope), doc);
        }
    }
    if (!markdown && !out.empty()) out.erase(0, 1);
    return out;
}

std::string list_operators(std::string_view format) {
    if (format == "json") {
        Json all = Json::array();
        for (const Operator& o : kOperators) all.push_back({{"operator", o.name}, {"takes", o.takes}, {"doc", o.meaning}});
        return all.dump(1) + "\n";
    }
    std::string out = format == "markdown" ? "| operator | takes | meaning |\n|---|---|---|\n" : "";
    for (const Operator& o : kOperators) {
        out += format == "markdown" ? fmt::format("| `{}` | {} | {} |\n", o.name, o.takes, o.meaning)
                                    : fmt::format("  {:<24} {:<28} {}\n", o.name, o.takes, o.meaning);
    }
    return out;
}

} // namespace gyr::fields
