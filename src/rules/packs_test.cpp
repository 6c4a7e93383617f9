// Rule files people published, the official ones, and regression cases, with the verdicts they are known to get. Read
// in place, never copied. Fields and events are taken on trust here, but for those that the cases need to be unknown:
// the real registry is above this module.
#include "base/test_data.h"
#include "rules/loader.h"
#include "rules/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gyr::rules {
namespace {

class TrustedFields : public lang::FieldCatalog {
  public:
    TrustedFields() { info_.arg = lang::ArgKind::optional; }
    lang::FieldMatch find(std::string_view name) const override {
        // No registry has these: of the regression cases, of one pack, and the name of a file in an official list.
        if (name == "proc.nobody" || name == "fd.direction" || name == "user.log") return {};
        const std::string_view family = name.substr(0, name.find('.'));
        return families_.contains(family) ? lang::FieldMatch{&info_, {}} : lang::FieldMatch{};
    }
    std::vector<std::string_view> names() const override { return {}; }

  private:
    const std::set<std::string, std::less<>> families_ = {"evt", "proc", "thread",  "user", "group", "container", "k8s",
                                                          "fd",  "fs",   "syscall", "ka",   "jevt",  "json"};
    lang::FieldInfo info_;
};

class TrustedEvents : public EventNames {
  public:
    TrustedEvents() {
        for (std::uint16_t code = 0; code < 400; ++code) all_.push_back(code);
    }
    const std::vector<std::uint16_t>& all_codes() const override { return all_; }
    std::vector<std::uint16_t> codes(std::string_view name) const override {
        if (name.find("invalid") != std::string_view::npos) return {};
        return {static_cast<std::uint16_t>(std::hash<std::string_view>{}(name) % all_.size())};
    }
    std::vector<std::string_view> names() const override { return {}; }

