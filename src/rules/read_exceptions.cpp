// Exceptions of rules.

#include "rules/item_reader.h"

#include <utility>

namespace gyr::rules {

bool ItemReader::read_exceptions(const YamlNode& item, bool partial, std::vector<ExceptionDef>& out) {
    const YamlNode& node = *item.find("exceptions");
    if (node.is_null()) return true;
    if (!node.is_sequence()) {
        invalid(node, "'exceptions' must be a list");
        return false;
    }
    bool ok = true;
    for (const YamlNodePtr& entry : node.items) {
        ExceptionDef exception;
        context_.push_back({"exception", "", entry->place()});
        if (!read_exception(entry, partial, exception)) {
            ok = false;
        } else {
            const auto same = std::ranges::find_if(
                out, [&](const ExceptionDef& e) { return e.name->value == exception.name->value; });
            if (same != out.end())
                problems_.warning(code::kExceptionNotUnique,
                                  "exception " + in_quotes(exception.name->value) + " is defined twice here",
                                  *exception.name, context_);
            out.push_back(std::move(exception));
        }
        context_.pop_back();
    }
    return ok;
}

bool ItemReader::read_exception(const YamlNodePtr& node, bool partial, ExceptionDef& out) {
    if (!node->is_map()) {
        invalid(*node, "an exception must have 'name', 'fields' and 'values'");
        return false;
    }
    check_keys(*node, kExceptionKeys);
    out.node = node;
    out.name = text(*node, "name");
    if (out.name == nullptr) return false;
    context_.back().name = out.name->value;
    bool ok = true;
    const auto one_or_many = [&](std::string_view key, std::vector<ScalarPtr>& values, bool& is_list) {
        const YamlNode* value = node->find(key);
        if (value == nullptr || value->is_null()) return;
        if (value->is_sequence()) {
            is_list = true;
            ok = scalars(*value, key, values) && ok;
        } else if (const ScalarPtr scalar = text_of(*value, key); scalar != nullptr) {
            values.push_back(scalar);
        } else {
            ok = false;
        }
    };
    if (node->find("fields") == nullptr && !partial) {
        inconsistent(*node, "key 'fields' is missing");
        return false;
    }
    one_or_many("fields", out.fields, out.fields_are_list);
    one_or_many("comps", out.comps, out.comps_are_list);
    if (const YamlNode* values = node->find("values"); values == nullptr) {
        if (partial)
            problems_.warning(code::kAppendNoValues, "the exception is appended to, but no values are given", *node,
                              context_);
    } else if (!values->is_sequence()) {
        invalid(*values, "'values' must be a list", values->is_null() ? "write [] for none" : "");
        ok = false;
    } else {
        out.values = values->items;
        for (const YamlNodePtr& row : out.values) ok = no_empty_value(*row) && ok;
    }
    return ok && (partial || check_exception(out));
}

bool ItemReader::no_empty_value(const YamlNode& value) {
    if (value.is_scalar() && value.scalar->value.empty()) {
        inconsistent(value, "a value of an exception is empty", "write '\"\"' to compare with the empty text");
        return false;
    }
    bool ok = true;
    for (const YamlNodePtr& inner : value.items) ok = no_empty_value(*inner) && ok;
    return ok;
}

bool ItemReader::check_exception(const ExceptionDef& exception) {
    if (exception.fields.empty()) {
        refuse(*exception.node, "the exception names no fields");
        return false;
    }
    if (!exception.comps.empty() || exception.comps_are_list) {
        if (exception.comps_are_list != exception.fields_are_list ||
            exception.comps.size() != exception.fields.size()) {
            refuse(*exception.node->find("comps"), exception.fields_are_list
                                                       ? "'fields' and 'comps' must have the same length"
                                                       : "'comps' must be a single operator, as 'fields' is single");
            return false;
        }
    }
    return check_rows(exception, exception.values);
}

bool ItemReader::check_rows(const ExceptionDef& exception, const std::vector<YamlNodePtr>& values) {
    bool ok = true;
    for (const YamlNodePtr& row : values) {
        if (!exception.fields_are_list) {
            if (row->is_scalar()) continue;
            refuse(*row, "a value of an exception with one field must be a single value");
            ok = false;
            continue;
        }
        if (!row->is_sequence() || row->items.size() != exception.fields.size()) {
            refuse(*row, "each entry of 'values' must be a list with one value per field (" +
                             std::to_string(exception.fields.size()) + ")");
            ok = false;
            continue;
        }
        for (const YamlNodePtr& cell : row->items) {
            const bool fine = cell->is_scalar() ||
                              (cell->is_sequence() &&
                               std::ranges::all_of(cell->items, [](const YamlNodePtr& n) { return n->is_scalar(); }));
            if (fine) continue;
            refuse(*cell, "a value of an exception must be a single value or a list of them");
            ok = false;
        }
    }
    return ok;
}

bool ItemReader::append_exceptions(std::vector<ExceptionDef> added, RuleDef& rule) {
    bool ok = true;
    for (ExceptionDef& exception : added) {
        context_.push_back({"exception", exception.name->value, exception.node->place()});
        const auto old = std::ranges::find_if(
            rule.exceptions, [&](const ExceptionDef& e) { return e.name->value == exception.name->value; });
        if (old == rule.exceptions.end()) {
            if (exception.fields.empty()) {
                refuse(*exception.node, "the rule has no exception " + in_quotes(exception.name->value) +
                                            ", and a new one must name its fields");
                ok = false;
            } else if (exception.values.empty()) {
                refuse(*exception.node, "a new exception must have values");
                ok = false;
            } else if (check_exception(exception)) {
                rule.exceptions.push_back(std::move(exception));
            } else {
                ok = false;
            }
        } else if (!exception.fields.empty() || !exception.comps.empty()) {
            refuse(*exception.node,
                   "an exception that exists can only be given more values; its fields and comps stay");
            ok = false;
        } else if (check_rows(*old, exception.values)) {
            old->values.insert(old->values.end(), exception.values.begin(), exception.values.end());
        } else {
            ok = false;
        }
        context_.pop_back();
    }
    return ok;
}

} // namespace gyr::rules
