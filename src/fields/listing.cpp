#include "fields/listing.h"

#include "fields/registry.h"
#include "fields/static_fields.h"
#include "lang/ast.h"
#include "lang/transformer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

namespace gyr::fields {
namespace {

struct Family {
    std::string_view title;
    std::span<const Field> fields;
};

bool shown(const Field& f, std::string_view source) {
    return !f.hidden && (source.empty() || f.info.source.empty() || f.info.source == source);
}

// Those that have something to show.
std::vector<Family> families(std::string_view source) {
    std::vector<Family> all{{"Events", evt_fields()},
                            {"Reading, writing and opening", evt_io_fields()},
                            {"File descriptors", fd_fields()},
                            {"Connections", fd_socket_fields()},
                            {"Paths and polled descriptors", fs_path_fields()},
                            {"Processes", proc_fields()},
                            {"What processes run and hold", proc_state_fields()},
                            {"Threads", thread_fields()},
                            {"Users", user_fields()},
                            {"Groups", group_fields()},
                            {"Containers", container_fields()},
                            {"Kubernetes", k8s_fields()},
                            {"Requests of the Kubernetes audit log", kube_audit_fields()},
                            {"Pods that requests of the audit log ask for", kube_audit_pod_fields()},
                            {"Parts of events that are JSON", json_event_fields()},
                            {"Texts of the configuration", static_fields()}};
    if (!source.empty())
        std::erase_if(all, [&](const Family& family) {
            return std::ranges::none_of(family.fields, [&](const Field& f) { return shown(f, source); });
        });
    return all;
}

std::vector<Alias> aliases_of(std::string_view source) {
    std::vector<Alias> out;
    for (const Alias& a : aliases()) {
        const Field* field = find_field(a.stands_for);
        if (source.empty() || (field != nullptr && shown(*field, source))) out.push_back(a);
    }
    return out;
}

// How the name is written with its argument.
std::string written(const Field& f) {
    std::string name(f.info.name);
    if (f.info.arg == lang::ArgKind::none) return name;
    std::string_view word = "x";
    switch (f.arg_form) {
    case ArgForm::index: word = "n"; break;
    case ArgForm::key: word = "key"; break;
    case ArgForm::index_or_key: word = "n|key"; break;
    case ArgForm::name:
    case ArgForm::index_or_name: word = "name"; break;
    case ArgForm::none: break;
    }
    std::string arg = f.info.suffix_arg ? fmt::format(".{}", word) : fmt::format("[{}]", word);
    if (f.info.suffix_arg && f.info.bracket_arg) arg += "|[n]";
    return f.info.arg == lang::ArgKind::required ? name + arg : fmt::format("{}({})?", name, arg);
}

std::string type_of(const Field& f) {
    return (f.info.is_list ? "list of " : "") + std::string(lang::to_string(f.info.type));
}

std::vector<std::string> notes(const Field& f) {
    std::vector<std::string> out;
    if (f.own) out.emplace_back("own");
    if (f.any_of) out.emplace_back("any of");
    if (f.info.filter_only) out.emplace_back("conditions only");
    if (f.info.print_only) out.emplace_back("output only");
    if (f.info.deprecated) out.emplace_back("deprecated");
    if (f.captures_only) out.emplace_back("captures only");
    return out;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

std::string markdown_cell(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
}

struct OperatorInfo {
    lang::Op op;
    std::string_view takes, lists, doc;
};
constexpr OperatorInfo kOperators[] = {
    {lang::Op::exists, "everything", "yes", "the field has a value"},
    {lang::Op::eq, "numbers, booleans, strings, buffers, addresses, networks", "no", "equal; == means the same"},
    {lang::Op::ne, "as =", "no", "not equal; false when the field has no value"},
    {lang::Op::lt, "numbers, strings", "no", "less"},
    {lang::Op::le, "numbers, strings", "no", "less or equal"},
    {lang::Op::gt, "numbers, strings", "no", "greater"},
    {lang::Op::ge, "numbers, strings", "no", "greater or equal"},
    {lang::Op::contains, "strings, buffers", "no", "the value contains the text"},
    {lang::Op::icontains, "strings", "no", "contains, whatever the case (ASCII)"},
    {lang::Op::bcontains, "buffers", "no", "contains these bytes, written in hexadecimal"},
    {lang::Op::startswith, "strings, buffers", "no", "the value begins with the text"},
    {lang::Op::bstartswith, "buffers", "no", "begins with these bytes, written in hexadecimal"},
    {lang::Op::endswith, "strings, buffers", "no", "the value ends with the text"},
    {lang::Op::glob, "strings", "no", "the whole value matches a shell pattern; * crosses slashes"},
    {lang::Op::iglob, "strings", "no", "glob, whatever the case (ASCII)"},
    {lang::Op::regex, "strings", "no", "the whole value matches a POSIX extended regular expression"},
    {lang::Op::in, "as =", "yes", "the value is one of the list; of a list field every value is"},
    {lang::Op::intersects, "as =", "yes", "as in; of a list field at least one value is"},
    {lang::Op::pmatch, "strings", "no",
     "one of the paths is the value or a folder above it; components may hold ? * ["},
};

nlohmann::ordered_json field_json(const Field& f) {
    nlohmann::ordered_json j;
    j["name"] = f.info.name;
    j["type"] = lang::to_string(f.info.type);
    j["list"] = f.info.is_list;
    j["argument"] = f.info.arg == lang::ArgKind::none       ? "none"
                    : f.info.arg == lang::ArgKind::optional ? "optional"
                                                            : "required";
    j["form"] = written(f);
    j["scope"] = to_string(f.scope);
    j["description"] = f.doc;
    j["deprecated"] = f.info.deprecated;
    j["filter_only"] = f.info.filter_only;
    j["print_only"] = f.info.print_only;
    j["own"] = f.own;
    auto names = nlohmann::ordered_json::array();
    for (const Alias& a : aliases())
        if (a.stands_for == f.info.name) names.push_back(a.name);
    j["aliases"] = std::move(names);
    return j;
}

} // namespace

std::string list_fields(std::string_view format, std::string_view source) {
    std::string out;
    auto to = std::back_inserter(out);
    if (format == "json") {
        auto all = nlohmann::ordered_json::array();
        for (const Field* f : all_fields())
            if (shown(*f, source)) all.push_back(field_json(*f));
        return all.dump(2) + "\n";
    }
    if (format == "markdown") {
        out += "# Fields\n\nWritten by `gyr list fields --format markdown`; a test compares the two.\n\n"
               "Scope says when a value can change: *constant* with the type of the event, *process* with the process "
               "image, "
               "*event* with each event, *time* with the clock. A rule that asks for process fields only, and names no "
               "event "
               "type, is a process rule: it fires once per process image.\n\n"
               "Notes: *own*: not in Falco's language; *any of*: without index a comparison holds when it holds for "
               "one of "
               "several values; *captures only*: only replay tells it, a rule of a live run that uses it is disabled "
               "with the reason.\n";
        for (const Family& family : families(source)) {
            fmt::format_to(to, "\n## {}\n\n| field | type | scope | meaning | notes |\n|---|---|---|---|---|\n",
                           family.title);
            for (const Field& f : family.fields)
                if (shown(f, source))
                    fmt::format_to(to, "| `{}` | {} | {} | {} | {} |\n", markdown_cell(written(f)), type_of(f),
                                   to_string(f.scope), markdown_cell(f.doc), joined(notes(f)));
        }
        out += "\n## Aliases\n\n| name | stands for |\n|---|---|\n";
        for (const Alias& a : aliases_of(source)) fmt::format_to(to, "| `{}` | `{}` |\n", a.name, a.stands_for);
        return out;
    }
    for (const Family& family : families(source)) {
        fmt::format_to(to, "{}\n", family.title);
        for (const Field& f : family.fields) {
            if (!shown(f, source)) continue;
            const auto extra = notes(f);
            fmt::format_to(to, "  {:<44} {:<16} {:<9} {}{}\n", written(f), type_of(f), to_string(f.scope), f.doc,
                           extra.empty() ? "" : " (" + joined(extra) + ")");
        }
        out += '\n';
    }
    out += "Aliases\n";
    for (const Alias& a : aliases_of(source)) fmt::format_to(to, "  {:<44} {}\n", a.name, a.stands_for);
    return out;
}

std::string list_operators(std::string_view format) {
    std::string out;
    auto to = std::back_inserter(out);
    if (format == "json") {
        nlohmann::ordered_json j;
        j["operators"] = nlohmann::ordered_json::array();
        for (const OperatorInfo& o : kOperators)
            j["operators"].push_back({{"name", lang::to_string(o.op)},
                                      {"takes", o.takes},
                                      {"lists", o.lists == "yes"},
                                      {"description", o.doc}});
        j["transformers"] = nlohmann::ordered_json::array();
        for (const lang::TransformerInfo& t : lang::transformers())
            j["transformers"].push_back({{"name", t.name}, {"description", t.summary}});
        j["modifiers"] = {"oneof", "anyof", "allof"};
        return j.dump(2) + "\n";
    }
    const bool markdown = format == "markdown";
    out += markdown ? "| operator | takes | list fields | meaning |\n|---|---|---|---|\n" : "Operators\n";
    for (const OperatorInfo& o : kOperators) {
        if (markdown)
            fmt::format_to(to, "| `{}` | {} | {} | {} |\n", lang::to_string(o.op), o.takes, o.lists, o.doc);
        else
            fmt::format_to(to, "  {:<12} {}\n", lang::to_string(o.op), o.doc);
    }
    out += markdown ? "\n| transformer | gives |\n|---|---|\n" : "\nTransformers\n";
    for (const lang::TransformerInfo& t : lang::transformers()) {
        if (markdown)
            fmt::format_to(to, "| `{}` | {} |\n", t.name, t.summary);
        else
            fmt::format_to(to, "  {:<12} {}\n", t.name, t.summary);
    }
    out += markdown ? "\nBefore a list: `oneof` (exactly one element), `anyof` (at least one), `allof` (every one).\n"
                    : "\nBefore a list: oneof (exactly one element), anyof (at least one), allof (every one)\n";
    return out;
}

} // namespace gyr::fields
