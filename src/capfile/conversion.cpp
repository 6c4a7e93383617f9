#include "capfile/conversion.h"

#include "capfile/enter_store.h"
#include "capfile/upgrade_rules.h"
#include "event/schema.h"

#include <algorithm>
#include <bitset>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace gyr::capfile {
namespace {

constexpr int kMaxRounds = 50;
constexpr EventCode kContainer = 228, kContainerJson = 272, kContainerJson2 = 324, kUserAdded = 354, kUserDeleted = 356,
                    kGroupAdded = 358, kGroupDeleted = 360;

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

const std::array<Converter::Form, kEventCodes> Converter::kForms = [] {
    std::array<Form, kEventCodes> forms{};
    for (const EventInfo& e : event_schema()) {
        const bool old = (e.flags & kOldVersion) != 0;
        const bool managed = (e.flags & kConverterManaged) != 0;
        Form& form = forms[e.code];
        if ((e.flags & kUnused) != 0) continue;
        if (managed && e.direction == EventDirection::enter) {
            for (const UpgradeRule& rule : upgrade_rules_of(e.code))
                if (rule.action == Action::keep) form.kept = rule.params;
        } else if (!old) {
            form.current = managed ? static_cast<std::uint8_t>(e.params.size()) : kAnyCount;
        }
    }
    return forms;
}();

class Converter::Upgrader {
  public:
    Outcome upgrade(RawEvent& event);
    void keep(const RawEvent& event);
    void clear() { store_.clear(); }
    ConversionStats stats;

  private:
    // Carries out a rule that appends or replaces parameters.
    void apply(const UpgradeRule& rule, RawEvent& event);
    [[nodiscard]] std::string_view from_enter(const UpgradeRule& rule, const Step& step, const RawEvent& event,
                                              std::string_view otherwise);
    [[nodiscard]] std::string_view container_json(std::span<const std::string_view> params);

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

std::string_view Converter::Upgrader::from_enter(const UpgradeRule& rule, const Step& step, const RawEvent& event,
                                                 std::string_view otherwise) {
    const EnterStore::Slot* kept = store_.find(event.tid);
    if (kept == nullptr || kept->code() + 1 != rule.code || step.index >= kept->size()) {
        missed_enter_ = true;
        return otherwise;
    }
    used_enter_ = true;
    return kept->param(step.index);
}

void Converter::Upgrader::apply(const UpgradeRule& rule, RawEvent& event) {
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
        const std::uint8_t current = kForms[event.code].current;
        if (current == kAnyCount || current == event.params.size()) break;
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
        const UpgradeRule* rule = find_upgrade(event.code, event.params.size());
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
Converter::Outcome Converter::keep(const RawEvent& event) {
    upgrader_->keep(event);
    return Outcome::drop;
}
void Converter::reset() { upgrader_->clear(); }
const ConversionStats& Converter::stats() const { return upgrader_->stats; }

bool reaches_rules(EventCode code) {
    static const auto kReach = [] {
        std::bitset<kEventCodes> reach;
        for (const EventInfo& e : event_schema())
            reach[e.code] =
                e.kind != EventKind::unused && (e.kind != EventKind::syscall || e.direction == EventDirection::exit);
        return reach;
    }();
    return code < kReach.size() && kReach[code];
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