  private:
    std::vector<std::uint16_t> all_;
};

const TrustedFields fields;
const TrustedEvents events;

LoadedRules load(const std::vector<std::string>& paths) {
    LoadOptions options;
    options.fields = &fields;
    options.events = &events;
    return load_rules(paths, options);
}

// Codes of what is wrong; warnings with "W:" in front.
std::set<std::string> codes_of(const LoadedRules& loaded) {
    std::set<std::string> out;
    for (const Diagnostic& d : loaded.diagnostics) out.insert((d.severity == Severity::warning ? "W:" : "") + d.code);
    return out;
}

bool refused(const std::set<std::string>& codes) {
    return std::ranges::any_of(codes, [](const std::string& code) { return !code.starts_with("W:"); });
}

TEST(Packs, OfficialRulesLoadWithoutAWord) {
    const std::string dir = test_data_dir();
    if (dir.empty()) GTEST_SKIP() << "no test data";
    const auto loaded = load({dir + "/rules/falco_rules.yaml", dir + "/rules/falco-incubating_rules.yaml"});
    for (const Diagnostic& d : loaded.diagnostics) ADD_FAILURE() << to_text(d);
    EXPECT_GT(loaded.rules.size(), 50U);
    for (const Rule& rule : loaded.rules) EXPECT_NE(rule.condition, nullptr) << rule.name;
}

TEST(Packs, GetTheirVerdictAfterTheStableFile) {
    const std::string dir = test_data_dir();
    if (dir.empty()) GTEST_SKIP() << "no test data";
    std::ifstream file(dir + "/rulepacks/index.json");
    const auto index = nlohmann::json::parse(file);
    for (const auto& entry : index) {
        const std::string path = dir + "/rulepacks/" + entry.at("file").get<std::string>();
        // What is said of the stable file then (a list that the pack makes unused) comes of the pack, too.
        const auto codes = codes_of(load({dir + "/rules/falco_rules.yaml", path}));
        SCOPED_TRACE(path + " " + nlohmann::json(codes).dump() + " expected " + entry.at("codes_after_stable").dump());
        EXPECT_EQ(refused(codes), entry.at("after_stable") == "reject");
        // More codes than expected are fine for a refused file: the others stop at the first error, this does not.
        for (const auto& code : entry.at("codes_after_stable")) EXPECT_TRUE(codes.contains(code)) << code;
        if (entry.at("after_stable") == "accept") {
            EXPECT_EQ(codes.size(), entry.at("codes_after_stable").size());
        }
    }
}

bool is_about(const Diagnostic& d, const std::string& type, const std::string& name) {
    return std::ranges::any_of(d.context, [&](const DiagnosticItem& item) {
        return item.type == type && (name.empty() || item.name == name);
    });
}

TEST(Suites, ValidationCasesGetTheirErrors) {
    const std::string dir = test_data_dir();
    if (dir.empty()) GTEST_SKIP() << "no test data";
    std::ifstream file(dir + "/suites/index.jsonl");
    std::size_t cases = 0;
    for (std::string line; std::getline(file, line);) {
        const auto entry = nlohmann::json::parse(line);
        if (entry.at("kind") != "validate") continue;
        ++cases;
        std::vector<std::string> paths;
        for (const auto& path : entry.at("validate")) paths.push_back(dir + "/suites/" + path.get<std::string>());
        const auto loaded = load(paths);
        const auto& expect = entry.at("expect");
        SCOPED_TRACE(entry.at("test").get<std::string>() + "\n" +
                     check_text(by_file(loaded.files, loaded.diagnostics)));
        EXPECT_EQ(!loaded.ok(), expect.at("err").get<bool>());
        for (const auto& wanted : expect.value("validation", nlohmann::json::array())) {
            const Severity severity = wanted.at("kind") == "errors" ? Severity::error : Severity::warning;
            // The message is another program's; code, item and name are the contract. Its count of one error is not
            // kept where a file has several: every problem is reported.
            const bool found = std::ranges::any_of(loaded.diagnostics, [&](const Diagnostic& d) {
                return d.severity == severity && d.code == wanted.at("code").get<std::string>() &&
                       is_about(d, wanted.at("itemtype"), wanted.value("itemname", ""));
            });
            EXPECT_TRUE(found) << wanted;
        }
        for (const auto& other : expect.value("other", nlohmann::json::array())) {
            const std::string text = other; // NotNil(t, warnings.OfItemName("x"))
            const std::size_t at = text.find("warnings.OfItemName(\"");
            if (at == std::string::npos) continue;
            const std::string name = text.substr(at + 21, text.find('"', at + 21) - at - 21);
            EXPECT_TRUE(std::ranges::any_of(loaded.diagnostics, [&](const Diagnostic& d) {
                return d.severity == Severity::warning && is_about(d, "rule", name);
            })) << name;
        }
    }
    EXPECT_GT(cases, 0U);
}

// Rule files of the detection cases load; those for other sources are skipped with a warning, not refused.
TEST(Suites, RuleFilesOfDetectionCasesLoad) {
    const std::string dir = test_data_dir();
    if (dir.empty()) GTEST_SKIP() << "no test data";
    std::ifstream file(dir + "/suites/index.jsonl");
    for (std::string line; std::getline(file, line);) {
        const auto entry = nlohmann::json::parse(line);
        if (entry.at("kind") == "validate" || entry.at("expect").value("err", false)) continue;
        std::vector<std::string> paths;
        for (const auto& path : entry.at("rules")) paths.push_back(dir + "/suites/" + path.get<std::string>());
        if (paths.empty()) continue;
        LoadOptions options;
        options.fields = &fields;
        options.events = &events;
        options.sources = {"syscall", "k8s_audit"};
        const auto loaded = load_rules(paths, options);
        EXPECT_TRUE(loaded.ok()) << entry.at("test") << "\n"
                                 << check_text(by_file(loaded.files, loaded.diagnostics), false);
    }
}

} // namespace
} // namespace gyr::rules
