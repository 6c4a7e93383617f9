#pragma once
// What Gyr reports: alerts, gaps (what was not seen) and notices (what the agent did), as plain data that owns all it
// says. Made on the engine thread by AlertBuilder, formatted (alerts/format.h) and delivered (alerts/sink.h) on others.
//
// Times are wall clock nanoseconds. Strings are raw bytes as the kernel gave them; formatting makes them safe.

#include "base/ids.h"
#include "rules/rule.h"
#include "state/missing.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gyr {

// A value as JSON has it. monostate: null, the reason is in Alert::missing.
struct AlertValue {
    using List = std::vector<AlertValue>;
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, List> data;

    [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data); }
    friend bool operator==(const AlertValue&, const AlertValue&) = default;
};

// A named value.
struct AlertMember {
    std::string name;
    AlertValue value;
};

// "container", "k8s", "user", "proc", …: an object of the native JSON. A block or member without meaning for the event
// is not there at all.
struct AlertBlock {
    std::string name;
    std::vector<AlertMember> members;
    // Objects inside a list ("ancestors" of proc): each is a block without a name.
    struct ObjectList {
        std::string name;
        std::vector<AlertBlock> objects;
    };
    std::vector<ObjectList> lists;

    [[nodiscard]] const AlertValue* find(std::string_view member) const;
};

// A field that should have a value and has none.
struct MissingField {
    std::string name;
    Missing why = Missing::none;
};

struct Alert {
    std::string uuid;           // RFC 9562 version 7; the same in every revision of one alert
    std::uint32_t revision = 0; // above 0: says again, with more, what revision 0 said
    Nanos time = 0;
    std::uint64_t event_number = 0;
    std::string rule;
    Priority priority = Priority::debug;
    std::string message; // the rule's output, without time and priority
    std::string source;  // "syscall"
    std::string cause;   // event type name: "execve", "snapshot", …
    std::string hostname;
    std::vector<std::string> tags;  // sorted
    std::vector<AlertBlock> blocks; // in the order of printing
    std::vector<AlertMember> output_fields;
    std::vector<MissingField> missing;

    [[nodiscard]] const AlertBlock* find_block(std::string_view name) const;
};

// A process that made something of what was lost.
struct GapProcess {
    Pid pid = 0;
    std::string name; // empty: not known
    std::uint64_t count = 0;
};

// Something was not seen or not delivered between from and to. Empty strings and lists: not known or not scoped.
struct GapRecord {
    Nanos from = 0, to = 0;
    std::uint64_t count = 0; // events or alerts
    std::string stage;       // where: "kernel ring", "process table", "output stdout", …
    std::string event_class; // what: "exec", "fork", "exit", "change", "alert", …
    std::string container;   // container id, when only one is concerned
    std::string cgroup;      // cgroup path, when only one is concerned
    std::string reason;      // one sentence
    std::vector<std::pair<std::string, std::uint64_t>> rules; // rule name, alerts of it lost (0: it was blind)
    std::string hostname;
    std::vector<GapProcess> processes; // that made the most of it, by count; as far as they could be told apart
};

// Something the agent did that a reader of the alerts must know (rules reloaded, coverage began).
struct Notice {
    Nanos time = 0;
    std::string kind; // "armed", "reload", "reload_failed", …
    std::string message;
    std::string hostname;
};

using AlertRecord = std::variant<Alert, GapRecord, Notice>;
using AlertRecordPtr = std::shared_ptr<const AlertRecord>;

// Memory the record keeps, near enough to hold a queue to a byte budget.
[[nodiscard]] std::size_t approximate_bytes(const AlertRecord& record);

// A new UUID, version 7: 48 bits of time in ms, the rest from getrandom(2).
[[nodiscard]] std::string make_uuid(Nanos time);
// Version 8, of nothing but what is given: 48 bits of time in ms, the rest a hash of all three. The same alert of the
// same capture has the same one wherever it is replayed.
[[nodiscard]] std::string make_content_uuid(Nanos time, std::uint64_t event_number, std::string_view rule);

} // namespace gyr
