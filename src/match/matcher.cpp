#include "match/matcher.h"

#include "event/raw_event.h"
#include "event/schema.h"
#include "match/binder.h"
#include "match/evaluator.h"
#include "match/event_names.h"
#include "match/output.h"
#include "match/program.h"
#include "rules/event_types.h"

#include <algorithm>
#include <array>
#include <optional>

namespace gyr {

using namespace match;

class Matcher::Scratch {
  public:
    Scratch(const Expressions& expressions, const Graph& graph, std::size_t slots)
        : evaluator(expressions, graph, slots) {}
    Evaluator evaluator;
};

void Matcher::ScratchDeleter::operator()(Scratch* scratch) const { delete scratch; }

namespace {

constexpr std::uint16_t kNoKey = 0xffff;

std::vector<EventKey> live_keys() {
    std::vector<EventKey> keys;
    for (const EventCode code : live_event_codes()) {
        if (code != kGenericExit) {
            keys.push_back({code, 0});
            continue;
        }
        for (const SyscallInfo& s : syscall_table())
            if (s.generic) keys.push_back({code, s.number});
    }
    return keys;
}

} // namespace

std::size_t EventKey::number() const {
    constexpr std::size_t kOwn = 512, kCalls = 520;
    if (code == kGenericExit) return kCalls + call;
    return code >= kSnapshot ? kOwn + (code - kSnapshot) : code;
}

EventKey key_of(const Event& event) {
    if (event.code != kGenericExit || event.params.empty()) return {event.code, 0};
    return {event.code, load_param<std::uint16_t>(event.params[0])};
}

struct Matcher::Impl {
    std::vector<Rule> rules;
    bool process_bits = true;
    Expressions expressions;
    Graph graph;
    std::size_t slots = 0;

    struct Compiled {
        bool usable = false;
        bool process_rule = false;
        std::uint32_t process_bit = 0;
        NodeId root = kFalse; // unfolded: right for every event, split
        std::optional<Output> output;
    };
    std::vector<Compiled> compiled;
    // One program an event type, and one a system call among those that share the generic type.
    std::vector<EventKey> keys;
    std::vector<Program> programs;                       // by index into keys
    std::vector<std::vector<ProgramRule>> program_rules; // the same rules, for who looks at the plan
    std::vector<std::uint16_t> key_index;                // by EventKey::number(); kNoKey: not delivered
    Program process_program;
    std::uint32_t process_rules = 0;

    [[nodiscard]] const Program* program(EventKey key) const {
        const std::size_t number = key.number();
        if (number >= key_index.size() || key_index[number] == kNoKey) return nullptr;
        const Program& p = programs[key_index[number]];
        return p.empty() ? nullptr : &p;
    }
};

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
    Compiler(Matcher::Impl& impl, const Matcher::Options& options, std::vector<Diagnostic>& diagnostics)
        : impl_(impl), options_(options), diagnostics_(diagnostics), binder_(impl.expressions, impl.graph) {}

    void run() {
        impl_.process_bits = options_.process_bits;
        impl_.compiled.resize(impl_.rules.size());
        std::vector<ProgramRule> process;
        impl_.keys = live_keys();
        std::vector<std::vector<ProgramRule>> by_code(impl_.keys.size());
        for (std::uint32_t i = 0; i < impl_.rules.size(); ++i) {
            Rule& rule = impl_.rules[i];
            if (!rule.disabled_why.empty() || !rule.condition) continue;
            const std::size_t before = diagnostics_.size();
            if (!compile_rule(i, process, by_code) && rule.disabled_why.empty())
                rule.disabled_why = before < diagnostics_.size() ? diagnostics_.back().message : "it does not compile";
        }
        build_programs(process, by_code);
        impl_.program_rules = std::move(by_code);
    }

