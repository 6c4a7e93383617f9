#pragma once
// FOR TESTS AND BENCHMARKS ONLY. Rules of the kinds people write, as many as wanted, and events as a busy host has
// them.

#include "fields/test_support.h"
#include "rules/rule.h"

#include <array>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace gyr::match {

// count rules about programs, files and connections: in the proportions of the official ones, each with values of its
// own.
[[nodiscard]] std::vector<Rule> make_rules(std::size_t count);

// Events of one host: mostly opens, reads, writes and closes of some hundred processes, some execs and connections.
// The events point into the mix.
class EventMix {
  public:
    explicit EventMix(std::size_t events);
    EventMix(const EventMix&) = delete;
    EventMix& operator=(const EventMix&) = delete;
    [[nodiscard]] std::span<const Event> events() const { return events_; }
    [[nodiscard]] EvalWorld view() const { return world_.view(); }

  private:
    struct Body {
        std::vector<std::string> bytes;
        std::vector<std::string_view> params;
        FdInfo fd;
    };
    Body& parameters(Event& event, const std::string& path, bool writes, std::uint64_t number);

    test::World world_;
    std::deque<Body> bodies_;
    std::vector<Event> events_;
};

} // namespace gyr::match
