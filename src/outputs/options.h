#pragma once
// What an output is to do, as plain data: the entry of "outputs" in the configuration, translated by app.

#include "alerts/format.h"

#include <cstdint>
#include <map>
#include <string>

namespace gyr::outputs {

struct TlsOptions {
    std::string ca;          // file with the certificates to trust; empty: the system's
    std::string cert, key;   // our own, for servers that ask
    std::string server_name; // expected in the certificate; empty: the host of the address
    bool insecure = false;   // the certificate is not looked at

    friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

struct RotationOptions {
    std::uint64_t bytes = 0; // 0: not by size
    Nanos age = 0;           // 0: not by age
    std::uint64_t keep = 5;  // files besides the current one
    bool compress = false;

    friend bool operator==(const RotationOptions&, const RotationOptions&) = default;
};

struct OutputOptions {
    std::string type; // a name of output_types()
    std::string name; // unique; names the cursor
    FormatOptions format;
    std::string when;     // filter; empty: everything
    std::string hostname; // of this host

    std::string path; // file; socket of the local syslog
    RotationOptions rotate;
    std::string command;    // program
    bool keep_alive = true; // program: one process for all records

    std::string url;
    std::map<std::string, std::string> headers;
    std::string token, user, password, proxy;
    std::string credentials; // of NATS: a seed, or a .creds file's contents
    std::string user_agent = "gyr";
    TlsOptions tls;
    std::uint64_t batch = 0;                  // records in one request; 0: as the type has it
    Nanos timeout = 10LL * 1'000'000'000;     // for one answer
    Nanos backoff_max = 30LL * 1'000'000'000; // between two attempts

    std::string topic;            // of Kafka, subject of NATS, key of a Redis stream, index of Elasticsearch
    std::uint64_t max_length = 0; // of the Redis stream; 0: unbounded
    std::map<std::string, std::string> labels;     // Loki, Alertmanager, OTLP
    std::map<std::string, std::string> properties; // librdkafka
    std::string facility = "daemon";               // syslog
    Nanos settled = 30LL * 1'000'000'000;          // syslog: after so long without a message it has been kept

    friend bool operator==(const OutputOptions&, const OutputOptions&) = default;
};

} // namespace gyr::outputs
