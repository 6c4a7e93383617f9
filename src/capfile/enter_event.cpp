#include "capfile/enter_event.h"

#include "capfile/conversion.h"
#include "capfile/upgrade_rules.h"
#include "event/schema.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace gyr::capfile {
namespace {

// Of an exit event: where each parameter of its enter event is found among its own.
struct Origin {
    static constexpr std::int8_t kNowhere = -1;
    bool wanted = false;
    std::array<std::int8_t, kMaxParams> from{};
};

// Whether readers keep this enter event, in the form the schema has, for its exit event.
bool is_kept(const EventInfo& enter) {
    const UpgradeRule* rule = find_upgrade(enter.code, enter.params.size());
    return rule != nullptr && (rule->action == Action::keep || rule->action == Action::keep_and_deliver);
}

Origin origin_of(const EventInfo& exit, const EventInfo& enter) {
    Origin origin;
    origin.from.fill(Origin::kNowhere);
    origin.wanted = true;
    for (std::size_t i = 0; i < enter.params.size(); ++i) { // the generic event: its system call is in both
        const auto same = std::ranges::find(exit.params, enter.params[i].name, &ParamInfo::name);
        if (same != exit.params.end() && same->type == enter.params[i].type)
            origin.from[i] = static_cast<std::int8_t>(same - exit.params.begin());
    }
    for (const UpgradeRule& rule : upgrade_rules_of(exit.code)) {
        if (rule.action != Action::append) continue;
        for (std::size_t i = 0; i < rule.steps.size(); ++i) {
            const Step step = rule.steps[i];
            if ((step.from == From::enter || step.from == From::enter_or_empty) && step.index < enter.params.size())
                origin.from[step.index] = static_cast<std::int8_t>(rule.params + i);
        }
    }
    return origin;
}

const std::array<Origin, kEventCodes>& origins() {
    static const auto table = [] {
        std::array<Origin, kEventCodes> all{};
        for (const EventInfo& exit : event_schema()) {
            if (exit.code == 0 || exit.direction != EventDirection::exit || exit.kind != EventKind::syscall) continue;
            const EventInfo& enter = event_schema()[exit.code - 1u];
            if ((exit.flags & kOldVersion) == 0 && is_kept(enter)) all[exit.code] = origin_of(exit, enter);
        }
        return all;
    }();
    return table;
}

} // namespace

bool make_enter_event(const RawEvent& exit, std::array<std::string_view, kMaxParams>& params, RawEvent& out) {
    if (exit.code >= kEventCodes || !origins()[exit.code].wanted) return false;
    const Origin& origin = origins()[exit.code];
    out.code = static_cast<EventCode>(exit.code - 1);
    out.cpu = exit.cpu;
    out.time = exit.time;
    out.tid = exit.tid;
    out.dump_flags = exit.dump_flags;
    const std::size_t count = event_schema()[out.code].params.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::int8_t from = origin.from[i];
        const bool there = from >= 0 && static_cast<std::size_t>(from) < exit.params.size();
        params[i] = there ? exit.params[static_cast<std::size_t>(from)] : zero_of(out.code, i);
    }
    out.params = {params.data(), count};
    return true;
}

} // namespace gyr::capfile
