#include "lang/transformer.h"

#include "lang/parser.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace gyr::lang {
namespace {

class Catalog final : public FieldCatalog {
  public:
    Catalog() {
        add({.name = "a.text", .type = FieldType::charbuf});
        add({.name = "a.path", .type = FieldType::fsrelpath});
        add({.name = "a.bytes", .type = FieldType::bytebuf});
        add({.name = "a.number", .type = FieldType::int64});
        add({.name = "a.texts", .type = FieldType::charbuf, .is_list = true});
        add({.name = "a.any", .type = FieldType::charbuf, .no_transformer = true});
        add({.name = "a.dyn", .type = FieldType::dyn});
    }
    FieldMatch find(std::string_view name) const override {
        const auto it = fields_.find(name);
        return it == fields_.end() ? FieldMatch{} : FieldMatch{&it->second, {}};
    }
    std::vector<std::string_view> names() const override { return {}; }

  private:
    void add(const FieldInfo& info) { fields_.emplace(info.name, info); }
    std::map<std::string_view, FieldInfo> fields_;
};

// "a list of CHARBUF", "NONE" where nothing is known, or what is wrong.
std::string type(const std::string& text) {
    static const Catalog catalog;
    const auto operand = parse_field(text);
    if (!operand) return "does not parse: " + operand.error().message;
    const auto result = type_of(*operand, catalog);
    return result ? describe(*result) : result.error().message;
}

TEST(TypeOf, TransformersGiveATypeOfTheirArguments) {
    EXPECT_EQ(type("a.text"), "CHARBUF");
    EXPECT_EQ(type("tolower(a.path)"), "FSRELPATH");
    EXPECT_EQ(type("toupper(a.texts)"), "a list of CHARBUF");
    EXPECT_EQ(type("basename(a.path)"), "FSRELPATH");
    EXPECT_EQ(type("b64(a.bytes)"), "BYTEBUF");
    EXPECT_EQ(type("len(a.texts)"), "UINT64");
    EXPECT_EQ(type("len(b64(tolower(a.text)))"), "UINT64");
    EXPECT_EQ(type("join('-', (a.text, 'x', tolower(a.text)))"), "CHARBUF");
    EXPECT_EQ(type("concat(a.text, 'x')"), "CHARBUF");
    EXPECT_EQ(type("getopt(a.texts, 'a:')"), "a list of CHARBUF");
    EXPECT_EQ(type("getopt(a.texts, 'a:')[a]"), "CHARBUF");
}

TEST(TypeOf, RefusesWhatATransformerDoesNotTake) {
    EXPECT_EQ(type("tolower(a.number)"), "transformer 'tolower' does not take INT64");
    EXPECT_EQ(type("tolower(len(a.text))"), "transformer 'tolower' does not take UINT64");
    EXPECT_EQ(type("basename(a.texts)"), "transformer 'basename' does not take a list of CHARBUF");
    EXPECT_EQ(type("b64(a.path)"), "transformer 'b64' does not take FSRELPATH");
    EXPECT_EQ(type("concat(a.text)"), "transformer 'concat' takes 2 or more argument(s), 1 given");
    EXPECT_EQ(type("join(a.texts, ',')"), "transformer 'join' does not take a list of CHARBUF");
    EXPECT_EQ(type("join(',', (a.text, a.number))"), "a list in a transformer holds strings, not INT64");
    EXPECT_EQ(type("getopt(a.texts, a.text)"), "transformer 'getopt' does not take CHARBUF");
    EXPECT_EQ(type("getopt(a.texts, 'a')[ab]"), "the key of getopt is one option letter");
    EXPECT_EQ(type("tolower(a.text)[x]"), "transformer 'tolower' does not support field arguments");
    EXPECT_EQ(type("tolower(a.any)"), "field a.any does not support transformers");
}

TEST(TypeOf, SaysNothingOfWhatTheCatalogDoesNotKnow) {
    EXPECT_EQ(type("no.such"), "NONE");
    EXPECT_EQ(type("tolower(no.such)"), "NONE");
    EXPECT_EQ(type("tolower(a.dyn)"), "NONE");
}

} // namespace
} // namespace gyr::lang