  private:
    bool compile_rule(std::uint32_t index, std::vector<ProgramRule>& process,
                      std::vector<std::vector<ProgramRule>>& by_code) {
        Rule& rule = impl_.rules[index];
        Matcher::Impl::Compiled& compiled = impl_.compiled[index];
        std::vector<Problem> problems;
        NodeId root = binder_.bind(*rule.condition, problems);
        if (!report(rule, problems)) return false;
        if (!compile_output(rule, compiled)) return false;
        if (!check_fields(rule, *rule.condition)) return false;

        root = decide_constants(root);
        compiled.process_rule = rule.source == "syscall" && only_process(root);
        std::vector<NodeId> roots(by_code.size(), kFalse);
        if (!compiled.process_rule && !fold_for_events(rule, root, roots)) return false;
        compiled.usable = true;
        compiled.root = impl_.graph.split(root, split_);
        if (compiled.process_rule) compiled.process_bit = impl_.process_rules++;
        if (!rule.enabled) return true;
        if (compiled.process_rule) {
            if (compiled.root != kFalse) process.push_back({index, compiled.root});
            return true;
        }
        for (std::size_t k = 0; k < by_code.size(); ++k)
            if (roots[k] != kFalse) by_code[k].push_back({index, impl_.graph.split(roots[k], split_)});
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

    bool compile_output(Rule& rule, Matcher::Impl::Compiled& compiled) {
        std::vector<std::string> absent;
        auto output = Output::compile(rule.output, impl_.expressions, &absent);
        if (!output) {
            for (const TypeError& e : output.error()) {
                add(rule, options_.strict ? Severity::error : Severity::warning, kOutput, "output: " + e.message, {},
                    e.hint);
                if (rule.disabled_why.empty()) rule.disabled_why = "output: " + e.message;
            }
            return false;
        }
        std::ranges::sort(absent);
        absent.erase(std::ranges::unique(absent).begin(), absent.end());
        if (!absent.empty())
            add(rule, Severity::warning, "LOAD_WARNING_EXTENSION",
                "output: this build cannot deliver " + join(absent) + "; <NA> is printed instead", {}, {});
        compiled.output = std::move(*output);
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
            if (!info || info->unavailable.empty()) return true;
            refuse(rule, "field " + f->name + " is part of the language but " + std::string(info->unavailable),
                   operand.span);
            return false;
        }
        bool good = true;
        if (const auto* t = std::get_if<lang::Transformer>(&operand.value))
            for (const lang::Operand& arg : t->args) good = check_operand(rule, arg) && good;
        if (const auto* l = std::get_if<lang::ListLiteral>(&operand.value))
            for (const lang::Operand& item : l->items) good = check_operand(rule, item) && good;
        return good;
    }

    // Decides predicates over constants for one event type.
    NodeId fold(NodeId root, EventKey key) {
        Event event;
        event.code = key.code;
        const std::string_view call(reinterpret_cast<const char*>(&key.call), sizeof key.call);
        if (key.code == kGenericExit) event.params = std::span(&call, 1);
        const EvalWorld world;
        Evaluator eval(impl_.expressions, impl_.graph, 0);
        eval.begin(event, world, false, true);
        std::unordered_map<NodeId, NodeId> memo;
        return impl_.graph.replace(
            root,
            [&](NodeId id, const Predicate& p) {
                if (p.scope != fields::Scope::constant) return id;
                return eval.truth(id) == Truth::yes ? kTrue : kFalse;
            },
            memo);
    }

    // Decides predicates that are the same for every event (evt.source = syscall).
    NodeId decide_constants(NodeId root) {
        std::unordered_map<NodeId, NodeId> memo;
        return impl_.graph.replace(
            root,
            [&](NodeId id, const Predicate& p) {
                if (p.scope != fields::Scope::constant) return id;
                std::vector<const fields::BoundField*> used;
                impl_.expressions.collect_fields(p.left, used);
                if (p.right) impl_.expressions.collect_fields(*p.right, used);
                const bool fixed = std::ranges::all_of(used, [](const fields::BoundField* f) {
                    return f->text == "evt.source" || f->text == "evt.pluginname" || f->text == "evt.plugininfo" ||
                           f->text == "evt.count";
                });
                return fixed ? fold(id, {kExecve, 0}) : id;
            },
            memo);
    }

    bool has_constants(NodeId id) {
        const Node& node = impl_.graph.node(id);
        if (node.kind == NodeKind::constant) return false;
        if (node.kind == NodeKind::predicate) return impl_.graph.predicate(id).scope == fields::Scope::constant;
        return std::ranges::any_of(impl_.graph.children(id), [&](NodeId c) { return has_constants(c); });
    }

    bool only_process(NodeId id) {
        const Node& node = impl_.graph.node(id);
        if (node.kind == NodeKind::constant) return true;
        if (node.kind == NodeKind::predicate) return fields::is_process_scope(node.scope);
        return std::ranges::all_of(impl_.graph.children(id), [&](NodeId c) { return only_process(c); });
    }

