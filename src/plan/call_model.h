#pragma once
// FOR TESTS ONLY. System calls made up at random, seen from both sides: as the kernel has them when they return, with a
// plain model of what it asks there (bpf/lib/clause.h, names.h), and as the event that rules are asked about.

#include "event/event_plan.h"
#include "match/generated.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::plan::model {

// What a clause can ask, to tell what each of them stops.
enum class Ask : std::uint8_t {
    success,
    failure,
    read,
    write,
    container,
    internet,
    tcp,
    udp,
    not_tcp,
    upward,
    paths,
    ends,
    process,
    none,
};
inline constexpr std::size_t kAsks = 13;

struct Ends {
    std::array<std::uint8_t, 16> local{}, remote{}; // of IPv4 the first four
    std::uint16_t local_port = 0, remote_port = 0;
};

// What a descriptor stands for.
struct Object {
    enum class Kind : std::uint8_t { file, directory, fifo, pipe, anonymous, memory, socket };
    Kind kind = Kind::file;
    std::vector<std::string> parts; // of its path from the root; of what hangs in no tree its one name
    std::uint32_t flags = 0;        // O_*
    bool only_path = false;         // O_PATH
    int family = 0, type = 0, protocol = 0;
    Ends ends;
};

// How the event of a call is put together.
enum class Shape : std::uint8_t {
    opens, // a path, flags, and what comes of it
    makes, // what comes of it
    acts,  // a descriptor
    ends,  // a descriptor that is gone when the call returns
    pair,  // two descriptors, which are in memory
    plain, // no descriptor
};

struct Call {
    EventCode code = kEventNone;
    std::uint16_t number = 0; // of one without an event of its own
    Shape shape = Shape::plain;
    std::int64_t result = 0;
    bool uring = false;             // told by io_uring
    std::optional<Object> object;   // what the kernel finds
    std::optional<Object> outlived; // of Shape::ends and pair: what user space is told
    std::string text;               // the path given
    std::uint32_t flags = 0;        // as given to an open
    std::optional<Ends> given;      // an address in the call: its remote side
    bool replaced = false;          // connect: the descriptor stands for something else by now
};

// One call with the process that makes it. The event points into the rest.
struct Moment {
    // Most of a family are of the same few types.
    Moment(match::Random& random, std::size_t family);
    Moment(const Moment&) = delete;
    Moment& operator=(const Moment&) = delete;
    [[nodiscard]] EvalWorld view() const { return scene.view(); }
    // The same event of a file, by another name that it has.
    [[nodiscard]] Event by_name(const std::string& path, FdInfo& fd) const;

    match::Scene scene;
    Call call;
    std::shared_ptr<ProcessImage> decided; // the image its mask is made of, and not always what it is by now
    std::shared_ptr<ProcessImage> now;
    bool of_host = false; // known to be
    FdInfo fd, path;
    std::vector<std::string> bytes;
    std::vector<std::string_view> params;
    Event event;
};

// Whether the kernel tells the event. mask: of the process's decided image. known_as: another path of the file. But for
// what is asked by `ignored`.
[[nodiscard]] bool tells(const EventPlan& plan, const Moment& moment, std::uint64_t mask, const std::string& known_as,
                         Ask ignored = Ask::none);
// The clauses that hold, by number.
[[nodiscard]] std::vector<std::size_t> holding(const EventDemand& demand, const EventPlan& plan, const Moment& moment,
                                               std::uint64_t mask, const std::string& known_as,
                                               Ask ignored = Ask::none);
[[nodiscard]] const EventDemand* demand_for(const EventPlan& plan, const Call& call);

// A condition about the moment's call, or one like it; simple: about what it acts on, and perhaps the process.
[[nodiscard]] std::string make_condition(match::Random& random, const Moment& moment, bool simple);

} // namespace gyr::plan::model
