#include "match/generated.h"

#include "event/raw_event.h"
#include "event/schema.h"
#include "fields/registry.h"
#include "lang/parser.h"
#include "lang/quote.h"
#include "match/event_names.h"
#include "match/reference.h"
#include "rules/event_types.h"

#include <algorithm>
#include <limits>

namespace gyr::match {
namespace {

using fields::Value;
using fields::ValueKind;
using lang::TypeClass;

const std::vector<std::string>& words() {
    static const std::vector<std::string> all = {"",
                                                 "a",
                                                 "sh",
                                                 "bash",
                                                 "/",
                                                 "/etc",
                                                 "/etc/passwd",
                                                 "/usr/bin/bash",
                                                 "..",
                                                 "<NA>",
                                                 "-c",
                                                 "-abc",
                                                 "--",
                                                 "--long",
                                                 "-n",
                                                 "YWJj",
                                                 "YWJj=",
                                                 "*",
                                                 "?",
                                                 "[a-c]*",
                                                 "\xff",
                                                 "\xc3",
                                                 "\xc3\xa9",
                                                 "a\xffz",
                                                 "A",
                                                 "SH",
                                                 "BaSh",
                                                 "/tmp/../etc/",
                                                 "//a/",
                                                 "0",
                                                 "1",
                                                 "-1",
                                                 "true",
                                                 "host",
                                                 "root",
                                                 "x=1",
                                                 "a b",
                                                 "'",
                                                 "\"",
                                                 "\\",
                                                 "0.0.0.0",
                                                 "127.0.0.1",
                                                 "::1",
                                                 "0.0.0.0/0",
                                                 "10.0.0.0/8",
                                                 "18446744073709551615",
                                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaab"};
    return all;
}
const std::vector<std::uint64_t>& numbers() {
    static const std::vector<std::uint64_t> all = {0,
                                                   1,
                                                   2,
                                                   3,
                                                   22,
                                                   255,
                                                   256,
                                                   4096,
                                                   65535,
                                                   65536,
                                                   0x7fffffff,
                                                   0x80000000,
                                                   0xffffffff,
                                                   0x100000000,
                                                   std::numeric_limits<std::int64_t>::max(),
                                                   std::uint64_t{1} << 63,
                                                   std::numeric_limits<std::uint64_t>::max()};
    return all;
}

std::string text(Random& r) {
    std::string out = r.of(words());
    while (r.one_in(3)) out += r.one_in(2) ? "/" + r.of(words()) : r.of(words());
    return out;
}
std::vector<std::string> texts(Random& r, std::size_t most) {
    std::vector<std::string> out(r.below(most + 1));
    for (std::string& s : out) s = text(r);
    return out;
}

std::string param(Random& r, ParamType type) {
    if (r.one_in(6)) return {};
    const std::uint64_t n = r.of(numbers());
    std::string number(reinterpret_cast<const char*>(&n), sizeof n);
    switch (type) {
    case ParamType::charbuf:
    case ParamType::fspath:
    case ParamType::fsrelpath: return text(r) + std::string(1, '\0');
    case ParamType::bytebuf: return text(r);
    case ParamType::int8:
    case ParamType::uint8:
    case ParamType::flags8:
    case ParamType::enumflags8:
    case ParamType::sigtype:
    case ParamType::l4proto:
    case ParamType::sockfamily: return number.substr(0, 1);
    case ParamType::int16:
    case ParamType::uint16:
    case ParamType::flags16:
    case ParamType::enumflags16:
    case ParamType::port:
    case ParamType::syscallid: return number.substr(0, 2);
    case ParamType::int32:
    case ParamType::uint32:
    case ParamType::flags32:
    case ParamType::enumflags32:
    case ParamType::boolean:
    case ParamType::uid:
    case ParamType::gid:
    case ParamType::mode:
    case ParamType::sigset:
    case ParamType::fd32:
    case ParamType::pid32: return number.substr(0, 4);
    default: return r.one_in(4) ? text(r) : number;
    }
}

std::shared_ptr<ProcessImage> make_process(Random& r, test::World& world, Pid pid, const ProcessImage* parent) {
    auto p = world.process(pid, text(r), texts(r, 4), parent);
    p->comm = text(r);
    p->cwd = text(r);
    p->tty = static_cast<std::uint32_t>(r.of(numbers()));
    p->credentials.uid = p->credentials.euid = static_cast<Uid>(r.of(numbers()));
    p->credentials.login_uid = static_cast<Uid>(r.of(numbers()));
    p->credentials.cap_effective = r.of(numbers());
    p->credentials.cap_permitted = r.of(numbers());
    p->vpid = static_cast<Pid>(r.below(4));
    p->sid = r.one_in(2) ? 1 : pid;
    p->incomplete = r.one_in(8);
    auto exec = std::make_shared<ExecImage>(*p->exec);
    exec->env = test::items(texts(r, 3));
    exec->exe_file.marks = static_cast<std::uint32_t>(r.below(256));
    p->exec = exec;
    if (!r.one_in(3)) {
        p->container = test::make_container(r.one_in(2));
        static constexpr Missing kWhy[] = {Missing::pending, Missing::runtime_timeout, Missing::denied};
        if (!p->container->info) p->container->why = r.of(kWhy);
    }
    if (r.one_in(6)) p->generation = 0; // results are not kept for it
    return p;
}

FdInfo make_fd(Random& r) {
    FdInfo fd;
    fd.type = static_cast<FdType>(r.below(22));
    fd.l4 = static_cast<L4Protocol>(r.below(6));
    fd.marks = static_cast<std::uint16_t>(r.next());
    fd.open_flags = static_cast<std::uint32_t>(r.next());
    fd.name = text(r), fd.name_raw = text(r);
    for (auto* address : {&fd.source_address, &fd.destination_address}) {
        if (r.one_in(3)) continue;
        (*address)[0] = r.one_in(2) ? 127 : 10;
        (*address)[3] = 1;
    }
    fd.source_port = static_cast<std::uint16_t>(r.of(numbers()));
    fd.destination_port = static_cast<std::uint16_t>(r.of(numbers()));
    fd.ino = r.of(numbers());
    return fd;
}

// Fields that a condition may have, with an argument where they take one. Those of the clock would change between two
// looks.
std::string make_field(Random& r) {
    static const std::vector<const fields::Field*> usable = [] {
        std::vector<const fields::Field*> out;
        for (const fields::Field* f : fields::all_fields())
            if (!f->info.print_only && f->scope != fields::Scope::time) out.push_back(f);
        return out;
    }();
    static const std::vector<std::string> kFavourites = {
        "proc.name", "proc.aname", "proc.args",    "proc.cmdline", "evt.type", "container.name", "proc.pname",
        "user.name", "proc.pid",   "container.id", "proc.exepath", "evt.res",  "proc.aname[1]",  "fd.name"};
    if (r.one_in(3)) return r.of(kFavourites);
    const fields::Field& f = *r.of(usable);
    std::string name(f.info.name);
    if (f.info.arg == lang::ArgKind::none || (f.info.arg == lang::ArgKind::optional && r.one_in(2))) return name;
    const bool index =
        f.arg_form == fields::ArgForm::index ||
        ((f.arg_form == fields::ArgForm::index_or_key || f.arg_form == fields::ArgForm::index_or_name) && r.one_in(2));
    if (index) return name + "[" + std::to_string(r.below(4)) + "]";
    if (f.info.suffix_arg) return name + "." + std::string(r.of(param_names()));
    return name + (r.one_in(2) ? "[a]" : "[/etc*]");
}

Value value_of(const Scene& scene, const std::string& name, Arena& arena) {
    const std::size_t bracket = name.find('[');
    std::optional<std::string> arg;
    if (bracket != std::string::npos) arg = name.substr(bracket + 1, name.size() - bracket - 2);
    const auto bound = fields::bind_field(name.substr(0, bracket), arg);
    if (!bound) return {};
    const EvalWorld world = scene.view();
    return bound->field->extract(fields::Context{scene.event, world, arena}, bound->arg);
}

// A constant for a field: its value in the scene, a part or a neighbour of it, or anything.
std::string make_constant(Random& r, const Scene& scene, const std::string& field) {
    if (field.starts_with("evt.type") && !r.one_in(8)) return std::string(r.of(gyr::event_names()));
    Arena arena;
    Value v = value_of(scene, field, arena);
    if (v.kind == ValueKind::list && !v.list().empty()) v = v.list()[r.below(v.list().size())];
    if (v.is_missing() || r.one_in(4)) {
        if (r.one_in(3)) return std::to_string(r.of(numbers()));
        return text(r);
    }
    std::string s;
    fields::append_text(s, v, lang::FieldType::charbuf, fields::Format::none);
    if (v.kind == ValueKind::ip && r.one_in(2)) return s + "/" + std::to_string(r.below(33));
    if (v.kind != ValueKind::text || s.empty()) return s;
    switch (r.below(8)) {
    case 0: return s.substr(0, r.below(s.size() + 1));
    case 1: return s.substr(r.below(s.size()));
    case 2: return s.substr(r.below(s.size()), 1 + r.below(4));
    case 3: s[r.below(s.size())] ^= 0x20; return s;
    case 4: s[r.below(s.size())] = '*'; return s;
    default: return s;
    }
}

std::string make_operand(Random& r, std::string& field) {
    field = make_field(r);
    std::string out = field;
    while (r.one_in(6)) {
        static const std::vector<std::string> kOne = {"tolower", "toupper", "basename", "b64", "len"};
        switch (r.below(8)) {
        case 0: out = "join(\"-\", (" + out + ", \"a\", " + make_field(r) + "))"; break;
        case 1: out = "concat(" + out + ", \"x\", " + make_field(r) + ")"; break;
        case 2: out = "getopt(" + out + ", \"ab:cn\")" + (r.one_in(2) ? "[b]" : ""); break;
        default: out = r.of(kOne) + "(" + out + ")"; break;
        }
    }
    return out;
}

std::string make_check(Random& r, const Scene& scene) {
    static const std::vector<std::string> kOps = {
        "=",         "==",        "!=",         "<",           "<=",       ">",    ">=",    "contains",
        "icontains", "bcontains", "startswith", "bstartswith", "endswith", "glob", "iglob", "regex"};
    static const std::vector<std::string> kLists = {"in", "intersects", "pmatch"};
    static const std::vector<std::string> kModifiers = {"oneof", "anyof", "allof"};
    std::string field, other;
    const std::string left = make_operand(r, field);
    const auto list = [&] {
        std::string out = "(";
        for (std::size_t n = r.below(r.one_in(5) ? 80 : 6); n > 0; --n)
            out += lang::quote(make_constant(r, scene, field)) + (n > 1 ? ", " : "");
        return out + ")";
    };
    switch (r.below(12)) {
    case 0: return left + " exists";
    case 1:
    case 2: return left + " " + r.of(kOps) + " val(" + (r.one_in(3) ? field : make_field(r)) + ")";
    case 3: return left + " " + r.of(kLists) + " " + make_operand(r, other);
    case 4: return left + " " + r.of(kOps) + " " + r.of(kModifiers) + " " + list();
    case 5:
    case 6:
    case 7: return left + " " + r.of(kLists) + " " + list();
    default: {
        const std::string constant = make_constant(r, scene, field);
        const std::string op = r.of(kOps);
        const bool bare =
            !constant.empty() && std::ranges::all_of(constant, [](char c) { return c >= '0' && c <= '9'; });
        return left + " " + op + " " + (bare ? constant : lang::quote(constant));
    }
    }
}

std::string make_tree(Random& r, const Scene& scene, unsigned depth) {
    if (depth == 0 || r.one_in(3)) return (r.one_in(5) ? "not " : "") + make_check(r, scene);
    std::string out = r.one_in(6) ? "not (" : "(";
    const char* word = r.one_in(2) ? " and " : " or ";
    const std::size_t n = 2 + r.below(3);
    for (std::size_t i = 0; i < n; ++i) out += (i > 0 ? word : "") + make_tree(r, scene, depth - 1);
    return out + ")";
}

std::string name(Truth t) { return t == Truth::yes ? "yes" : t == Truth::no ? "no" : "undecided"; }
Truth truth_of(Decision d) {
    return d == Decision::yes ? Truth::yes : d == Decision::no ? Truth::no : Truth::undecided;
}

} // namespace

// splitmix64
std::uint64_t Random::next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

Scene::Scene(Random& r) {
    world.generation = r.next() % 1'000'000'000;
    const std::size_t depth = 1 + r.below(4);
    for (std::size_t i = 0; i < depth; ++i)
        processes.push_back(make_process(r, world, static_cast<Pid>(i + 1), i == 0 ? nullptr : processes.back().get()));
    world.users.why = r.one_in(2) ? Missing::pending : Missing::not_applicable;
    event = test::exec_event(processes.back());
    static constexpr EventCode kProcess[] = {kExecve, kProcExit, kClone, kClone3, kSnapshot, kProcChange};
    const auto schema = event_schema();
    event.code = r.one_in(3) ? r.of(kProcess) : schema[r.below(schema.size())].code;
    if (!find_event(event.code)) event.code = kExecve;
    event.number = r.of(numbers());
    event.has_result = !r.one_in(4);
    event.result = r.one_in(2) ? -static_cast<std::int64_t>(r.below(140)) : static_cast<std::int64_t>(r.below(9));
    event.time = 6'000'000'000 + static_cast<Nanos>(r.below(1'000'000'000));
    if (r.one_in(12)) event.process = nullptr;
    const EventInfo& info = *find_event(event.code);
    if (event.code < kSnapshot && !r.one_in(8)) {
        for (const ParamInfo& p : info.params) bytes.push_back(param(r, p.type));
        if (r.one_in(8) && !bytes.empty()) bytes.pop_back();
        params.assign(bytes.begin(), bytes.end());
        event.params = params;
    }
    fd = make_fd(r), path = make_fd(r);
    thread.is_main = r.one_in(2);
    if (!r.one_in(3)) event.fd = &fd, event.fd_number = static_cast<std::int64_t>(r.below(100));
    if (r.one_in(3)) event.path = &path;
    if (r.one_in(2)) event.thread = &thread;
    event.fd_name_changed = r.one_in(2);
}

