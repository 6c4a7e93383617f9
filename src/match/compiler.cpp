#include "event/schema.h"
#include "match/binder.h"
#include "match/compiled_rules.h"
#include "match/event_folding.h"
#include "match/event_names.h"
#include "rules/event_types.h"

#include <algorithm>
#include <map>
#include <optional>

namespace gyr::match {
namespace {

constexpr std::string_view kCondition = "LOAD_ERR_COMPILE_CONDITION";
constexpr std::string_view kOutput = "LOAD_ERR_COMPILE_OUTPUT";
constexpr std::string_view kUnknownFilter = "LOAD_UNKNOWN_FILTER";

std::string join(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
    return out;
}

// Builds a matcher out of rules, one method a step.
class Compiler {
  public:
    Compiler(CompiledRules& impl, const Matcher::Options& options, std::vector<Diagnostic>& diagnostics)
        : impl_(impl), options_(options), diagnostics_(diagnostics), binder_(impl.expressions, impl.graph),
          folding_(impl.expressions, impl.graph, impl.keys) {}

    void run() {
        impl_.process_bits = options_.process_bits;
        impl_.filter = options_.filter;
        impl_.compiled.resize(impl_.rules.size());
        std::vector<ProgramRule> process;
        std::vector<std::vector<ProgramRule>> by_key(impl_.keys.size());
        for (std::uint32_t i = 0; i < impl_.rules.size(); ++i) {
            Rule& rule = impl_.rules[i];
            if (!rule.disabled_why.empty() || !rule.condition) {
                if (options_.strict) report_others(rule);
                continue;
            }
            const std::size_t before = diagnostics_.size();
            if (!compile_rule(i, process, by_key) && rule.disabled_why.empty())
                rule.disabled_why = before < diagnostics_.size() ? diagnostics_.back().message : "it does not compile";
        }
        build_programs(process, std::move(by_key));
    }

  private:
    bool compile_rule(std::uint32_t index, std::vector<ProgramRule>& process,
                      std::vector<std::vector<ProgramRule>>& by_key) {
        Rule& rule = impl_.rules[index];
        CompiledRules::Compiled& compiled = impl_.compiled[index];
        std::vector<Problem> problems;
        NodeId root = binder_.bind(*rule.condition, problems);
        if (!report(rule, problems)) return false;
        if (!compile_output(rule, compiled)) return false;
        if (!check_fields(rule, *rule.condition)) return false;

        const bool of_calls = rule.source == "syscall";
        // A rule has events of its own source alone; a filter is asked about all of them.
        if (!options_.filter)
            root = folding_.fold_fixed(root, of_calls ? impl_.keys.front() : EventKey{kPluginEvent, 0});
        compiled.process_rule = of_calls && only_process(root);
        std::optional<std::vector<NodeId>> roots;
        if (!compiled.process_rule && !(roots = fold_for_events(rule, root))) return false;
        compiled.usable = true;
        compiled.root = impl_.graph.split(root, split_);
        if (compiled.process_rule) compiled.process_bit = impl_.process_rules++;
        if (!rule.enabled) return true;
        if (compiled.process_rule) {
            if (compiled.root != kFalse) process.push_back({index, compiled.root});
            return true;
        }
        for (std::size_t k = 0; k < by_key.size(); ++k)
            if ((*roots)[k] != kFalse) by_key[k].push_back({index, impl_.graph.split((*roots)[k], split_)});
        return true;
    }

    // Errors disable the rule, except unknown names that it says it can live without.
    bool report(Rule& rule, const std::vector<Problem>& problems) {
        const bool unknown_only =
            std::ranges::all_of(problems, [](const Problem& p) { return p.warning || p.unknown; });
        bool good = true;
        for (const Problem& p : problems) {
            if (p.warning) {
                add(rule, Severity::warning, "LOAD_COMPILE_CONDITION", p.message, p.span, p.hint);
                continue;
            }
            good = false;
            const bool forgiven = rule.skip_if_unknown_filter && unknown_only;
            add(rule, forgiven || !options_.strict ? Severity::warning : Severity::error,
                p.unknown && forgiven ? kUnknownFilter : kCondition, p.message, p.span, p.hint);
            if (rule.disabled_why.empty()) rule.disabled_why = p.message;
        }
        return good;
    }