    bool fold_for_events(Rule& rule, NodeId root, std::vector<NodeId>& roots) {
        const auto set = rules::event_types(*rule.condition, match::event_names());
        if (!set) {
            for (const rules::EventTypeError& e : set.error()) refuse(rule, e.message, e.span);
            return false;
        }
        const std::vector<std::string> named = named_event_types(*rule.condition);
        std::vector<std::string> undeliverable;
        for (const std::string& name : named) {
            const auto codes = event_codes(name);
            const bool wanted = std::ranges::any_of(codes, [&](EventCode c) { return set->contains(c); });
            if (wanted && std::ranges::none_of(codes, is_live_event)) undeliverable.push_back(name);
        }
        if (!undeliverable.empty() && rule.enabled) {
            refuse(rule, "this build cannot deliver the event type" +
                             std::string(undeliverable.size() > 1 ? "s " : " ") + join(undeliverable));
            return false;
        }
        const bool constants = has_constants(root);
        bool any = false;
        for (std::size_t k = 0; k < impl_.keys.size(); ++k) {
            const EventKey key = impl_.keys[k];
            const bool own = key.code >= kSnapshot;
            const bool wanted =
                own ? std::ranges::find(named, find_event(key.code)->name) != named.end() : set->contains(key.code);
            roots[k] = !wanted ? kFalse : constants ? fold(root, key) : root;
            any = any || roots[k] != kFalse;
        }
        if (!any && rule.enabled && root != kFalse && !set->empty()) {
            refuse(rule, "no event that this build delivers can make the condition true");
            return false;
        }
        return true;
    }

    void build_programs(const std::vector<ProgramRule>& process, const std::vector<std::vector<ProgramRule>>& by_code) {
        impl_.process_program.build(process, impl_.graph);
        impl_.programs.resize(by_code.size());
        for (std::size_t k = 0; k < by_code.size(); ++k) {
            const std::size_t number = impl_.keys[k].number();
            if (number >= impl_.key_index.size()) impl_.key_index.resize(number + 1, kNoKey);
            impl_.key_index[number] = static_cast<std::uint16_t>(k);
            if (!by_code[k].empty()) impl_.programs[k].build(by_code[k], impl_.graph);
        }
        // A lasting node has a slot of its own when something that does not last asks for it, or a rule as such.
        const auto give_slot = [&](NodeId id) {
            Node& node = impl_.graph.node(id);
            if (id > kTrue && node.slot == kNoSlot && is_lasting(node.scope))
                node.slot = static_cast<std::uint32_t>(impl_.slots++);
        };
        const auto visit_rules = [&](const std::vector<ProgramRule>& rules) {
            for (const ProgramRule& r : rules) {
                give_slot(r.root);
                std::vector<NodeId> stack{r.root};
                while (!stack.empty()) {
                    const NodeId id = stack.back();
                    stack.pop_back();
                    if (is_lasting(impl_.graph.node(id).scope) || impl_.graph.node(id).kind == NodeKind::predicate)
                        continue;
                    for (const NodeId child : impl_.graph.children(id)) give_slot(child), stack.push_back(child);
                }
            }
        };
        visit_rules(process);
        for (const auto& rules : by_code) visit_rules(rules);
    }

    Matcher::Impl& impl_;
    const Matcher::Options& options_;
    std::vector<Diagnostic>& diagnostics_;
    Binder binder_;
    std::unordered_map<NodeId, NodeId> split_;
};

} // namespace

Matcher::Matcher() = default;
Matcher::~Matcher() = default;

std::shared_ptr<const Matcher> Matcher::compile(std::vector<Rule> rules, const Options& options,
                                                std::vector<Diagnostic>& diagnostics) {
    auto impl = std::make_unique<Impl>();
    impl->rules = std::move(rules);
    Compiler(*impl, options, diagnostics).run();
    std::shared_ptr<Matcher> matcher(new Matcher);
    matcher->impl_ = std::move(impl);
    return matcher;
}

std::span<const Rule> Matcher::rules() const { return impl_->rules; }

Matcher::ScratchPtr Matcher::make_scratch() const {
    return ScratchPtr(new Scratch(impl_->expressions, impl_->graph, impl_->process_bits ? impl_->slots : 0));
}

