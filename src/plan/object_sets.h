#pragma once
// Sets of names and of ends of connections that the kernel can look things up in, made of what conditions compare
// fd.name, fd.sip and their like with. Each predicate has one set, whichever event types it is asked of.

#include "event/event_plan.h"
#include "match/graph.h"
#include "match/predicate.h"
#include "plan/clauses.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::plan {

class ObjectSets {
  public:
    // The set of files that the predicate can hold for; none: the kernel cannot ask it.
    [[nodiscard]] Sets of_files(match::NodeId id, std::string_view field, const match::Predicate& p);
    // The same for an end of a connection: fd.sport, fd.snet …
    [[nodiscard]] Sets of_ends(match::NodeId id, std::string_view field, const match::Predicate& p);

    // By set, what is in it, and how much of all events that may be.
    [[nodiscard]] const std::vector<std::vector<PathName>>& files() const { return files_; }
    [[nodiscard]] const std::vector<std::vector<ConnectionEnd>>& ends() const { return ends_; }
    [[nodiscard]] const SetRates& rates() const { return rates_; }

  private:
    bool choose_letters(std::vector<PathName>& names);

    std::vector<std::vector<PathName>> files_;
    std::vector<std::vector<ConnectionEnd>> ends_;
    SetRates rates_;
    std::size_t names_ = 0, end_count_ = 0; // of all sets
    std::vector<std::string> letters_;      // chosen so far
    std::map<match::NodeId, Sets> known_files_, known_ends_;
};

} // namespace gyr::plan