    // Who loaded a rule that cannot be used told why, and knows nothing of types.
    void report_others(const Rule& rule) {
        if (!rule.unusable_condition || !options_.diagnose || rule.skip_if_unknown_filter) return;
        std::vector<Problem> problems;
        static_cast<void>(binder_.bind(*rule.unusable_condition, problems));
        for (Problem& p : problems) {
            if (p.warning || p.unknown || p.span.length == 0) continue;
            Diagnostic d =
                options_.diagnose(Severity::error, kCondition, std::move(p.message), p.span, std::move(p.hint));
            const bool told = std::ranges::any_of(diagnostics_, [&](const Diagnostic& other) {
                return other.place.offset == d.place.offset && other.place.file == d.place.file;
            });
            if (!told) diagnostics_.push_back(std::move(d));
        }
    }

    void add(const Rule& rule, Severity severity, std::string_view code, std::string message, lang::Span span,
             std::string hint) {
        if (options_.diagnose && (span.origin != 0 || span.length != 0)) {
            diagnostics_.push_back(options_.diagnose(severity, code, std::move(message), span, std::move(hint)));
            return;
        }
        Diagnostic d;
        d.severity = severity;
        d.code = code;
        d.message = std::move(message);
        d.hint = std::move(hint);
        d.place = rule.place;
        d.context.push_back({"rule", rule.name, rule.place});
        diagnostics_.push_back(std::move(d));
    }
    void refuse(Rule& rule, std::string message, lang::Span span = {}) {
        rule.disabled_why = message;
        add(rule, options_.strict ? Severity::error : Severity::warning, kCondition, std::move(message), span, {});
    }

    bool compile_output(Rule& rule, CompiledRules::Compiled& compiled) {
        auto output = Output::compile(rule.output, impl_.expressions);
        if (!output) {
            for (const TypeError& e : output.error()) {
                lang::Span span = e.span;
                span.origin = rule.output_origin;
                add(rule, options_.strict ? Severity::error : Severity::warning, kOutput, "output: " + e.message,
                    span.origin != 0 ? span : lang::Span{}, e.hint);
                if (rule.disabled_why.empty()) rule.disabled_why = "output: " + e.message;
            }
            return false;
        }
        compiled.output = std::move(*output);
        for (const ExtraField& extra : rule.extra_fields) {
            auto field = Output::compile(extra.name.empty() ? "%" + extra.text : extra.text, impl_.expressions);
            if (field) {
                compiled.extra_fields.emplace_back(extra.name, std::move(*field));
                continue;
            }
            for (const TypeError& e : field.error())
                add(rule, Severity::warning, kOutput,
                    "output field '" + (extra.name.empty() ? extra.text : extra.name) + "': " + e.message, {}, e.hint);
        }
        return true;
    }

    // A condition that asks for what this build cannot deliver would stay silent; it is refused instead.
    bool check_fields(Rule& rule, const lang::Expr& e) {
        if (const auto* n = std::get_if<lang::Not>(&e.node)) return check_fields(rule, *n->child);
        if (const auto* c = std::get_if<lang::Check>(&e.node)) {
            const bool left = check_operand(rule, c->left);
            return (c->right ? check_operand(rule, *c->right) : true) && left;
        }
        if (std::get_if<lang::MacroRef>(&e.node)) return true;
        bool good = true;
        const auto* conjunction = std::get_if<lang::And>(&e.node);
        for (const lang::ExprPtr& child : conjunction ? conjunction->children : std::get<lang::Or>(e.node).children)
            good = check_fields(rule, *child) && good;
        return good;
    }
    bool check_operand(Rule& rule, const lang::Operand& operand) {
        if (const auto* f = std::get_if<lang::Field>(&operand.value)) {
            const lang::FieldInfo* info = fields::catalog().find(f->name).info;
            if (!info) return true;
            if (options_.live_only && fields::find_field(info->name)->captures_only) {
                refuse(rule, "field " + f->name + " is told by captures only, not by the live source", operand.span);
                return false;
            }
            return true;
        }
        bool good = true;
        if (const auto* t = std::get_if<lang::Transformer>(&operand.value))
            for (const lang::Operand& arg : t->args) good = check_operand(rule, arg) && good;
        if (const auto* l = std::get_if<lang::ListLiteral>(&operand.value))
            for (const lang::Operand& item : l->items) good = check_operand(rule, item) && good;
        return good;
    }

    bool only_process(NodeId id) {
        const Node& node = impl_.graph.node(id);
        if (node.kind == NodeKind::constant) return true;
        if (node.kind == NodeKind::predicate) return fields::is_process_scope(node.scope);
        return std::ranges::all_of(impl_.graph.children(id), [&](NodeId c) { return only_process(c); });
    }

