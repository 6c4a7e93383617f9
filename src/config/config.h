#pragma once
// The configuration as the program uses it. Every key is declared once, in the table of settings.cpp: where it lives
// here, its default, its limits and its documentation. load_config() (config/loader.h) fills it.
//
// Durations are in nanoseconds, sizes in bytes.

#include "base/ids.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gyr::config {

struct Output {
    std::string type;   // "stdout"
    std::string name;   // empty: made of the type and the place in the list
    std::string format; // "text", "json", "falco", "ecs", "ocsf"; empty: as the type has it
    std::string when;   // filter
    std::string path, command;
    bool keep_alive = true;
    struct Rotate {
        std::uint64_t size_bytes = 0;
        Nanos age = 0;
        std::uint64_t keep = 0;
        bool compress = false;
    } rotate;
    std::string url;
    std::map<std::string, std::string> headers, labels, properties;
    std::string token, user, password, credentials, proxy, user_agent;
    struct Tls {
        std::string ca, cert, key, server_name;
        bool insecure = false;
    } tls;
    std::uint64_t batch = 0; // 0: as the type has it
    Nanos timeout = 0, backoff = 0;
    std::string topic, facility;
    std::uint64_t max_length = 0;
};

// The HTTP server: API, metrics, health.
struct Server {
    std::vector<std::string> listen; // the whole API
    std::vector<std::string> probes; // health and metrics alone, for anybody
    std::string token;
    struct Tls {
        std::string cert, key, ca;
    } tls;
    bool probe_metrics = true;
    std::string health_path;
};

// What Falco's configuration can ask for and ours does otherwise (config/falco.h).
struct RuleSelection {
    bool enable = false;
    std::string rule, tag; // one of them; '*' in rule stands for anything
};
struct OutputAppend {
    std::string source, rule;                                // empty: all
    std::vector<std::string> tags;                           // all of them
    std::string text;                                        // behind the rule's own sentence
    std::vector<std::pair<std::string, std::string>> fields; // further output fields: name and template; without a
                                                             // name a field, its value as it is
};
struct FalcoJson { // keys that its JSON has
    bool output = true, message = false, fields = true, tags = true;
};

struct Config {
    std::vector<std::string> rules;             // files and folders, in order; empty: look in the usual places
    std::string rule_matching;                  // "all", "first"
    std::string priority;                       // rules below this priority are not loaded
    std::string time_format;                    // "local", "iso8601"
    std::vector<RuleSelection> rule_selections; // in order
    std::vector<OutputAppend> output_appends;
    std::map<std::string, std::string> static_fields; // static.NAME of every event
    std::string buffer_format;                        // "text", "base64"
    FalcoJson falco_json;
    std::string replay; // a capture file that takes the place of this host (Falco's engine.kind: replay); empty: none
    std::vector<Output> outputs;
    std::vector<std::string> include; // further configuration files and folders

    struct Journal {
        std::string path; // empty: none is kept
        std::uint64_t size_bytes = 0;
        Nanos age = 0; // 0: no limit
        bool sync = false;
        std::uint64_t queue_bytes = 0, memory_bytes = 0;
    } journal;

    struct Throttle {
        std::vector<std::string> by;
        Nanos window = 0; // 0: no roll-up
        std::uint64_t max = 0;
    } throttle;

    bool watch = true;   // files that changed are loaded again
    bool sandbox = true; // privileges are given up once the agent is armed

    Server server;
    Nanos canary = 0;    // between two harmless events that run the whole way; 0: none
    Nanos heartbeat = 0; // between two notices that all is well; 0: none

    struct Metadata {
        Nanos wait = 0; // how long an alert waits for container and user names
    } metadata;

    struct Kernel {
        bool enabled = true;
        std::uint64_t ring_bytes = 0; // ring buffer of the process lane
        std::uint64_t network_ring_bytes = 0, bulk_ring_bytes = 0;
        std::uint64_t buffer_bytes = 0;      // of what is read and written
        std::uint64_t cpu_budget = 0;        // percent of one processor; 0: no limit
        std::uint64_t environment_bytes = 0; // kept of each process's environment
    } kernel;

    struct Plan {
        bool enabled = true; // the kernel leaves out events that no rule can match
        bool masks = true;   // … and those that no rule can match for the process at hand
        std::string verify;  // "1/1000": so many of what it leaves out are sent all the same, to check it; "0": none
    } plan;

    struct Capture {                  // files around alerts
        std::string mode;             // "off", "rules", "all"
        std::string path;             // of the files, in front of time and number
        Nanos duration = 0;           // after the alert
        std::uint64_t size_bytes = 0; // of one file, before compression; 0: no limit
        std::uint64_t keep = 0;       // files; 0: all
    } capture;

    struct Recorder {                                // what came before an alert
        std::uint64_t seconds = 0, memory_bytes = 0; // 0 seconds: off
    } recorder;

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

    struct Audit {                // of Kubernetes
        std::string listen, path; // empty listen: no webhook
        struct Tls {
            std::string cert, key, client_ca;
        } tls;
        std::vector<std::string> files;
        std::vector<std::string> share; // webhooks of other agents
        Nanos join_wait = 0;            // how long a session waits for its request
    } audit;

    struct Kubernetes {
        std::string startup_taint; // empty: none
        std::string node;          // empty: host.name
        std::string api;           // empty: as the environment says
        std::string credentials;   // folder
    } kubernetes;

    struct Log {
        std::string level;  // "error", "warning", "info", "debug"
        std::string format; // "text", "json"
    } log;
};

} // namespace gyr::config
