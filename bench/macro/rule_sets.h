#pragma once
// The sets of rules that the agent is measured with, as the text of one rule file each.

#include "bench/macro/agent.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gyr::bench {

struct RuleSet {
    std::string name, rules;
};

// Where Falco's rule files are: in $GYR_TEST_DATA, or ../shared/data.
inline std::filesystem::path official_rules() {
    const char* data = std::getenv("GYR_TEST_DATA");
    return std::filesystem::path(data != nullptr ? data : "../shared/data") / "rules";
}

inline std::string text_of(const std::filesystem::path& path) {
    const std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str() + "\n";
}

// The official ones only where they are.
inline std::vector<RuleSet> rule_sets() {
    std::vector<RuleSet> out{{"process rules", std::string(kQuietRule)}, {"default rules", ""}};
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator("rules-default")) files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files)
        if (file.extension() == ".yaml") out.back().rules += text_of(file);
    const auto stable = official_rules() / "falco_rules.yaml";
    if (!std::filesystem::exists(stable)) return out;
    out.push_back({"official stable", text_of(stable)});
    out.push_back({"stable, incubating", out.back().rules + text_of(official_rules() / "falco-incubating_rules.yaml")});
    return out;
}

} // namespace gyr::bench
