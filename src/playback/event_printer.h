#pragma once
// Events as lines: a filter in the rule language and a format in that of rule outputs. What `gyr events` prints.

#include "base/result.h"
#include "match/matcher.h"
#include "state/event.h"

#include <memory>
#include <string>
#include <string_view>

namespace gyr::playback {

// As sysdig prints an event.
inline constexpr std::string_view kDefaultEventFormat =
    "%evt.num %evt.outputtime %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.info";

class EventPrinter {
  public:
    // filter may be empty (every event), and may use the macros that are built in. An error is one sentence; a syntax
    // error of the filter tells the column.
    [[nodiscard]] static Result<EventPrinter> create(const std::string& filter, const std::string& format);

    [[nodiscard]] bool everything() const { return everything_; } // there is no filter
    // The filter as the only rule.
    [[nodiscard]] const Matcher& matcher() const { return *matcher_; }
    [[nodiscard]] bool matches(const Event& event, const EvalWorld& world);
    // One line without its newline, <NA> for what is missing, safe for a terminal.
    [[nodiscard]] std::string line(const Event& event, const EvalWorld& world);
    // What the format's fields gave, as one JSON object without its newline.
    [[nodiscard]] std::string json(const Event& event, const EvalWorld& world);

  private:
    EventPrinter() = default;
    bool everything_ = false;
    std::shared_ptr<const Matcher> matcher_;
    std::shared_ptr<Matcher::Scratch> scratch_;
};

} // namespace gyr::playback
