#include "rules/resolver.h"

#include "lang/quote.h"
#include "lang/template.h"
#include "lang/transformer.h"
#include "rules/condition_check.h"
#include "rules/exception_text.h"
#include "rules/macro_expander.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gyr::rules {

namespace {

using namespace lang;

constexpr std::size_t kManyEventTypes = 100; // more than these are worth a warning
constexpr std::string_view kContainerInfo = "%container.info";

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

ComposedText joined(const std::vector<ScalarPtr>& parts) {
    ComposedText out;
    for (const ScalarPtr& part : parts) {
        if (out.size() != 0) out.append_for(part, " ");
        out.append(part);
    }
    return out;
}

class Resolver {
  public:
    Resolver(Definitions& definitions, const ResolverOptions& options, Problems& problems)
        : definitions_(definitions), options_(options), problems_(problems), sources_(std::make_shared<SourceTable>()),
          builder_(definitions, *sources_, problems) {}

    Resolved run() {
        builder_.build_macros();
        Resolved out;
        for (const auto& def : definitions_.rules.all()) {
            if (def->unknown_source) continue;
            Rule rule = build(*def);
            rule.index = out.rules.size();
            rule.sources = sources_;
            out.rules.push_back(std::move(rule));
        }
        warn_unused();
        list_names(out);
        out.sources = sources_;
        return out;
    }

  private:
    Rule build(const RuleDef& def) {
        Rule rule;
        rule.name = def.name->value;
        rule.description = trim(joined(def.description).text());
        rule.source = def.source;
        rule.priority = def.priority;
        rule.tags = def.tags;
        rule.enabled = def.enabled;
        rule.warn_evttypes = def.warn_evttypes;
        rule.skip_if_unknown_filter = def.skip_if_unknown_filter;
        rule.capture = def.capture;
        rule.capture_duration_ms = def.capture_duration_ms;
        rule.throttle = def.throttle;
        rule.place = def.node->place();
        rule.disabled_why = def.disabled_why;
        context_ = {{"rules content", "", def.node->file->place(0)}, {"rule", rule.name, rule.place}};
        // Either is missing only of a rule that says so.
        if (!def.condition.empty()) condition(def, rule);
        if (!def.output.empty()) output(def, rule);
        if (!rule.disabled_why.empty()) rule.unusable_condition = std::exchange(rule.condition, nullptr);
        return rule;
    }

    static void disable(Rule& rule, const std::string& why) {
        if (rule.disabled_why.empty()) rule.disabled_why = why;
    }

    void condition(const RuleDef& def, Rule& rule) {
        ComposedText text = joined(def.condition);
        rule.condition_text = trim(text.text());
        std::string why;
        ExprPtr expr = builder_.build(std::move(text), "rule", rule.name, context_, why);
        std::vector<ExprPtr> parts;
        bool ok = expr != nullptr;
        const Span span = ok ? expr->span : Span{};
        parts.push_back(std::move(expr));
        for (const ExceptionDef& exception : def.exceptions) {
            context_.push_back({"exception", exception.name->value, exception.node->place()});
            std::optional<ComposedText> excluded =
                exception_condition(exception, options_.fields, rule.source, context_, problems_);
            if (!excluded) {
                ok = false;
                if (why.empty()) why = "exception '" + exception.name->value + "' has errors";
            } else if (excluded->size() != 0) {
                ExprPtr e = builder_.build(std::move(*excluded), "exception", exception.name->value, context_, why);
                ok = ok && e != nullptr;
                if (e != nullptr) {
                    const Span at = e->span;
                    parts.push_back(std::make_shared<const Expr>(Expr{Not{std::move(e)}, at}));
                }
            }
            context_.pop_back();
        }
        if (!ok) return disable(rule, why);
        rule.condition = parts.size() == 1 ? std::move(parts.front())
                                           : std::make_shared<const Expr>(Expr{And{std::move(parts)}, span});
        check_fields(rule);
        check_event_types(rule);
    }

