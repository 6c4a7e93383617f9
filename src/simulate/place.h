#pragma once
// Makes the process that calls it the first one of a place: root file system, devices, network, capabilities.

#include "simulate/action.h"

#include <string>
#include <vector>

namespace gyr::simulate {

struct PlaceOptions {
    Where where = Where::host;
    std::string folder;  // an empty folder in memory, for this place alone
    std::string program; // to run in it, a path on the host
    std::vector<std::string> argv;
    std::vector<std::string> environment;
};

// Does not return: runs argv as /usr/local/bin/gyr, or says on standard error what could not be done and ends with 125.
// The process is in its mount, network, IPC, host name and process namespaces already.
[[noreturn]] void run_in_place(const PlaceOptions& options);

} // namespace gyr::simulate
