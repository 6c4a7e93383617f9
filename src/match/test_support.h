#pragma once
// For tests of match: rules from texts, compiled.

#include "fields/test_support.h"
#include "lang/parser.h"
#include "match/matcher.h"
#include "match/output.h"

#include <string>
#include <utility>
#include <vector>

namespace gyr::test {

inline Rule rule(const std::string& name, const std::string& condition, const std::string& output = "hit") {
    Rule r;
    r.name = name;
    r.output = output;
    r.condition_text = condition;
    auto parsed = lang::parse(condition);
    if (parsed)
        r.condition = *parsed;
    else
        r.disabled_why = parsed.error().message;
    return r;
}

struct Compiled {
    std::shared_ptr<const Matcher> matcher;
    std::vector<Diagnostic> diagnostics;
    Matcher::ScratchPtr scratch;
};

inline Compiled compile(std::vector<Rule> rules, Matcher::Options options = {}) {
    Compiled c;
    for (std::size_t i = 0; i < rules.size(); ++i) rules[i].index = i;
    c.matcher = Matcher::compile(std::move(rules), options, c.diagnostics);
    c.scratch = c.matcher->make_scratch();
    return c;
}

} // namespace gyr::test
