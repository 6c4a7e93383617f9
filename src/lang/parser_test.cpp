#include "lang/parser.h"

#include "lang/comments.h"
#include "lang/diagnostic.h"
#include "lang/quote.h"
#include "lang/template.h"

#include <gtest/gtest.h>

namespace gyr::lang {
namespace {

std::string canonical(std::string_view text) {
    const auto expr = parse(text);
    return expr ? to_string(**expr) : "error: " + expr.error().message;
}

// "message@offset" of the error, with the hint behind when there is one.
std::string error_of(std::string_view text) {
    const auto expr = parse(text);
    if (expr) return "accepted: " + to_string(**expr);
    const ParseError& e = expr.error();
    return e.message + '@' + std::to_string(e.span.offset) + (e.hint.empty() ? "" : " / " + e.hint);
}

TEST(Parser, PrecedenceIsNotThenAndThenOr) {
    EXPECT_EQ(canonical("a or b and not c"), "(a or (b and not c))");
    EXPECT_EQ(canonical("(a or b)and c"), "((a or b) and c)");
    EXPECT_EQ(canonical("a or(b) and c"), "(a or (b and c))");
}

TEST(Parser, NotToggles) {
    EXPECT_EQ(canonical("not not a"), "a");
    EXPECT_EQ(canonical("not not(not a)"), "not a");
    EXPECT_EQ(canonical("nothing and not_a"), "(nothing and not_a)");
}

TEST(Parser, WordsThatLookLikeOperatorsAreValues) {
    EXPECT_EQ(canonical("a.b = oneof and c"), "(a.b = oneof and c)");
    EXPECT_EQ(canonical("a.b = oneof (x, y)"), "a.b = oneof (x, y)");
    EXPECT_EQ(canonical("a.b == anyof names"), "a.b = anyof (names)");
    EXPECT_EQ(canonical("a.b = not"), "a.b = not");
}

TEST(Parser, RightSidesKeepWhatTheyAre) {
    const auto number = parse("a.b > -1.5e+3");
    ASSERT_TRUE(number.has_value());
    const auto& literal = std::get<Literal>(std::get<Check>((*number)->node).right->value);
    EXPECT_TRUE(literal.number);
    EXPECT_EQ(literal.text, "-1.5e+3");

    const auto name = parse("a.b in shells");
    ASSERT_TRUE(name.has_value());
    EXPECT_TRUE(std::get<ListLiteral>(std::get<Check>((*name)->node).right->value).bare_identifier);

    const auto field = parse("proc.aname[2] = val(proc.args[\"x y\"])");
    ASSERT_TRUE(field.has_value());
    const auto& check = std::get<Check>((*field)->node);
    EXPECT_EQ(std::get<Field>(check.left.value).arg, "2");
    const auto& val = std::get<Transformer>(check.right->value);
    EXPECT_EQ(std::get<Field>(val.args.front().value).arg, "x y");
    EXPECT_EQ(to_string(**field), "proc.aname[2] = val(proc.args[\"x y\"])");
}

TEST(Parser, SpansTellWhereThingsStand) {
    const std::string text = "  a.b = 1 and (c.d in (x, \"y z\"))";
    const auto expr = parse(text, {7, 100});
    ASSERT_TRUE(expr.has_value());
    const auto& second = std::get<And>((*expr)->node).children[1];
    EXPECT_EQ(second->span.origin, 7U);
    EXPECT_EQ(text.substr(second->span.offset, second->span.length), "c.d in (x, \"y z\")");
    const auto& list = std::get<ListLiteral>(std::get<Check>(second->node).right->value);
    EXPECT_EQ(text.substr(list.items[1].span.offset, list.items[1].span.length), "\"y z\"");
}

TEST(Parser, ErrorsSayWhatAndWhere) {
    EXPECT_EQ(error_of(""), "the condition is empty@0");
    EXPECT_EQ(error_of("a.b startwith x"), "expected an operator, found 'startwith'@4 / did you mean startswith?");
    EXPECT_EQ(error_of("a.b ="), "expected a value, found the end@5");
    EXPECT_EQ(error_of("(a.b = 1 and c"), "this '(' is never closed@0");
    EXPECT_EQ(error_of("a.b = 1)"), "this ')' closes nothing@7");
    EXPECT_EQ(error_of("a.b = 'x"), "this quote is never closed@6");
    // As in Falco, two backslashes before a quote do not leave it free to close.
    EXPECT_EQ(
        error_of(R"((a.b = "\\"))"),
        "this quote is never closed@7 / a quote behind a backslash closes nothing, even behind two: write \\x5c for a "
        "backslash at the end of a text");
    EXPECT_EQ(error_of("a.b = two words"),
              "unexpected 'words', expected 'and', 'or' or the end@10 / put a value with blanks in quotes");
    EXPECT_EQ(error_of("a and"), "a condition must follow 'and'@2");
    EXPECT_EQ(error_of("a and and b"), "expected a field, a macro or '(', found 'and'@6");
    EXPECT_EQ(error_of("tolowr(a.b) = x"), "unknown transformer 'tolowr'@0 / did you mean tolower?");
    EXPECT_EQ(error_of("name = x"), "'name' is not a field: a field's name has a dot@0");
    EXPECT_EQ(error_of("a.b = \"\\q\""), "unknown escape sequence \\q@7 / write \\\\ for a backslash");
    EXPECT_EQ(error_of("a.b = (x)"), "'=' takes one value, not a list@6 / write 'in (...)'");
    EXPECT_EQ(error_of("a.b > c.d"),
              "expected a number, found 'c.d'@6 / write val(...) around a field on the right side");
    EXPECT_EQ(error_of("len(\"x\\x00\") = 2"), "a text cannot hold a zero byte@4");
    EXPECT_EQ(error_of("a.b[\"x\\x00\"] = 2"), "an argument cannot hold a zero byte@4");
    EXPECT_EQ(error_of("a.b = \"x\\x00\""), "accepted: a.b = \"x\\x00\""); // bytes may; the type decides
}

TEST(Parser, CommentsStandWhereNoValueMay) {
    EXPECT_EQ(canonical("# first\n a.b = x # y and\n and (# z\n c.d # e\n = 1 # f\n) # g"), "(a.b = x and c.d = 1)");
    EXPECT_EQ(canonical("a.b in (x # one\n, y # two\n) or not # three\n m"), "(a.b in (x, y) or not m)");
    EXPECT_EQ(canonical("a.b = # x"), "error: unexpected 'x', expected 'and', 'or' or the end"); // '#' is the value
    EXPECT_EQ(canonical("a.b in (x, # y\n z)"), "error: expected ',' or ')' in the list, found 'y'");
    EXPECT_EQ(canonical("# only"), "error: the condition is empty");
    EXPECT_EQ(canonical("m#x"), "error: unexpected '#x', expected 'and', 'or' or the end");
}

TEST(Parser, BlankingCommentsKeepsOffsets) {
    const auto blanked = [](std::string text) {
        blank_comments(text, [size = text.size()](std::size_t at) { return std::min(size, at + 4); });
        return text;
    };
    EXPECT_EQ(blanked("a # bc and c.d = # e"), "a      and c.d = # e");
    EXPECT_EQ(blanked("and a # bc or"), "and a      or");
    EXPECT_EQ(blanked("a.b = '# x' # bc"), "a.b = '# x'     ");
    EXPECT_EQ(blanked("a.b == == # bc"), "a.b == == # bc"); // not beyond a mistake
}

TEST(Parser, DepthIsBounded) {
    const auto nested = [](std::size_t n) { return std::string(n, '(') + "a" + std::string(n, ')'); };
    EXPECT_EQ(canonical(nested(20)), "a");
    EXPECT_EQ(canonical(nested(30)), "error: the condition is nested too deeply");
    EXPECT_TRUE(parse(nested(200), {0, kRuleDepth}).has_value());
    EXPECT_FALSE(parse(nested(100'000), {0, kRuleDepth}).has_value());
    std::string call = "a.b";
    for (int i = 0; i < 5000; ++i) call = "tolower(" + call + ")";
    EXPECT_FALSE(parse(call + " = x", {0, kRuleDepth}).has_value());
    std::string flat = "a";
    for (int i = 0; i < 20'000; ++i) flat += " or a";
    EXPECT_TRUE(parse(flat).has_value()); // long is not deep
}

TEST(Parser, SourceParsesBackToTheSameTree) {
    for (const std::string text :
         {"join(\"-\", (a.b, \"x y\", 12)) = getopt(p.args, \"nt:\")[t]", "not (not a)", "a.b = \"ends in \\ \"",
          "a.b in (\"\", '\"', \"\\x01\\n\") and not (c or d.e[\"[ ]\"] exists)"}) {
        const auto expr = parse(text);
        ASSERT_TRUE(expr.has_value()) << text;
        const auto again = parse(to_source(**expr));
        ASSERT_TRUE(again.has_value()) << to_source(**expr);
        EXPECT_TRUE(equal(**expr, **again)) << to_source(**expr);
    }
    EXPECT_FALSE(equal(**parse("a.b = x"), **parse("a.b = y")));
    EXPECT_FALSE(equal(**parse("a.b in (x)"), **parse("a.b in (x, x)")));
}

TEST(Template, SplitsTextAndFields) {
    const auto parsed = parse_template("*at %10evt.time: %proc.aname[2] %join(\"->\", (a.b, c.d)), 5", nullptr);
    ASSERT_TRUE(parsed.has_value());
    EXPECT_TRUE(parsed->lenient);
    const auto fields = parsed->fields();
    ASSERT_EQ(fields.size(), 3U);
    EXPECT_EQ(fields[0]->key, "evt.time");
    EXPECT_EQ(fields[0]->width, 10U);
    EXPECT_EQ(fields[1]->key, "proc.aname[2]");
    EXPECT_EQ(fields[2]->key, "join(->,(a.b,c.d))");
    EXPECT_EQ(std::get<std::string>(parsed->parts.front()), "at ");
    EXPECT_EQ(std::get<std::string>(parsed->parts.back()), ", 5");
}

TEST(Template, BracketsThatAreNoArgumentAreText) {
    const auto parsed = parse_template("[%proc.name] %proc.name[ %proc.name[]", nullptr);
    ASSERT_TRUE(parsed.has_value());
    for (const TemplateField* field : parsed->fields()) EXPECT_EQ(field->key, "proc.name");
    EXPECT_EQ(parsed->fields().size(), 3U);
}

TEST(Template, ReportsEveryProblem) {
    const auto parsed = parse_template("100% of %nofield, %% and %99999a.b, ends in %", nullptr);
    ASSERT_FALSE(parsed.has_value());
    std::vector<std::uint32_t> offsets;
    for (const ParseError& e : parsed.error()) offsets.push_back(e.span.offset);
    EXPECT_EQ(offsets, (std::vector<std::uint32_t>{3, 8, 18, 25, 44}));
}

TEST(Quote, EscapesAreUndone) {
    EXPECT_EQ(unquote("\"\\b\\f\\n\\r\\t\\\\\\/\\\"\\ x\""), "\b\f\n\r\t\\/\"\\x");
    EXPECT_EQ(unquote("'\\''"), "'");
    EXPECT_FALSE(unquote("'\\\"'").has_value()); // the other quote needs and takes no backslash
    EXPECT_EQ(quote_if_needed("/etc/*.conf"), "/etc/*.conf");
    EXPECT_EQ(quote_if_needed(""), "\"\"");
    EXPECT_EQ(quote_if_needed("a,b"), "\"a,b\"");
}

TEST(Diagnostic, ShowsPlaceMessageHintAndCaret) {
    Diagnostic d;
    d.message = "unknown field 'proc.nme'";
    d.hint = "did you mean proc.name?";
    d.place = {"rules.yaml", 3, 14, 40};
    d.snippet = make_snippet("first\n\tproc.nme = x\nlast", 7, 8);
    EXPECT_EQ(to_text(d), "rules.yaml:3:14: error: unknown field 'proc.nme' (did you mean proc.name?)\n"
                          "  \tproc.nme = x\n  \t^~~~~~~~");
}

TEST(Diagnostic, SnippetOfALongLineIsCutAroundTheSpot) {
    const std::string snippet = make_snippet(std::string(5000, 'x') + "HERE" + std::string(5000, 'y'), 5000, 4);
    EXPECT_LT(snippet.size(), 400U);
    const std::size_t caret = snippet.find('^') - snippet.find('\n') - 1;
    EXPECT_EQ(snippet.substr(caret, 4), "HERE");
}

TEST(Diagnostic, SuggestsOnlyWhatIsClose) {
    EXPECT_EQ(closest("proc.nmae", {"proc.pid", "proc.name", "fd.name"}), "proc.name");
    EXPECT_EQ(closest("xyz", {"proc.pid", "proc.name"}), "");
    EXPECT_EQ(closest("shel", {"Terminal", "Shell"}), "Shell");
    EXPECT_EQ(closest("PROC.NMAE", {"proc.pid", "proc.name"}), "proc.name");
    EXPECT_EQ(closest("warnng", {"WARNING", "warning"}), "warning");
    EXPECT_EQ(suggestion("conditon", {"condition", "output"}), "did you mean condition?");
}

} // namespace
} // namespace gyr::lang