void Matcher::evaluate(const Event& event, const EvalWorld& world, Scratch& scratch, Verdicts& out) const {
    const Program* program = impl_->program(key_of(event));
    if (!program) return;
    Evaluator& eval = scratch.evaluator;
    eval.begin(event, world, impl_->process_bits, false);
    const std::size_t matched = out.matched.size(), undecided = out.undecided.size();
    program->run(eval, [&](const ProgramRule& r) {
        const Truth t = eval.truth(r.root);
        if (t == Truth::yes)
            out.matched.push_back(r.rule);
        else if (t == Truth::undecided)
            out.undecided.push_back(r.rule);
    });
    std::sort(out.matched.begin() + static_cast<std::ptrdiff_t>(matched), out.matched.end());
    std::sort(out.undecided.begin() + static_cast<std::ptrdiff_t>(undecided), out.undecided.end());
}

void Matcher::evaluate_process(const Event& event, const EvalWorld& world, Scratch& scratch, RuleBits& fired,
                               Verdicts& out) const {
    if (impl_->process_program.empty()) return;
    Evaluator& eval = scratch.evaluator;
    eval.begin(event, world, impl_->process_bits, false);
    const std::size_t matched = out.matched.size(), undecided = out.undecided.size();
    impl_->process_program.run(eval, [&](const ProgramRule& r) {
        if (is_fired(r.rule, fired)) return;
        const Truth t = eval.truth(r.root);
        if (t == Truth::undecided) out.undecided.push_back(r.rule);
        if (t != Truth::yes) return;
        out.matched.push_back(r.rule);
        set_fired(r.rule, fired);
    });
    std::sort(out.matched.begin() + static_cast<std::ptrdiff_t>(matched), out.matched.end());
    std::sort(out.undecided.begin() + static_cast<std::ptrdiff_t>(undecided), out.undecided.end());
}

Decision Matcher::evaluate_rule(std::uint32_t rule, const Event& event, const EvalWorld& world, Scratch& scratch,
                                bool pending_is_missing) const {
    const Impl::Compiled& compiled = impl_->compiled[rule];
    if (!compiled.usable) return Decision::no;
    scratch.evaluator.begin(event, world, impl_->process_bits, pending_is_missing);
    switch (scratch.evaluator.truth(compiled.root)) {
    case Truth::yes: return Decision::yes;
    case Truth::undecided: return Decision::undecided;
    case Truth::no: break;
    }
    return Decision::no;
}

bool Matcher::is_process_rule(std::uint32_t rule) const { return impl_->compiled[rule].process_rule; }

void Matcher::set_fired(std::uint32_t rule, RuleBits& fired) const {
    const std::uint32_t bit = impl_->compiled[rule].process_bit;
    if (fired.size() <= bit / 64) fired.resize((impl_->process_rules + 63) / 64);
    fired[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

void Matcher::clear_fired(std::uint32_t rule, RuleBits& fired) const {
    const std::uint32_t bit = impl_->compiled[rule].process_bit;
    if (bit / 64 < fired.size()) fired[bit / 64] &= ~(std::uint64_t{1} << (bit % 64));
}

bool Matcher::is_fired(std::uint32_t rule, const RuleBits& fired) const {
    const std::uint32_t bit = impl_->compiled[rule].process_bit;
    return bit / 64 < fired.size() && (fired[bit / 64] >> (bit % 64) & 1) != 0;
}

bool Matcher::wants(EventCode code) const {
    if (code != kGenericExit) return impl_->program({code, 0}) != nullptr;
    return std::ranges::any_of(impl_->keys,
                               [this](EventKey k) { return k.code == kGenericExit && impl_->program(k) != nullptr; });
}
bool Matcher::wants(const Event& event) const { return impl_->program(key_of(event)) != nullptr; }
void Matcher::for_each_event(const std::function<void(EventKey, std::span<const ProgramRule>)>& visit) const {
    for (std::size_t k = 0; k < impl_->keys.size(); ++k)
        if (!impl_->program_rules[k].empty()) visit(impl_->keys[k], impl_->program_rules[k]);
}
const Graph& Matcher::graph() const { return impl_->graph; }
const Expressions& Matcher::expressions() const { return impl_->expressions; }
bool Matcher::has_process_rules() const { return !impl_->process_program.empty(); }

match::Rendered Matcher::render(std::uint32_t rule, const Event& event, const EvalWorld& world,
                                Scratch& scratch) const {
    const Impl::Compiled& compiled = impl_->compiled[rule];
    if (!compiled.output) return {};
    scratch.evaluator.begin(event, world, false, false);
    return compiled.output->render(scratch.evaluator, impl_->expressions);
}

} // namespace gyr
