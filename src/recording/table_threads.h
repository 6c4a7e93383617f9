#pragma once
// The processes of a live process table as the process list of a capture. The table knows what /proc does not tell:
// where an executable lies, when a container began, and processes that have ended meanwhile.

#include "capfile/records.h"
#include "capfile/writer.h"
#include "recording/host_description.h"
#include "state/process_table.h"

#include <functional>
#include <limits>
#include <string>

namespace gyr::recording {

// One image as a record, which points into this object and the image.
class ImageThread {
  public:
    explicit ImageThread(const ProcessImage& image);
    [[nodiscard]] const capfile::ThreadRecord& record() const { return record_; }

  private:
    capfile::ThreadRecord record_;
    std::string args_, env_, cgroups_, cwd_;
};

struct TableDescription {
    Nanos ended_since = std::numeric_limits<Nanos>::max(); // processes that ended at this time or later are told of too
    bool threads = true; // other threads than main ones, as /proc tells; events tell of those that do something
    std::function<bool(const ProcessImage&)> with_descriptors = {}; // whose descriptors are read; empty: everybody's
    HostPlaces places = {};
};

// The whole host, with the processes of the table.
Result<> describe_host(capfile::Writer& writer, const ProcessTable& table, const TableDescription& what = {});

} // namespace gyr::recording
