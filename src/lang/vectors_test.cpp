// Conditions, quoted strings and templates of others, with what they are known to give. Read in place, never copied.
#include "base/test_lines.h"
#include "lang/parser.h"
#include "lang/quote.h"
#include "lang/template.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace gyr::lang {
namespace {

std::vector<std::string> blank_variants(const std::string& text) {
    std::vector<std::string> out{text};
    for (const char* blank : {"\t", "\n", "\r", "\r\n", "  "}) {
        std::string variant;
        for (const char c : text) variant += c == ' ' ? std::string(blank) : std::string(1, c);
        out.push_back(std::move(variant));
    }
    return out;
}

TEST(Vectors, ConditionsAreTakenAndRefused) {
    const auto vectors = read_test_lines("vectors/filter_parser.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    for (const auto& v : vectors) {
        const auto input = v.at("input").get<std::string>();
        const bool accept = v.at("expect") == "accept";
        for (const std::string& text : v.value("ws_variants", false) ? blank_variants(input) : std::vector{input}) {
            const auto expr = parse(text);
            EXPECT_EQ(expr.has_value(), accept)
                << v.at("test") << ": " << text << (expr ? "" : "\n  " + expr.error().message);
            if (!expr) {
                EXPECT_LE(expr.error().span.offset, text.size()) << text;
                continue;
            }
            if (v.contains("canonical")) {
                EXPECT_EQ(to_string(**expr), v.at("canonical").get<std::string>());
            }
            const std::string source = to_source(**expr);
            const auto again = parse(source);
            ASSERT_TRUE(again.has_value()) << source << "\n  " << again.error().message;
            EXPECT_TRUE(equal(**expr, **again)) << text << "\n  " << source;
        }
    }
}

TEST(Vectors, QuotedStrings) {
    const auto vectors = read_test_lines("vectors/filter_escaping.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    for (const auto& v : vectors) {
        const auto input = v.at("input").get<std::string>();
        const std::string fn = v.at("fn");
        SCOPED_TRACE(v.dump());
        if (fn == "escape_str") {
            EXPECT_EQ(quote(input), v.at("output").get<std::string>());
        } else if (fn == "roundtrip") {
            const auto back = unquote(quote(input));
            ASSERT_TRUE(back.has_value());
            EXPECT_EQ(*back, input);
        } else {
            const auto text = unquote(input);
            EXPECT_EQ(text.has_value(), !v.value("throws", false));
            if (!text || !v.contains("output") || v.at("output").is_null()) continue;
            // Bytes above 0x7f stand in the vectors as the characters of the same number, and what follows one of them
            // is cut off there.
            std::string expected;
            for (const unsigned char c : v.at("output").get<std::string>()) {
                if ((c & 0xc0U) == 0x80U)
                    expected.back() = static_cast<char>((expected.back() & 0x03) << 6 | (c & 0x3f));
                else
                    expected += static_cast<char>(c);
            }
            EXPECT_EQ(text->substr(0, expected.size()), expected);
        }
    }
}

// The fields the template vectors use.
class TemplateCatalog : public FieldCatalog {
  public:
    FieldMatch find(std::string_view name) const override {
        for (const FieldInfo& info : fields_)
            if (info.name == name) return {&info, {}};
        if (name == "evt.arg.path") return {&fields_[0], name.substr(8)};
        return {};
    }
    std::vector<std::string_view> names() const override { return {"evt.arg", "proc.name", "thread.tid"}; }

  private:
    static FieldInfo optional_arg(std::string_view name) {
        FieldInfo info{name};
        info.arg = ArgKind::optional;
        return info;
    }
    const std::vector<FieldInfo> fields_ = {
        optional_arg("evt.arg"),       FieldInfo{"proc.name"},     FieldInfo{"thread.tid"},
        FieldInfo{"evt.num"},          optional_arg("proc.aname"), optional_arg("proc.apid"),
        optional_arg("proc.acmdline"), FieldInfo{"evt.asynctype"}, FieldInfo{"evt.type"},
        FieldInfo{"proc.cmdline"},     FieldInfo{"fd.name"}};
};

TEST(Vectors, TemplatesAreTakenAndRefused) {
    const auto vectors = read_test_lines("vectors/formatter.jsonl");
    if (vectors.empty()) GTEST_SKIP() << "no test data";
    const TemplateCatalog catalog;
    for (const auto& v : vectors) {
        const auto text = v.at("format").get<std::string>();
        SCOPED_TRACE(v.dump());
        const auto parsed = parse_template(text, &catalog);
        // A transformer over a number is for the compiler to refuse: the parser knows no types.
        if (text == "start %toupper(evt.num) end") continue;
        EXPECT_EQ(parsed.has_value(), !v.value("throws", false))
            << (parsed ? std::string() : parsed.error().front().message);
        if (!parsed || !v.contains("field")) continue;
        // A value is known by the canonical text of its expression, or of a field inside it.
        const auto key = v.at("field").get<std::string>();
        bool found = false;
        for (const TemplateField* field : parsed->fields()) found = found || field->key.find(key) != std::string::npos;
        EXPECT_TRUE(found) << key;
    }
}

} // namespace
} // namespace gyr::lang
