#pragma once
// Sets of names and of ends of connections that the kernel can look things up in, made of what conditions compare
// fd.name, fd.sip and their like with. Each predicate has one set, whichever event types it is asked of.

#include "event/event_plan.h"
#include "match/graph.h"
#include "match/predicate.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::plan {

class ObjectSets {
  public:
    explicit ObjectSets(EventPlan& plan) : plan_(plan) {}

    // The bit of the set of files that the predicate can hold for; 0: the kernel cannot ask it.
    std::uint32_t of_files(match::NodeId id, std::string_view field, const match::Predicate& p);
    // The same for an end of a connection: fd.sport, fd.snet …
    std::uint32_t of_ends(match::NodeId id, std::string_view field, const match::Predicate& p);

  private:
    bool choose_letters(std::vector<PathName>& names);

    EventPlan& plan_;
    std::vector<std::string> letters_; // chosen so far
    std::map<match::NodeId, std::uint32_t> files_, ends_;
    unsigned next_files_ = 0, next_ends_ = 0;
};

} // namespace gyr::plan
