#include "playback/playback.h"

#include "alerts/builder.h"

#include <algorithm>
#include <utility>

namespace gyr::playback {

Playback::Playback(PlaybackOptions options, std::shared_ptr<const Matcher> matcher, Emit emit, OnMatch on_match)
    : options_(std::move(options)), matcher_(std::move(matcher)), scratch_(matcher_->make_scratch()),
      emit_(std::move(emit)), on_match_(std::move(on_match)), process_rules_(matcher_->has_process_rules()) {
    for (std::size_t code = 0; code < wanted_.size(); ++code)
        wanted_[code] = matcher_->wants(static_cast<EventCode>(code));
}

WalkEnd Playback::play(capfile::Reader& reader) {
    replay::ReplayState state(options_.state);
    fired_.clear();
    scratch_ = matcher_->make_scratch(); // image generations begin anew
    const auto visit = [&](const Event& event, const EvalWorld& world) {
        judge(event, world);
        return true;
    };
    WalkEnd end =
        walk(reader, state, visit, {options_.until, options_.span, options_.stop}, process_rules_ ? nullptr : &wanted_);
    stats_.events += end.events;
    stats_.last_time = end.last_time;
    stats_.state = state.stats();
    return end;
}

bool Playback::play(AuditEventPtr audit) {
    Event event = event_of_audit(std::move(audit), ++audit_events_);
    event.previous_time = stats_.last_time;
    if (event.number > options_.until) return false;
    if (first_audit_time_ == 0) first_audit_time_ = event.time;
    EvalWorld world;
    world.first_event_time = first_audit_time_;
    judge(event, world);
    ++stats_.events;
    stats_.last_time = event.time;
    return true;
}

void Playback::judge(const Event& event, const EvalWorld& world) {
    verdicts_.clear();
    matcher_->evaluate(event, world, *scratch_, verdicts_);
    if (process_rules_ && event.process && fired_.is_due(*event.process))
        matcher_->evaluate_process(event, world, *scratch_, fired_.bits(*event.process), verdicts_);
    // Nothing more will come: what is not known now is missing.
    for (const std::uint32_t rule : verdicts_.undecided) {
        if (matcher_->evaluate_rule(rule, event, world, *scratch_, true) == Decision::yes)
            verdicts_.matched.push_back(rule);
    }
    if (verdicts_.matched.empty()) return;
    std::ranges::sort(verdicts_.matched);
    if (options_.first_match_only) verdicts_.matched.resize(1);
    for (const std::uint32_t rule : verdicts_.matched) report(rule, event, world);
}

void Playback::report(std::uint32_t rule, const Event& event, const EvalWorld& world) {
    if (on_match_) on_match_(rule, event, world);
    Alert alert = build_alert(*matcher_, rule, event, world, *scratch_).alert;
    alert.uuid = make_content_uuid(alert.time, alert.event_number, alert.rule);
    ++stats_.alerts;
    emit_(std::move(alert));
}

} // namespace gyr::playback
