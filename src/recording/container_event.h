#pragma once
// What is known of a container as the event that a capture tells it by, in the JSON that Falco and sysdig write and
// read.

#include "event/raw_event.h"
#include "state/container.h"

#include <string>
#include <string_view>

namespace gyr::recording {

// Builds the event; what it points to is good until the next call.
class ContainerEvent {
  public:
    // container.info must be there.
    [[nodiscard]] const RawEvent& encode(const Container& container, Nanos time);

  private:
    std::string text_;
    std::string_view param_;
    RawEvent event_;
};

} // namespace gyr::recording
