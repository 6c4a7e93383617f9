#include "engine/gap_watch.h"

#include <algorithm>
#include <utility>

namespace gyr {

bool GapWatch::update(const std::vector<Loss>& losses, Nanos now, const std::vector<std::string>& blind_rules,
                      const std::function<void(GapRecord)>& emit) {
    for (const Loss& loss : losses) add(loss, blind_rules);
    bool open = false;
    for (auto& [what, episode] : episodes_) {
        if (episode.open && now - episode.to >= quiet_) finish(what, episode, emit);
        open = open || episode.open;
    }
    return open;
}

// What a counter has grown by since it was last seen.
void GapWatch::add(const Loss& loss, const std::vector<std::string>& blind_rules) {
    What what{std::string(loss.stage), std::string(loss.event_class), std::string(), std::string()};
    Which which{std::string(loss.stage), std::string(loss.event_class), std::string(), loss.counter};
    if (loss.by_container) {
        std::get<2>(what) = loss.container;
        std::get<3>(what) = std::get<2>(which) = loss.reason;
    }
    Counter& counter = counters_[which];
    if (loss.total <= counter.total) return;
    Episode& episode = episodes_[what];
    // The counter's own first time is that of the very first loss; a later one came after the last.
    const Nanos from = counter.total == 0 ? loss.first : std::max(counter.last, loss.first);
    if (!episode.open) {
        episode.from = from;
        episode.to = loss.last;
        episode.container = loss.container;
        episode.rules = loss.rules != nullptr ? *loss.rules : blind_rules;
        episode.open = true;
    } else if (episode.container != loss.container) {
        episode.container.clear();
    }
    episode.from = std::min(episode.from, from);
    episode.to = std::max(episode.to, loss.last);
    episode.count += loss.total - counter.total;
    episode.reason = loss.reason;
    counter = {loss.total, loss.last};
}

void GapWatch::close(const std::function<void(GapRecord)>& emit) {
    for (auto& [what, episode] : episodes_) {
        if (episode.open) finish(what, episode, emit);
    }
}

void GapWatch::finish(const What& what, Episode& episode, const std::function<void(GapRecord)>& emit) const {
    GapRecord gap;
    gap.from = episode.from;
    gap.to = episode.to;
    gap.count = std::exchange(episode.count, 0);
    gap.stage = std::get<0>(what);
    gap.event_class = std::get<1>(what);
    gap.container = episode.container;
    gap.reason = episode.reason;
    for (std::string& rule : episode.rules) gap.rules.emplace_back(std::move(rule), 0);
    gap.hostname = hostname_;
    episode.rules.clear();
    episode.open = false;
    emit(std::move(gap));
}

} // namespace gyr
