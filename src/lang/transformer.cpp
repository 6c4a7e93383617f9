#include "lang/transformer.h"

#include <array>
#include <utility>
#include <vector>

namespace gyr::lang {

namespace {

constexpr std::array kTransformers = {
    TransformerInfo{"tolower", TransformerKind::tolower, 1, 1, false, "the string in lower case (ASCII)"},
    TransformerInfo{"toupper", TransformerKind::toupper, 1, 1, false, "the string in upper case (ASCII)"},
    TransformerInfo{"b64", TransformerKind::b64, 1, 1, false, "the bytes a base64 text stands for"},
    TransformerInfo{"basename", TransformerKind::basename, 1, 1, false, "what follows the last slash of a path"},
    TransformerInfo{"len", TransformerKind::len, 1, 1, false, "number of elements of a list, or bytes of a string"},
    TransformerInfo{"join", TransformerKind::join, 2, 2, false, "the elements of a list with a separator between"},
    TransformerInfo{"concat", TransformerKind::concat, 2, kAnyNumber, false, "several strings one after the other"},
    TransformerInfo{"getopt", TransformerKind::getopt, 2, 2, true, "short options found in a list of arguments"},
};
constexpr TransformerInfo kVal{"val", TransformerKind::val, 1, 1, false, "a field as the right side of a comparison"};

bool is_text(const ValueType& v) { return class_of(v.type) == TypeClass::string; }
bool is_one_text(const ValueType& v) { return is_text(v) && !v.is_list; }

std::unexpected<Misuse> misuse(std::string message, std::string hint = {}) {
    return std::unexpected(Misuse{std::move(message), std::move(hint)});
}

class Typing {
  public:
    explicit Typing(const FieldCatalog& catalog) : catalog_(catalog) {}

    std::expected<ValueType, OperandMisuse> operand(const Operand& o) {
        if (const auto* field = std::get_if<Field>(&o.value)) {
            const FieldInfo* info = catalog_.find(field->name).info;
            if (info == nullptr || info->type == FieldType::dyn) return ValueType{};
            return ValueType{info->type, info->is_list, false, field->name};
        }
        if (const auto* call = std::get_if<Transformer>(&o.value)) return transformer(*call, o.span);
        if (const auto* list = std::get_if<ListLiteral>(&o.value)) {
            for (const Operand& item : list->items) {
                const auto type = operand(item);
                if (!type) return type;
                if (type->type != FieldType::none && !is_one_text(*type))
                    return std::unexpected(
                        OperandMisuse{"a list in a transformer holds strings, not " + describe(*type), {}, item.span});
            }
            return ValueType{FieldType::charbuf, true, false, {}};
        }
        return ValueType{FieldType::charbuf, false, true, {}};
    }

  private:
    std::expected<ValueType, OperandMisuse> transformer(const Transformer& call, const Span& span) {
        const TransformerInfo* info = find_transformer(call.name);
        if (info == nullptr) return ValueType{}; // of which the parser tells
        std::vector<ValueType> args;
        bool known = true;
        for (const Operand& arg : call.args) {
            const auto type = operand(arg);
            if (!type) return type;
            if (const auto* field = std::get_if<Field>(&arg.value)) {
                const FieldInfo* of = catalog_.find(field->name).info;
                if (of != nullptr && of->no_transformer)
                    return std::unexpected(
                        OperandMisuse{"field " + to_string(arg) + " does not support transformers", {}, arg.span});
            }
            known = known && type->type != FieldType::none;
            args.push_back(*type);
        }
        if (!known) return ValueType{};
        auto result = type_of_call(*info, args, call.key);
        if (!result)
            return std::unexpected(
                OperandMisuse{std::move(result.error().message), std::move(result.error().hint), span});
        return *result;
    }

    const FieldCatalog& catalog_;
};

} // namespace

std::span<const TransformerInfo> transformers() { return kTransformers; }

const TransformerInfo* find_transformer(std::string_view name) {
    for (const TransformerInfo& t : kTransformers)
        if (t.name == name) return &t;
    return name == kVal.name ? &kVal : nullptr;
}

std::string describe(const ValueType& type) {
    return (type.is_list ? "a list of " : "") + std::string(to_string(type.type));
}

std::expected<ValueType, Misuse> type_of_call(const TransformerInfo& info, std::span<const ValueType> args,
                                              const std::optional<std::string>& key) {
    const std::string named = "transformer '" + std::string(info.name) + "' ";
    if (args.size() < info.min_args || args.size() > info.max_args)
        return misuse(named + "takes " + std::to_string(info.min_args) +
                      (info.max_args == info.min_args ? "" : " or more") + " argument(s), " +
                      std::to_string(args.size()) + " given");
    if (key && !info.takes_key) return misuse(named + "does not support field arguments");
    const auto refuse = [&](const ValueType& v) { return misuse(named + "does not take " + describe(v)); };
    const ValueType& first = args[0];
    switch (info.kind) {
    case TransformerKind::tolower:
    case TransformerKind::toupper:
        if (!is_text(first)) return refuse(first);
        return ValueType{first.type, first.is_list};
    case TransformerKind::b64:
        if (first.is_list || (first.type != FieldType::charbuf && first.type != FieldType::bytebuf))
            return refuse(first);
        return ValueType{first.type};
    case TransformerKind::basename:
        if (!is_one_text(first)) return refuse(first);
        return ValueType{first.type};
    case TransformerKind::len:
        if (!first.is_list && !is_text(first) && first.type != FieldType::bytebuf) return refuse(first);
        return ValueType{FieldType::uint64};
    case TransformerKind::join:
        if (!is_one_text(first)) return refuse(first);
        if (!args[1].is_list || !is_text(args[1])) return refuse(args[1]);
        return ValueType{FieldType::charbuf};
    case TransformerKind::concat:
        for (const ValueType& part : args)
            if (!is_one_text(part)) return refuse(part);
        return ValueType{FieldType::charbuf};
    case TransformerKind::getopt:
        if (!first.is_list || !is_text(first))
            return misuse(named + "takes a list of strings first, not " + describe(first),
                          first.text == "proc.args" ? "use proc.arglist" : "");
        if (!args[1].constant) return refuse(args[1]);
        if (key && key->size() != 1) return misuse("the key of getopt is one option letter");
        return ValueType{FieldType::charbuf, !key.has_value()};
    case TransformerKind::val: break;
    }
    return first;
}

std::expected<ValueType, OperandMisuse> type_of(const Operand& operand, const FieldCatalog& catalog) {
    return Typing(catalog).operand(operand);
}

} // namespace gyr::lang
