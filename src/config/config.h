#pragma once
// The configuration as the program uses it. Every key is declared once, in the table of settings.cpp: where it lives
// here, its default, its limits and its documentation. load_config() (config/loader.h) fills it.
//
// Durations are in nanoseconds, sizes in bytes.

#include "base/ids.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gyr::config {

struct Output {
    std::string type;               // "stdout"
    std::string format;             // "text", "json", "falco"
    std::uint64_t buffer_bytes = 0; // what may wait for a slow reader
};

struct Config {
    std::vector<std::string> rules; // files and folders, in order; empty: look in the usual places
    std::string rule_matching;      // "all", "first"
    std::string priority;           // rules below this priority are not loaded
    std::string time_format;        // "local", "iso8601"
    std::vector<Output> outputs;

    struct Metadata {
        Nanos wait = 0; // how long an alert waits for container and user names
    } metadata;

    struct Kernel {
        std::uint64_t ring_bytes = 0;        // ring buffer of the process lane
        std::uint64_t environment_bytes = 0; // kept of each process's environment
    } kernel;

    struct State {
        std::uint64_t memory_bytes = 0; // budget of the process table
        Nanos lineage = 0;              // how long an ended process is remembered
    } state;

    struct Host {
        std::string root; // prefix of all host paths, when the agent itself runs in a container
        std::string name; // as alerts name the host; empty: gethostname
    } host;

    struct Containers {
        Nanos timeout = 0; // for one question to a runtime
        struct Docker {
            std::vector<std::string> sockets, roots;
        } docker;
        struct Podman {
            std::vector<std::string> sockets, roots;
        } podman;
        struct Containerd {
            std::vector<std::string> sockets, states;
        } containerd;
        struct Cri {
            std::vector<std::string> sockets;
        } cri;
    } containers;

    struct Log {
        std::string level;  // "error", "warning", "info", "debug"
        std::string format; // "text", "json"
    } log;
};

} // namespace gyr::config
