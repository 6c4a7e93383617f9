#include "rules/loader.h"

#include <gtest/gtest.h>

namespace gyr::rules {
namespace {

LoadedRules load(std::string text) {
    RuleLoader loader;
    loader.add_text("t.yaml", std::move(text));
    return loader.finish();
}

TEST(Loader, OneRuleFileWorksByItself) {
    const auto loaded = load(R"(
- rule: Terminal Access
  desc: An interactive shell was spawned in a container.
  condition: >
    container and proc.name in ("bash", "sh") and
    proc.tty != 0
  output: >
    An interactive shell was spawned in container %container.name.
  priority: WARNING
  tags: [container, interactive, shell]
)");
    ASSERT_EQ(loaded.rules.size(), 1U);
    for (const auto& d : loaded.diagnostics) ADD_FAILURE() << to_text(d);
    const Rule& rule = loaded.rules.front();
    EXPECT_EQ(to_string(*rule.condition), "(container.id != host and proc.name in (bash, sh) and proc.tty != 0)");
    EXPECT_EQ(rule.output, "An interactive shell was spawned in container %container.name.");
    EXPECT_EQ(rule.priority, Priority::warning);
}

} // namespace
} // namespace gyr::rules
