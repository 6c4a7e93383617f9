#include "capfile/conversion.h"

#include "capfile/enter_store.h"
#include "event/schema.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace gyr::capfile {
namespace {

constexpr int kMaxRounds = 50;
constexpr EventCode kContainer = 228, kContainerJson = 272, kContainerJson2 = 324, kUserAdded = 354, kUserDeleted = 356,
                    kGroupAdded = 358, kGroupDeleted = 360;

enum class Action : std::uint8_t { keep, keep_and_deliver, deliver, append, become };
enum class From : std::uint8_t { own, enter, enter_or_empty, empty, zero, container_json };

struct Step {
    From from;
    std::uint8_t index = 0;
};

struct Rule {
    EventCode code;
    std::uint8_t params;
    Action action;
    EventCode becomes;
    std::span<const Step> steps;
};

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

constexpr Rule kRules[] = {
#define GYR_UPGRADE(code, count, action, becomes, ...) {code, count, Action::action, becomes, kSteps##code##_##count},
#include "capfile/conversion_table.inc"
#undef GYR_UPGRADE
};

constexpr bool rules_are_sound() {
    for (std::size_t i = 0; i < std::size(kRules); ++i) {
        const Rule& rule = kRules[i];
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

const Rule* find_rule(EventCode code, std::size_t params) {
    for (std::size_t i = kFirst[code]; i < kFirst[code + 1u]; ++i)
        if (kRules[i].params == params) return &kRules[i];
    return nullptr;
}

std::size_t size_of(ParamType type) {
    using enum ParamType;
    switch (type) {
    case int8:
    case uint8:
    case sigtype:
    case l4proto:
    case sockfamily:
    case flags8:
    case enumflags8: return 1;
    case int16:
    case uint16:
    case syscallid:
    case port:
    case flags16:
    case enumflags16: return 2;
    case int32:
    case uint32:
    case boolean:
    case ipv4addr:
    case flags32:
    case uid:
    case gid:
    case sigset:
    case mode:
    case enumflags32:
    case fd32:
    case pid32: return 4;
    case int64:
    case uint64:
    case errno_code:
    case fd:
    case pid:
    case reltime:
    case abstime:
    case floating: return 8;
    case ipv6addr: return 16;
    default: return 0; // of no fixed size: empty
    }
}

std::string_view zero_of(EventCode code, std::size_t param) {
    static constexpr std::array<char, 16> kZeros{};
    static constexpr std::array<char, 4> kOnes{'\xff', '\xff', '\xff', '\xff'};
    const EventInfo& info = event_schema()[code];
    if (param >= info.params.size()) return {};
    const ParamType type = info.params[param].type;
    if (type == ParamType::uid || type == ParamType::gid) return {kOnes.data(), kOnes.size()};
    return {kZeros.data(), size_of(type)};
}

void append_json_text(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escaped[8];
            out.append(escaped, static_cast<std::size_t>(std::snprintf(escaped, sizeof escaped, "\\u%04x", c)));
        } else {
            out += c;
        }
    }
}

} // namespace

const std::array<std::uint8_t, kEventCodes> Converter::kExpected = [] {
    std::array<std::uint8_t, kEventCodes> expected{};
    for (const EventInfo& e : event_schema()) {
        const bool old = (e.flags & kOldVersion) != 0;
        const bool managed = (e.flags & kConverterManaged) != 0;
        std::uint8_t& value = expected[e.code];
        value = kNeverCurrent;
        if ((e.flags & kUnused) != 0 || old) continue;
        if (!managed)
            value = kAnyCount;
        else if (e.direction == EventDirection::exit)
            value = static_cast<std::uint8_t>(e.params.size());
    }
    return expected;
}();

class Converter::Upgrader {
  public:
    Outcome upgrade(RawEvent& event);
    void clear() { store_.clear(); }
    ConversionStats stats;

  private:
    // Carries out a rule that appends or replaces parameters.
    void apply(const Rule& rule, RawEvent& event);
    [[nodiscard]] std::string_view from_enter(const Rule& rule, const Step& step, const RawEvent& event,
                                              std::string_view otherwise);
    [[nodiscard]] std::string_view container_json(std::span<const std::string_view> params);
    void keep(const RawEvent& event);

    EnterStore store_;
    std::array<std::string_view, kMaxParams> params_[2]{}; // from one to the other, round by round
    std::string json_;
    bool used_enter_ = false, missed_enter_ = false; // by the event at hand
};

