#include "capfile/upgrade_rules.h"

#include "capfile/conversion.h"
#include "event/schema.h"

#include <array>
#include <iterator>

namespace gyr::capfile {
namespace {

constexpr Step O(std::uint8_t i) { return {From::own, i}; }
constexpr Step E(std::uint8_t i) { return {From::enter, i}; }
constexpr Step X(std::uint8_t i) { return {From::enter_or_empty, i}; }
constexpr Step N{From::empty}, Z{From::zero}, J{From::container_json};

template <class... Steps>
constexpr std::array<Step, sizeof...(Steps)> steps_of(Steps... steps) {
    return {steps...};
}

#define GYR_UPGRADE(code, count, action, becomes, ...) constexpr auto kSteps##code##_##count = steps_of(__VA_ARGS__);
#include "capfile/conversion_table.inc"
#undef GYR_UPGRADE

constexpr UpgradeRule kRules[] = {
#define GYR_UPGRADE(code, count, action, becomes, ...) {code, count, Action::action, becomes, kSteps##code##_##count},
#include "capfile/conversion_table.inc"
#undef GYR_UPGRADE
};

constexpr bool rules_are_sound() {
    for (std::size_t i = 0; i < std::size(kRules); ++i) {
        const UpgradeRule& rule = kRules[i];
        if (i > 0 && kRules[i - 1].code * 256 + kRules[i - 1].params >= rule.code * 256 + rule.params) return false;
        for (const Step step : rule.steps)
            if (step.from == From::own && step.index >= rule.params) return false;
        const std::size_t result = rule.steps.size() + (rule.action == Action::append ? rule.params : 0);
        if (result > kMaxParams) return false;
    }
    return true;
}
static_assert(rules_are_sound(), "conversion_table.inc: sorted by code and parameters, no parameter that is not there");

// Rules of a code: [kFirst[code], kFirst[code + 1]).
constexpr auto kFirst = [] {
    std::array<std::uint16_t, kEventCodes + 1> first{};
    std::size_t at = 0;
    for (std::size_t code = 0; code <= kEventCodes; ++code) {
        while (at < std::size(kRules) && kRules[at].code < code) ++at;
        first[code] = static_cast<std::uint16_t>(at);
    }
    return first;
}();

} // namespace

std::span<const UpgradeRule> upgrade_rules() { return kRules; }

std::span<const UpgradeRule> upgrade_rules_of(EventCode code) {
    return std::span(kRules).subspan(kFirst[code], kFirst[code + 1u] - kFirst[code]);
}

const UpgradeRule* find_upgrade(EventCode code, std::size_t params) {
    for (const UpgradeRule& rule : upgrade_rules_of(code))
        if (rule.params == params) return &rule;
    return nullptr;
}

std::string_view zero_of(EventCode code, std::size_t param) {
    static constexpr std::array<char, 16> kZeros{};
    static constexpr std::array<char, 4> kOnes{'\xff', '\xff', '\xff', '\xff'};
    const EventInfo& info = event_schema()[code];
    if (param >= info.params.size()) return {};
    const ParamType type = info.params[param].type;
    if (type == ParamType::uid || type == ParamType::gid) return {kOnes.data(), kOnes.size()};
    return {kZeros.data(), width_of(type)};
}

} // namespace gyr::capfile