    Diagnostic& report(Severity severity, std::string_view code, const std::string& message, Span span,
                       std::string hint) {
        Diagnostic d = sources_->diagnose(severity, code, message, span, std::move(hint));
        Context context = context_;
        // Written elsewhere than in the rule itself: name that too.
        if (!d.context.empty() && d.context.front().type != "rule") context.push_back(std::move(d.context.front()));
        d.context = std::move(context);
        problems_.add(std::move(d));
        return problems_.all().back();
    }

    void unusable(Rule& rule, std::string_view code, const std::string& message, Span span, std::string hint,
                  std::string_view item) {
        Diagnostic& d = report(Severity::error, code, message, span, std::move(hint));
        d.context.push_back({std::string(item), "", d.place});
        disable(rule, message);
    }
    void skipped(Rule& rule, const std::string& message, Span span, std::string hint) {
        report(Severity::warning, code::kUnknownFilter, message + "; the rule is skipped", span, std::move(hint));
        disable(rule, message);
    }

    void check_fields(Rule& rule) {
        for (Finding& f : check_condition(*rule.condition, options_.fields, rule.source)) {
            switch (f.kind) {
            case Finding::Kind::unknown_field:
                if (rule.skip_if_unknown_filter) {
                    skipped(rule, f.message, f.span, std::move(f.hint));
                    break;
                }
                [[fallthrough]];
            case Finding::Kind::bad_use:
                unusable(rule, code::kCompileConditionError, f.message, f.span, std::move(f.hint),
                         "condition expression");
                break;
            case Finding::Kind::unsafe_na:
                report(Severity::warning, code::kUnsafeNaCheck, f.message, f.span, std::move(f.hint));
                break;
            case Finding::Kind::deprecated:
                report(Severity::warning, code::kDeprecatedItem, f.message, f.span, std::move(f.hint));
                break;
            case Finding::Kind::hint:
                report(Severity::warning, code::kCompileCondition, f.message, f.span, std::move(f.hint));
                break;
            }
        }
    }

    void check_event_types(Rule& rule) {
        if (options_.events == nullptr || rule.source != "syscall") return;
        const auto set = event_types(*rule.condition, *options_.events);
        if (!set) {
            for (const EventTypeError& e : set.error()) {
                if (e.unknown_name && rule.skip_if_unknown_filter)
                    skipped(rule, e.message, e.span, e.hint);
                else
                    unusable(rule, code::kCompileConditionError, e.message, e.span, e.hint, "condition expression");
            }
            return;
        }
        if (rule.warn_evttypes && set->size() > kManyEventTypes)
            report(Severity::warning, code::kNoEvttype,
                   "the rule matches " + std::to_string(set->size()) + " event types", rule.condition->span,
                   "name the ones that are meant with evt.type, or set warn_evttypes: false");
    }

    void output(const RuleDef& def, Rule& rule) {
        ComposedText text = joined(def.output);
        const std::string_view whole = text.text();
        const std::string_view wanted = trim(whole);
        ComposedText trimmed;
        trimmed.append_range(text, static_cast<std::size_t>(wanted.data() - whole.data()), wanted.size());
        ComposedText kept = without_container_info(trimmed, *def.output.front());
        rule.output = kept.text();
        rule.output_origin = sources_->add({"rule", rule.name, std::move(kept), rule.place});
        const auto parsed = parse_template(rule.output, options_.fields, rule.output_origin);
        if (!parsed) {
            for (const ParseError& e : parsed.error()) {
                if (rule.skip_if_unknown_filter)
                    skipped(rule, e.message, e.span, e.hint);
                else
                    unusable(rule, code::kCompileOutput, e.message, e.span, e.hint, "rule output");
            }
            return;
        }
        for (const TemplateField* field : parsed->fields()) {
            check_output_field(rule, field->expression);
            if (options_.fields == nullptr) continue;
            if (const auto type = type_of(field->expression, *options_.fields); !type)
                unusable(rule, code::kCompileOutput, type.error().message, type.error().span, type.error().hint,
                         "rule output");
        }
        warn_deprecated(rule);
    }