std::string_view Converter::Upgrader::container_json(std::span<const std::string_view> params) {
    if (params.size() < 4) return {};
    json_ = R"({"container":{"id":")";
    append_json_text(json_, text_of_param(params[0]));
    json_ += R"(","type":)";
    json_ += std::to_string(load_param<std::uint32_t>(params[1]));
    json_ += R"(,"name":")";
    append_json_text(json_, text_of_param(params[2]));
    json_ += R"(","image":")";
    append_json_text(json_, text_of_param(params[3]));
    json_ += R"("}})";
    return {json_.c_str(), json_.size() + 1}; // a text parameter has its NUL
}

std::string_view Converter::Upgrader::from_enter(const Rule& rule, const Step& step, const RawEvent& event,
                                                 std::string_view otherwise) {
    const EnterStore::Slot* kept = store_.find(event.tid);
    if (kept == nullptr || kept->code() + 1 != rule.code || step.index >= kept->size()) {
        missed_enter_ = true;
        return otherwise;
    }
    used_enter_ = true;
    return kept->param(step.index);
}

void Converter::Upgrader::apply(const Rule& rule, RawEvent& event) {
    auto& to = params_[event.params.data() == params_[0].data() ? 1 : 0];
    std::size_t count = 0;
    if (rule.action == Action::append) {
        std::ranges::copy(event.params, to.begin());
        count = event.params.size();
    } else {
        event.code = rule.becomes;
    }
    for (const Step& step : rule.steps) {
        std::string_view& out = to[count];
        switch (step.from) {
        case From::own: out = event.params[step.index]; break;
        case From::enter: out = from_enter(rule, step, event, zero_of(event.code, count)); break;
        case From::enter_or_empty: out = from_enter(rule, step, event, {}); break;
        case From::empty: out = {}; break;
        case From::zero: out = zero_of(event.code, count); break;
        case From::container_json: out = container_json(event.params); break;
        }
        ++count;
    }
    event.params = {to.data(), count};
}

void Converter::Upgrader::keep(const RawEvent& event) {
    store_.keep(event.tid, event.code, event.params);
    stats.evicted = store_.evictions();
    ++stats.kept;
}

Converter::Outcome Converter::Upgrader::upgrade(RawEvent& event) {
    bool changed = false;
    used_enter_ = missed_enter_ = false;
    for (int round = 0; round < kMaxRounds; ++round) {
        const std::uint8_t expected = kExpected[event.code];
        if (expected == kAnyCount || expected == event.params.size()) break;
        const EventInfo& info = event_schema()[event.code];
        if ((info.flags & kUnused) != 0) {
            ++stats.dropped_unused;
            return Outcome::drop;
        }
        const bool begins = info.direction == EventDirection::enter;
        if ((info.flags & kConverterManaged) == 0) { // old: an enter event nobody needs, or one without a successor
            ++(begins ? stats.dropped_old : stats.no_rule);
            return Outcome::drop;
        }
        const Rule* rule = find_rule(event.code, event.params.size());
        if (rule == nullptr) {
            ++stats.no_rule;
            if (begins || (info.flags & kOldVersion) != 0) return Outcome::drop;
            break; // current but for missing parameters: better than nothing
        }
        if (rule->action == Action::keep || rule->action == Action::keep_and_deliver) keep(event);
        if (rule->action == Action::keep) return Outcome::drop;
        if (rule->action == Action::keep_and_deliver || rule->action == Action::deliver) break;
        apply(*rule, event);
        changed = true;
    }
    if (used_enter_) store_.release(event.tid);
    if (missed_enter_) ++stats.no_enter;
    if (changed) ++stats.upgraded;
    return Outcome::deliver;
}

Converter::Converter() : upgrader_(std::make_unique<Upgrader>()) {}
Converter::~Converter() = default;
Converter::Converter(Converter&&) noexcept = default;
Converter& Converter::operator=(Converter&&) noexcept = default;

Converter::Outcome Converter::upgrade(RawEvent& event) { return upgrader_->upgrade(event); }
void Converter::reset() { upgrader_->clear(); }
const ConversionStats& Converter::stats() const { return upgrader_->stats; }

bool reaches_rules(EventCode code) {
    const EventInfo* info = find_event(code);
    if (info == nullptr) return false;
    return info->kind != EventKind::syscall || info->direction == EventDirection::exit;
}

bool is_inventory(EventCode code) {
    switch (code) {
    case kContainer:
    case kContainerJson:
    case kContainerJson2:
    case kUserAdded:
    case kUserDeleted:
    case kGroupAdded:
    case kGroupDeleted: return true;
    default: return false;
    }
}

} // namespace gyr::capfile
