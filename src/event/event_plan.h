#pragma once
// Which events are wanted from a live source, and when one of them can be dismissed where it happens. Made from the
// loaded rules (src/plan) or for a recording; the source lowers it into the kernel. Every clause over-approximates: an
// event that some rule could match always meets one.

#include "event/event_type.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gyr {

// All that is set must hold. Nothing set: every event of the type.
struct EventClause {
    bool success = false, failure = false;
    bool read = false, write = false; // the file is open for it
    bool container = false;           // the process is not known to be the host's
    bool internet = false;            // the socket is an IPv4 or IPv6 one
    bool tcp = false, udp = false;    // its protocol
    bool not_tcp = false;             // it is no socket of this protocol
    bool upward = false;              // the path as given has ".." in it
    std::uint32_t path_sets = 0;      // 0: any name; else a bit of EventPlan::names' sets must be the file's
    std::uint32_t end_sets = 0;       // 0: any; else a bit of EventPlan::ends' sets must be one of the socket's ends'
    std::uint64_t process_bits = 0;   // 0: any; else a bit of the process's mask (LiveSource::set_process_mask)
    friend bool operator==(const EventClause&, const EventClause&) = default;
};

struct EventDemand {
    EventCode code = kEventNone;
    std::vector<std::uint16_t> calls; // architecture-neutral numbers, of a code that several share; empty: all
    std::vector<EventClause> clauses; // empty: every event
    std::string forced_by;            // a rule that makes clauses empty; for people
    bool cwd = false;                 // the working directory comes with each of them: a rule asks for proc.cwd
    std::vector<std::vector<std::string>> rules = {}; // by clause: those that ask for it; for people
};

// What names a path set holds, in whole components but for letters.
struct PathName {
    enum class Kind : std::uint8_t { base = 1, pair = 2, parent = 3, top = 4, tops = 8, any = 9, letters = 10 };
    Kind kind = Kind::base;
    std::string first, second; // pair: the directory's name and the file's; parent: the name above and the directory's;
                               // tops: the first two; letters: two bytes that some component has side by side
    std::uint32_t sets = 0;    // none: no clause asks for it
    std::string path = {};     // pair: the whole path, when it is an exact one: the file is also known by its identity
};

// An end of a connection: a port, or the addresses of a network.
struct ConnectionEnd {
    bool is_port = false;
    std::uint8_t prefix = 0; // bits of address
    std::uint16_t port = 0;
    std::array<std::uint8_t, 16> address{}; // IPv6; those of IPv4 as ::ffff:a.b.c.d
    std::uint32_t sets = 0;
};

struct EventPlan {
    std::vector<EventDemand> demands;
    std::vector<PathName> names;
    std::vector<ConnectionEnd> ends;
    std::vector<std::uint32_t> failed_exec_rules; // indexes of the rules that ask for an exec that failed
    // By bit of process_bits: what whoever made the plan decides it by, any of them.
    std::vector<std::vector<std::uint32_t>> process_nodes;
};

} // namespace gyr