    // What is left of a rule for each event type, by index into keys.
    std::optional<std::vector<NodeId>> fold_for_events(Rule& rule, NodeId root) {
        if (rule.source != "syscall") return folding_.fold(root, [](EventKey key) { return key.code == kPluginEvent; });
        const auto set = rules::event_types(*rule.condition, match::event_names());
        if (!set && !options_.filter) {
            for (const rules::EventTypeError& e : set.error()) refuse(rule, e.message, e.span);
            return std::nullopt;
        }
        const std::vector<std::string> named = named_event_types(*rule.condition);
        if (set && options_.live_only && rule.enabled && !check_delivery(rule, named, *set)) return std::nullopt;
        std::vector<NodeId> roots = folding_.fold(root, [&](EventKey key) {
            if (key.code == kPluginEvent) return false; // another source's
            if (options_.live_only && !is_live_event(key.code)) return false;
            if (key.code < kSnapshot) return !set || set->contains(key.code);
            return std::ranges::find(named, find_event(key.code)->name) != named.end();
        });
        const bool any = std::ranges::any_of(roots, [](NodeId r) { return r != kFalse; });
        if (!any && options_.live_only && rule.enabled && root != kFalse && set && !set->empty()) {
            refuse(rule, "no event that this build delivers can make the condition true");
            return std::nullopt;
        }
        return roots;
    }

    // A rule that waits only for events that never come is refused; of one that waits for others too it is said.
    bool check_delivery(Rule& rule, const std::vector<std::string>& named, const rules::EventSet& set) {
        std::vector<std::string> never;
        bool some = false;
        for (const std::string& name : named) {
            const auto codes = event_codes(name);
            if (std::ranges::none_of(codes, [&](EventCode c) { return set.contains(c) || c >= kSnapshot; })) continue;
            if (std::ranges::any_of(codes, is_live_event))
                some = true;
            else
                never.push_back(name);
        }
        if (never.empty()) return true;
        std::string message =
            "this build cannot deliver the event type" + std::string(never.size() > 1 ? "s " : " ") + join(never);
        if (!some) return refuse(rule, std::move(message)), false;
        add(rule, Severity::warning, "LOAD_WARNING_EXTENSION", std::move(message), {}, {});
        return true;
    }

    void build_programs(const std::vector<ProgramRule>& process, std::vector<std::vector<ProgramRule>> by_key) {
        impl_.process_program.build(process, impl_.graph);
        std::map<std::vector<std::pair<std::uint32_t, NodeId>>, std::uint16_t> known;
        for (std::size_t k = 0; k < by_key.size(); ++k) {
            if (by_key[k].empty()) continue;
            std::vector<std::pair<std::uint32_t, NodeId>> identity;
            for (const ProgramRule& r : by_key[k]) identity.emplace_back(r.rule, r.root);
            const auto [it, added] =
                known.try_emplace(std::move(identity), static_cast<std::uint16_t>(impl_.programs.size()));
            impl_.program_of[impl_.keys[k].number()] = it->second;
            if (!added) continue;
            CompiledRules::EventProgram& p = impl_.programs.emplace_back();
            p.rules = std::move(by_key[k]);
            p.program.build(p.rules, impl_.graph);
        }
        std::vector<bool> visited(impl_.graph.size());
        give_slots(process, visited);
        for (const auto& p : impl_.programs) give_slots(p.rules, visited);
    }

    // A lasting node has a slot of its own when something that does not last asks for it, or a rule as such.
    void give_slots(const std::vector<ProgramRule>& rules, std::vector<bool>& visited) {
        const auto give = [&](NodeId id) {
            Node& node = impl_.graph.node(id);
            if (id > kTrue && node.slot == kNoSlot && is_lasting(node.scope))
                node.slot = static_cast<std::uint32_t>(impl_.slots++);
        };
        for (const ProgramRule& r : rules) {
            give(r.root);
            std::vector<NodeId> stack{r.root};
            while (!stack.empty()) {
                const NodeId id = stack.back();
                stack.pop_back();
                if (visited[id]) continue;
                visited[id] = true;
                if (is_lasting(impl_.graph.node(id).scope) || impl_.graph.node(id).kind == NodeKind::predicate)
                    continue;
                for (const NodeId child : impl_.graph.children(id)) give(child), stack.push_back(child);
            }
        }
    }

    CompiledRules& impl_;
    const Matcher::Options& options_;
    std::vector<Diagnostic>& diagnostics_;
    Binder binder_;
    EventFolding folding_;
    std::unordered_map<NodeId, NodeId> split_;
};

} // namespace

void compile_rules(CompiledRules& out, const Matcher::Options& options, std::vector<Diagnostic>& diagnostics) {
    out.keys = all_event_keys();
    Compiler(out, options, diagnostics).run();
}

} // namespace gyr::match
