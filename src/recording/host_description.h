#pragma once
// What a live capture begins with: the machine, its interfaces, users, processes and their descriptors, as /proc and
// /etc tell. Replaying a capture knows from this what was there before its first event.
//
// Processes come and go while this reads; one that cannot be read any more is left out, and so is what this process may
// not see. Reads some files for each process and descriptor: for the start of a capture, not for its course.

#include "base/result.h"
#include "capfile/writer.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gyr::recording {

struct HostPlaces {
    std::string proc = "/proc";
    std::string etc = "/etc";
};

// All of it, in the order of the format. Errors are those of the writer.
Result<> describe_host(capfile::Writer& writer, const HostPlaces& places = {});

// Its parts, for a caller that knows some better than /proc does.
Result<> describe_machine(capfile::Writer& writer, const HostPlaces& places = {});
Result<> describe_interfaces(capfile::Writer& writer);
Result<> describe_users(capfile::Writer& writer, const HostPlaces& places = {});
// Gives the processes it told of: readers refuse descriptors of others, which may have come meanwhile.
Result<std::vector<std::int64_t>> describe_threads(capfile::Writer& writer, const HostPlaces& places = {});
Result<> describe_descriptors(capfile::Writer& writer, std::span<const std::int64_t> processes,
                              const HostPlaces& places = {});

} // namespace gyr::recording