bool Scene::complete_container() {
    if (!event.process || !event.process->container || event.process->container->info) return false;
    Container& c = *event.process->container;
    c.info = test::make_container(true)->info;
    c.why = Missing::none;
    ++c.generation;
    return true;
}

std::string make_condition(Random& r, const Scene& scene) { return make_tree(r, scene, 3); }

std::size_t compare_generated(std::uint64_t seed, std::size_t conditions, std::size_t events, std::string& problem) {
    Random r(seed);
    // Conditions that compile, all in one matcher, so that they share predicates; and the same without kept results.
    std::vector<Rule> rules;
    const Scene first(r);
    for (std::size_t tries = 0; rules.size() < conditions && tries < 20 * conditions; ++tries) {
        Rule rule;
        rule.name = std::to_string(rules.size());
        rule.condition_text = make_condition(r, first);
        const auto parsed = lang::parse(rule.condition_text);
        if (!parsed) continue;
        rule.condition = *parsed;
        std::vector<Diagnostic> diagnostics;
        if (Matcher::compile({rule}, {}, diagnostics)->rules()[0].disabled_why.empty())
            rules.push_back(std::move(rule));
    }
    std::vector<Diagnostic> diagnostics;
    const auto matcher = Matcher::compile(rules, {}, diagnostics);
    Matcher::Options without;
    without.process_bits = false;
    const auto plain = Matcher::compile(rules, without, diagnostics);
    const auto scratch = matcher->make_scratch(), plain_scratch = plain->make_scratch();
    std::vector<rules::EventSet> sets;
    std::vector<std::vector<std::string>> named;
    for (const Rule& rule : rules) {
        sets.push_back(rules::event_types(*rule.condition, event_names()).value_or(rules::EventSet{}));
        named.push_back(named_event_types(*rule.condition));
    }

    std::size_t pairs = 0;
    Verdicts verdicts;
    const auto look = [&](const Scene& scene) {
        const EvalWorld world = scene.view();
        std::vector<Truth> expected;
        if (scene.event.code == kPluginEvent ||
            is_of_plugin(scene.event.code, scene.event.params)) { // of another source: these rules are not asked
            verdicts.clear();
            matcher->evaluate(scene.event, world, *scratch, verdicts);
            if (!verdicts.matched.empty() || !verdicts.undecided.empty()) problem = "rules asked of another source";
            return;
        }
        const auto differ = [&](std::size_t i, const char* what, Truth got) {
            const EventInfo* info = find_event(scene.event.code);
            problem = std::string(what) + " says " + name(got) + ", the reference " + name(expected[i]) + " for " +
                      std::string(info->name) + " (" + std::to_string(info->code) + "): " + rules[i].condition_text;
        };
        for (std::uint32_t i = 0; i < rules.size(); ++i) {
            expected.push_back(reference::evaluate(*rules[i].condition, scene.event, world, false));
            for (const auto* m : {&matcher, &plain}) {
                auto& s = m == &matcher ? *scratch : *plain_scratch;
                const Truth got = truth_of((*m)->evaluate_rule(i, scene.event, world, s, false));
                if (got != expected[i])
                    return differ(i, m == &matcher ? "evaluate_rule" : "evaluate_rule without process bits", got);
            }
            if (expected[i] != Truth::undecided) continue;
            const Truth late = reference::evaluate(*rules[i].condition, scene.event, world, true);
            const Truth got = truth_of(matcher->evaluate_rule(i, scene.event, world, *scratch, true));
            if (got != late) return differ(i, "evaluate_rule without what is pending", got);
        }
        // All rules at once, by event type.
        const auto said = [&](std::uint32_t i) {
            if (std::ranges::find(verdicts.matched, i) != verdicts.matched.end()) return Truth::yes;
            return std::ranges::find(verdicts.undecided, i) != verdicts.undecided.end() ? Truth::undecided : Truth::no;
        };
        const EventCode code = scene.event.code;
        for (const auto* m : {&matcher, &plain}) {
            auto& s = m == &matcher ? *scratch : *plain_scratch;
            verdicts.clear();
            (*m)->evaluate(scene.event, world, s, verdicts);
            for (std::uint32_t i = 0; i < rules.size(); ++i) {
                if ((*m)->is_process_rule(i)) continue;
                const bool asked = code >= kSnapshot
                                       ? std::ranges::find(named[i], find_event(code)->name) != named[i].end()
                                       : sets[i].contains(code);
                const Truth got = said(i);
                if (got != (asked ? expected[i] : Truth::no)) return differ(i, "evaluate", got);
            }
            verdicts.clear();
            RuleBits fired;
            (*m)->evaluate_process(scene.event, world, s, fired, verdicts);
            for (std::uint32_t i = 0; i < rules.size(); ++i)
                if ((*m)->is_process_rule(i) && said(i) != expected[i]) return differ(i, "evaluate_process", said(i));
        }
        pairs += rules.size();
    };
    look(first);
    for (std::size_t n = 0; n < events && problem.empty(); ++n) {
        Scene scene(r);
        look(scene);
        if (problem.empty() && scene.complete_container()) look(scene);
    }
    if (!problem.empty()) problem += "\nseed " + std::to_string(seed);
    return pairs;
}

} // namespace gyr::match