    // Falco looks for the names anywhere in the text.
    void warn_deprecated(const Rule& rule) {
        for (std::size_t at = 0; at < rule.output.size();) {
            const std::string_view name = deprecated_field_at(std::string_view(rule.output).substr(at));
            if (!name.empty())
                report(Severity::warning, code::kDeprecatedItem,
                       "field '" + std::string(name) + "' in the output is deprecated and says nothing any more",
                       {rule.output_origin, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(name.size())},
                       "leave it out");
            at += std::max<std::size_t>(name.size(), 1);
        }
    }

    void check_output_field(Rule& rule, const Operand& operand) {
        if (const auto* field = std::get_if<Field>(&operand.value)) {
            if (options_.fields == nullptr) return;
            const FieldMatch match = options_.fields->find(field->name);
            if (match.info == nullptr) return;
            const std::string message = other_source(*match.info, field->name, rule.source);
            if (message.empty()) return;
            if (rule.skip_if_unknown_filter)
                skipped(rule, message, operand.span, {});
            else
                unusable(rule, code::kCompileOutput, message, operand.span, {}, "rule output");
        } else if (const auto* call = std::get_if<Transformer>(&operand.value)) {
            for (const Operand& arg : call->args) check_output_field(rule, arg);
        } else if (const auto* list = std::get_if<ListLiteral>(&operand.value)) {
            for (const Operand& item : list->items) check_output_field(rule, item);
        }
    }

    // A placeholder of old; it stands for nothing any more.
    ComposedText without_container_info(const ComposedText& text, const Scalar& where) {
        const std::string_view from = text.text();
        ComposedText out;
        std::size_t copied = 0;
        for (std::size_t at = from.find(kContainerInfo); at != std::string_view::npos;
             at = from.find(kContainerInfo, copied)) {
            out.append_range(text, copied, at - copied);
            copied = at + kContainerInfo.size();
        }
        if (copied != 0)
            problems_.warning(code::kDeprecatedItem, "'%container.info' in the output is deprecated and left out",
                              where, context_, "name the container fields that are wanted");
        out.append_range(text, copied, from.size() - copied);
        return out;
    }

    void warn_unused() {
        const auto context = [](const Scalar& name, std::string type) {
            return Context{{"rules content", "", name.file->place(0)},
                           {std::move(type), name.value, name.file->place(name.offset)}};
        };
        for (const auto& macro : definitions_.macros.all())
            if (!macro->used && !macro->builtin)
                problems_.warning(code::kUnusedMacro, "macro '" + macro->name->value + "' is not used", *macro->name,
                                  context(*macro->name, "macro"));
        for (const auto& list : definitions_.lists.all())
            if (!list->used)
                problems_.warning(code::kUnusedList, "list '" + list->name->value + "' is not used", *list->name,
                                  context(*list->name, "list"));
    }

    void list_names(Resolved& out) const {
        for (const auto& def : definitions_.macros.all())
            out.macros.push_back({def->name->value, def->name->file->place(def->name->offset),
                                  builder_.macro(def->name->value), def->used, def->builtin});
        for (const auto& def : definitions_.lists.all()) {
            ListInfo info{def->name->value, def->name->file->place(def->name->offset), {}, 0, def->used, {}};
            std::unordered_map<std::string_view, const Scalar*> seen; // null: told of
            for (const ScalarPtr& item : def->items) {
                info.items.push_back(item->value);
                const auto [first, fresh] = seen.try_emplace(item->value, item.get());
                if (fresh || first->second == nullptr) continue;
                const Scalar& before = *std::exchange(first->second, nullptr);
                info.twice.push_back({item->value, before.file->place(before.offset), item->file->place(item->offset),
                                      make_snippet(item->file->text(), item->offset, item->value.size())});
            }
            for (const auto& external : def->external) info.external_size += external->size();
            out.lists.push_back(std::move(info));
        }
    }

    Definitions& definitions_;
    const ResolverOptions& options_;
    Problems& problems_;
    std::shared_ptr<SourceTable> sources_;
    ConditionBuilder builder_;
    Context context_;
};

} // namespace

Resolved resolve(Definitions& definitions, const ResolverOptions& options, Problems& problems) {
    return Resolver(definitions, options, problems).run();
}

} // namespace gyr::rules
