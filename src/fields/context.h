#pragma once
// What an extractor may look at.

#include "base/arena.h"
#include "state/event.h"
#include "state/host_addresses.h"
#include "state/process_view.h"
#include "state/users.h"

#include <cstdint>
#include <memory>
#include <string>

namespace gyr {

// What an evaluation may look at beside the event. Everything is optional; what is not there makes values missing.
struct EvalWorld {
    const ProcessView* processes = nullptr;
    const UserView* users = nullptr;
    const std::string* hostname = nullptr;
    Nanos first_event_time = 0;               // of this run, for evt.reltime
    const HostAddresses* addresses = nullptr; // of the machine the events are of
};

namespace fields {

struct Context {
    const Event& event;
    const EvalWorld& world;
    Arena& arena;

    [[nodiscard]] const ProcessImage* process() const { return event.process.get(); }
};

// A field's argument, checked and prepared when the rule is compiled.
struct Argument {
    bool present = false;
    bool is_index = false;
    std::uint64_t index = 0;
    std::string text;
    bool hex = false;                     // numbers are printed in hexadecimal
    int code = 0;                         // what Field::prepare made of text
    std::shared_ptr<const void> prepared; // likewise
};

} // namespace fields
} // namespace gyr
