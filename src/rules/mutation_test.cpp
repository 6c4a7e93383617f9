// Rule files broken on purpose: a change to one line of the official rules, of the kind people make. Loading must not
// crash, must report an error, and the errors must point at the line that was broken.
#include "base/test_data.h"
#include "lang/parser.h"
#include "lang/scanner.h"
#include "lang/template.h"
#include "rules/loader.h"
#include "rules/test_catalog.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace gyr::rules {
namespace {

constexpr std::size_t kFiles = 200;

std::string read_all(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

// Every field that the official rules use exists; no other does.
class UsedFields : public lang::FieldCatalog {
  public:
    explicit UsedFields(std::string_view text) {
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t length = lang::scan_field_name(text, at);
            if (length != 0) names_.emplace(text.substr(at, length));
            at += std::max<std::size_t>(length, 1);
        }
        info_.arg = lang::ArgKind::optional;
    }
    lang::FieldMatch find(std::string_view name) const override {
        return names_.contains(name) ? lang::FieldMatch{&info_, {}} : lang::FieldMatch{};
    }
    std::vector<std::string_view> names() const override { return {names_.begin(), names_.end()}; }

  private:
    std::set<std::string, std::less<>> names_;
    lang::FieldInfo info_;
};

std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

std::string join_lines(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += line + '\n';
    return out;
}

// Which lines are part of a condition.
std::vector<bool> condition_lines(const std::vector<std::string>& lines) {
    std::vector<bool> out(lines.size(), false);
    bool inside = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool key = lines[i].starts_with("  condition:");
        const std::size_t indent = lines[i].find_first_not_of(' ');
        if (key)
            inside = true;
        else if (indent != std::string::npos && indent <= 2)
            inside = false;
        const bool header = key && (lines[i].ends_with('>') || lines[i].ends_with('|'));
        out[i] = inside && !header && indent != std::string::npos && lines[i].find('#') == std::string::npos;
    }
    return out;
}

bool replace_word(std::string& line, const std::string& from, const std::string& to, std::size_t nth) {
    std::vector<std::size_t> found;
    for (std::size_t at = line.find(from); at != std::string::npos; at = line.find(from, at + 1)) found.push_back(at);
    if (found.empty()) return false;
    line.replace(found[nth % found.size()], from.size(), to);
    return true;
}

struct Mutation {
    std::string name;
    bool in_condition = true;
    std::function<bool(std::string& line, std::size_t nth)> apply; // false: this line has nothing to break
};

bool drop_char(std::string& line, char c, std::size_t nth) { return replace_word(line, std::string(1, c), "", nth); }

const std::vector<Mutation> kMutations = {
    {"closing parenthesis lost", true, [](auto& l, auto n) { return drop_char(l, ')', n); }},
    {"opening parenthesis lost", true, [](auto& l, auto n) { return drop_char(l, '(', n); }},
    {"parenthesis doubled", true, [](auto& l, auto n) { return replace_word(l, ")", "))", n); }},
    {"startswith misspelt", true, [](auto& l, auto n) { return replace_word(l, " startswith ", " startwith ", n); }},
    {"contains misspelt", true, [](auto& l, auto n) { return replace_word(l, " contains ", " contans ", n); }},
    {"and lost", true, [](auto& l, auto n) { return replace_word(l, " and ", " ", n); }},
    {"or lost", true, [](auto& l, auto n) { return replace_word(l, " or ", " ", n); }},
    {"and doubled", true, [](auto& l, auto n) { return replace_word(l, " and ", " and and ", n); }},
    {"and in upper case", true, [](auto& l, auto n) { return replace_word(l, " and ", " AND ", n); }},
    {"&& for and", true, [](auto& l, auto n) { return replace_word(l, " and ", " && ", n); }},
    {"quote lost", true, [](auto& l, auto n) { return drop_char(l, '"', n); }},
    {"comma lost", true, [](auto& l, auto n) { return replace_word(l, ", ", " ", n); }},
    {"comma doubled", true, [](auto& l, auto n) { return replace_word(l, ", ", ",, ", n); }},
    {"macro misspelt", true, [](auto& l, auto n) { return replace_word(l, "spawned_process", "spawned_proces", n); }},
    {"field misspelt", true, [](auto& l, auto n) { return replace_word(l, "proc.name", "proc.nmae", n); }},
    {"field misspelt (fd)", true, [](auto& l, auto n) { return replace_word(l, "fd.name", "fd.nme", n); }},
    {"= lost", true, [](auto& l, auto n) { return replace_word(l, "=", " ", n); }},
    {"value lost", true,
     [](auto& l, auto) {
         const std::size_t at = l.rfind('=');
         if (at == std::string::npos || l.find_first_of("()", at) != std::string::npos) return false;
         l.resize(at + 1);
         return true;
     }},
    {"priority unknown", false, [](auto& l, auto n) { return replace_word(l, "priority: ", "priority: X", n); }},
    {"priority key misspelt", false, [](auto& l, auto n) { return replace_word(l, "  priority: ", "  priorty: ", n); }},
    {"output key misspelt", false, [](auto& l, auto n) { return replace_word(l, "  output: ", "  ouput: ", n); }},
    {"condition key misspelt", false,
     [](auto& l, auto n) { return replace_word(l, "  condition:", "  conditon:", n); }},
    {"items key misspelt", false, [](auto& l, auto n) { return replace_word(l, "  items:", "  itens:", n); }},
    {"output field misspelt", false,
     [](auto& l, auto n) { return replace_word(l, "%proc.cmdline", "%proc.cmdlin", n); }},
    {"percent alone", false, [](auto& l, auto n) { return replace_word(l, "%user.name", "% user.name", n); }},
    {"bracket lost", false, [](auto& l, auto) { return l.starts_with("  tags: [") && drop_char(l, ']', 0); }},
    {"opening bracket lost", false, [](auto& l, auto) { return l.starts_with("  tags: [") && drop_char(l, '[', 0); }},
    {"list bracket lost", false, [](auto& l, auto) { return l.starts_with("  items: [") && drop_char(l, ']', 0); }},
    {"colon lost", false, [](auto& l, auto n) { return replace_word(l, "  priority:", "  priority", n); }},
    {"colon of a rule lost", false, [](auto& l, auto n) { return replace_word(l, "- rule:", "- rule", n); }},
    {"indented too much", false, [](auto& l, auto n) { return replace_word(l, "  priority:", "   priority:", n); }},
    {"indented too little", false, [](auto& l, auto n) { return replace_word(l, "  priority:", " priority:", n); }},
    {"tab for blanks", false, [](auto& l, auto n) { return replace_word(l, "  priority:", "\tpriority:", n); }},
};

