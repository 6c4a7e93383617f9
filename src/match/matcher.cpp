#include "match/matcher.h"

#include "event/raw_event.h"
#include "event/schema.h"
#include "match/compiled_rules.h"
#include "match/evaluator.h"

#include <algorithm>
#include <unordered_set>

namespace gyr {

using namespace match;

class Matcher::Scratch {
  public:
    Scratch(const Expressions& expressions, const Graph& graph, std::size_t slots)
        : evaluator(expressions, graph, slots) {}
    Evaluator evaluator;
};

void Matcher::ScratchDeleter::operator()(Scratch* scratch) const { delete scratch; }

struct Matcher::Impl : CompiledRules {};

Matcher::Matcher() = default;
Matcher::~Matcher() = default;

std::shared_ptr<const Matcher> Matcher::compile(std::vector<Rule> rules, const Options& options,
                                                std::vector<Diagnostic>& diagnostics) {
    auto impl = std::make_unique<Impl>();
    impl->rules = std::move(rules);
    for (Rule& rule : impl->rules) rule.enabled = rule.enabled && rule.priority <= options.minimum_priority;
    compile_rules(*impl, options, diagnostics);
    std::shared_ptr<Matcher> matcher(new Matcher);
    matcher->impl_ = std::move(impl);
    return matcher;
}

std::span<const Rule> Matcher::rules() const { return impl_->rules; }

Matcher::ScratchPtr Matcher::make_scratch() const {
    return ScratchPtr(new Scratch(impl_->expressions, impl_->graph, impl_->process_bits ? impl_->slots : 0));
}

namespace {

// What was added from an index on: by rule, each once.
void order(std::vector<std::uint32_t>& rules, std::size_t from) {
    if (rules.size() < from + 2) return;
    const auto begin = rules.begin() + static_cast<std::ptrdiff_t>(from);
    std::sort(begin, rules.end());
    rules.erase(std::unique(begin, rules.end()), rules.end());
}

} // namespace

void Matcher::evaluate(const Event& event, const EvalWorld& world, Scratch& scratch, Verdicts& out) const {
    const Program* program = impl_->program(key_of(event));
    if (!program) return;
    if (!impl_->filter && is_of_plugin(event.code, event.params)) return; // rules have events of their source alone
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
    order(out.matched, matched);
    order(out.undecided, undecided);
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
    order(out.matched, matched);
    order(out.undecided, undecided);
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
    return std::ranges::any_of(impl_->keys, [&](EventKey k) { return k.code == code && impl_->program(k) != nullptr; });
}

bool Matcher::wants(const Event& event) const { return impl_->program(key_of(event)) != nullptr; }

void Matcher::for_each_event(const std::function<void(EventKey, std::span<const ProgramRule>)>& visit) const {
    const auto generic = [](std::uint16_t call) {
        const auto calls = syscall_table();
        const auto it = std::ranges::lower_bound(calls, call, {}, &SyscallInfo::number);
        return it != calls.end() && it->number == call && it->generic;
    };
    for (const EventKey key : impl_->keys) {
        if (key.code == kGenericExit && !generic(key.call)) continue; // tells of itself by its own event
        const std::uint16_t at = impl_->program_of[key.number()];
        if (at != CompiledRules::kNoProgram) visit(key, impl_->programs[at].rules);
    }
}

bool Matcher::asks_for(std::uint32_t rule, std::string_view field) const {
    const Graph& graph = impl_->graph;
    std::vector<NodeId> left{impl_->compiled[rule].root};
    std::unordered_set<NodeId> seen(left.begin(), left.end());
    while (!left.empty()) {
        const NodeId id = left.back();
        left.pop_back();
        const NodeKind kind = graph.node(id).kind;
        if (kind == NodeKind::constant) continue;
        if (kind == NodeKind::predicate) {
            const Predicate& p = graph.predicate(id);
            if (impl_->expressions.needs(p.left, field)) return true;
            if (p.right && impl_->expressions.needs(*p.right, field)) return true;
            continue;
        }
        for (const NodeId child : graph.children(id))
            if (seen.insert(child).second) left.push_back(child);
    }
    return false;
}

bool Matcher::shows(std::uint32_t rule, std::string_view field) const {
    const Impl::Compiled& compiled = impl_->compiled[rule];
    return (compiled.output && compiled.output->shows(field, impl_->expressions)) ||
           std::ranges::any_of(compiled.extra_fields,
                               [&](const auto& extra) { return extra.second.shows(field, impl_->expressions); });
}

const Graph& Matcher::graph() const { return impl_->graph; }
const Expressions& Matcher::expressions() const { return impl_->expressions; }
bool Matcher::has_process_rules() const { return !impl_->process_program.empty(); }

match::Rendered Matcher::render(std::uint32_t rule, const Event& event, const EvalWorld& world,
                                Scratch& scratch) const {
    const Impl::Compiled& compiled = impl_->compiled[rule];
    if (!compiled.output) return {};
    scratch.evaluator.begin(event, world, false, false);
    match::Rendered rendered = compiled.output->render(scratch.evaluator, impl_->expressions);
    for (const auto& [name, output] : compiled.extra_fields) {
        match::Rendered extra = output.render(scratch.evaluator, impl_->expressions);
        rendered.pending = rendered.pending || extra.pending;
        if (!name.empty()) extra.values = {{.key = name, .value = std::move(extra.text)}};
        for (match::OutputValue& value : extra.values) {
            if (std::ranges::find(rendered.values, value.key, &match::OutputValue::key) == rendered.values.end())
                rendered.values.push_back(std::move(value));
        }
    }
    return rendered;
}

} // namespace gyr
