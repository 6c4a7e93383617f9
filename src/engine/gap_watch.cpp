#include "engine/gap_watch.h"

#include <algorithm>

namespace gyr {

bool GapWatch::update(const std::vector<Loss>& losses, Nanos now, const std::vector<std::string>& blind_rules,
                      const std::function<void(GapRecord)>& emit) {
    bool open = false;
    for (const Loss& loss : losses) {
        if (loss.total == 0) continue;
        What what{std::string(loss.stage), std::string(loss.event_class), std::string(), std::string()};
        if (loss.by_container) {
            std::get<2>(what) = loss.container;
            std::get<3>(what) = loss.reason;
        }
        Episode& episode = episodes_[what];
        if (loss.total > episode.total) {
            if (!episode.open) {
                // The counter's own first time is that of the very first loss; a later episode begins after the last.
                episode.from = episode.reported == 0 ? loss.first : std::max(episode.to, loss.first);
                episode.container = loss.container;
                episode.rules = loss.rules != nullptr ? *loss.rules : blind_rules;
                episode.open = true;
            } else if (episode.container != loss.container) {
                episode.container.clear();
            }
            episode.total = loss.total;
            episode.to = loss.last;
            episode.reason = loss.reason;
        }
        if (episode.open && now - episode.to >= quiet_) finish(what, episode, emit);
        open = open || episode.open;
    }
    return open;
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
    gap.count = episode.total - episode.reported;
    gap.stage = std::get<0>(what);
    gap.event_class = std::get<1>(what);
    gap.container = episode.container;
    gap.reason = episode.reason;
    for (std::string& rule : episode.rules) gap.rules.emplace_back(std::move(rule), 0);
    gap.hostname = hostname_;
    episode.reported = episode.total;
    episode.rules.clear();
    episode.open = false;
    emit(std::move(gap));
}

} // namespace gyr