class MutationTest : public testing::Test {
  protected:
    struct Outcome {
        std::size_t errors = 0, pointing = 0;
        std::string text;
    };

    // Loads text; line is the broken one, from 1.
    Outcome load(const std::string& text, std::size_t line, const lang::FieldCatalog& fields) const {
        LoadOptions options;
        options.fields = &fields;
        RuleLoader loader(options);
        loader.add_text("rules.yaml", text);
        const LoadedRules loaded = loader.finish();
        Outcome out;
        for (const Diagnostic& d : loaded.diagnostics) {
            if (d.severity != Severity::error) continue;
            ++out.errors;
            out.pointing += d.place.line == line ? 1 : 0;
            out.text += to_text(d) + '\n';
        }
        return out;
    }
};

TEST_F(MutationTest, ErrorsPointAtTheBrokenLine) {
    const std::string dir = test_data_dir();
    if (dir.empty()) GTEST_SKIP() << "no test data";
    std::mt19937 random(20240607); // the same files every time
    std::size_t broken = 0;
    std::size_t pointing = 0;
    std::map<std::string, std::pair<std::size_t, std::size_t>> by_kind;
    std::string missed;
    const std::vector<std::string> names = {dir + "/rules/falco_rules.yaml",
                                            dir + "/rules/falco-incubating_rules.yaml"};
    std::vector<std::string> texts;
    std::vector<UsedFields> fields;
    for (const std::string& name : names) texts.push_back(read_all(name));
    for (const std::string& text : texts) fields.emplace_back(text);
    for (std::size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(load(texts[i], 0, fields[i]).errors, 0U);
    for (std::size_t round = 0; broken < kFiles; ++round) {
        ASSERT_LT(round, 100 * kFiles) << "the mutations find nothing to break";
        const std::string& original = texts[round % texts.size()];
        const Mutation& mutation = kMutations[(round / texts.size()) % kMutations.size()];
        std::vector<std::string> lines = split_lines(original);
        const std::vector<bool> in_condition = condition_lines(lines);
        std::optional<std::size_t> changed;
        const std::size_t start = random() % lines.size();
        for (std::size_t i = 0; i < lines.size() && !changed; ++i) {
            const std::size_t at = (start + i) % lines.size();
            if (lines[at].find_first_not_of(' ') == std::string::npos ||
                lines[at][lines[at].find_first_not_of(' ')] == '#')
                continue;
            if (mutation.in_condition && !in_condition[at]) continue;
            if (mutation.apply(lines[at], random())) changed = at;
        }
        if (!changed) continue;
        const Outcome outcome = load(join_lines(lines), *changed + 1, fields[round % texts.size()]);
        if (outcome.errors == 0) continue; // still a good file, such as a comma inside a string
        ++broken;
        const bool right = outcome.pointing == outcome.errors;
        pointing += right ? 1 : 0;
        auto& [all, good] = by_kind[mutation.name];
        ++all;
        good += right ? 1 : 0;
        if (!right)
            missed += mutation.name + " in line " + std::to_string(*changed + 1) + ": " + lines[*changed] + '\n' +
                      outcome.text + '\n';
    }
    std::cout << pointing << " of " << broken << " broken files: every error points at the broken line\n";
    for (const auto& [name, count] : by_kind)
        if (count.second != count.first)
            std::cout << "  " << name << ": " << count.second << " of " << count.first << '\n';
    EXPECT_GT(pointing * 100, broken * 95) << missed;
}

} // namespace
} // namespace gyr::rules
