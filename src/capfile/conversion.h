#pragma once
// Upgrade of events of older captures to the current schema, so that everything behind the reader knows one form of
// each event. What becomes of which event is a table (conversion_table.inc); this carries it out.
//
// Older captures tell of a system call twice, when it begins and when it ends, and much of what the current exit event
// carries was in the enter event only. So an enter event is kept for its thread until the exit event comes, which is
// then given the parameters it lacks. A parameter that nobody told is empty or zero, as the table says.
//
// Nothing is allocated for an event once as many threads are known as are inside a call at the same time. What is kept
// is bounded (capfile/enter_store.h); what had to go is counted.

#include "event/raw_event.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace gyr::capfile {

inline constexpr std::size_t kEventCodes = 454; // codes of the capture format

struct ConversionStats {
    std::uint64_t upgraded = 0;       // delivered with a new type or more parameters
    std::uint64_t kept = 0;           // enter events that went into their exit event
    std::uint64_t dropped_old = 0;    // enter events that tell nothing the exit event needs
    std::uint64_t dropped_unused = 0; // codes without meaning
    std::uint64_t no_rule = 0;        // an old event that no row of the table fits: dropped
    std::uint64_t no_enter = 0;       // exit events without their enter event: delivered with defaults
    std::uint64_t evicted = 0;        // enter events given up because too much was kept
};

class Converter {
  public:
    enum class Outcome : std::uint8_t { deliver, drop };

    Converter();
    ~Converter();
    Converter(Converter&&) noexcept;
    Converter& operator=(Converter&&) noexcept;

    // Upgrades the event in place. Its parameters then point into what they pointed to before, or into this object;
    // they are good until the next call.
    Outcome convert(RawEvent& event) {
        if (event.code >= kForms.size()) return Outcome::deliver;
        const Form form = kForms[event.code];
        if (form.current == kAnyCount || form.current == event.params.size()) return Outcome::deliver;
        return form.kept == event.params.size() ? keep(event) : upgrade(event);
    }

    // Forgets the enter events kept: a new section begins.
    void reset();

    [[nodiscard]] const ConversionStats& stats() const;

  private:
    // Numbers of parameters with which an event of a code is current as it is, and with which it is only kept for its
    // exit event.
    static constexpr std::uint8_t kAnyCount = 0xff, kNever = 0xfe;
    struct Form {
        std::uint8_t current = kNever, kept = kNever;
    };
    static const std::array<Form, kEventCodes> kForms;
    class Upgrader;

    Outcome upgrade(RawEvent& event);
    Outcome keep(const RawEvent& event);

    std::unique_ptr<Upgrader> upgrader_;
};

// Whether rules see events of this code. Enter events of system calls only keep the state.
[[nodiscard]] bool reaches_rules(EventCode code);
// Events that tell of containers, users and groups: at the beginning of a capture they describe what was there.
[[nodiscard]] bool is_inventory(EventCode code);

} // namespace gyr::capfile
