#pragma once
// From a configuration file and overrides to a Config, with every problem named at its place.

#include "config/config.h"
#include "config/expand.h"
#include "lang/diagnostic.h"

#include <expected>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gyr::config {

struct IncludedFile {
    std::string name, text;
};
// The files a path of "include" stands for, or what is wrong with it.
using IncludedFiles = std::expected<std::vector<IncludedFile>, std::string>;

struct LoadRequest {
    std::string text;                   // of the file; may be empty
    std::string file;                   // its name in messages
    std::vector<std::string> overrides; // "a.b=v", in order; they win over the file
    bool falco = false;                 // the file is Falco's whatever is in it
    Environment environment = process_environment();
    std::vector<std::string> include;                                   // read besides those the file names
    std::function<IncludedFiles(const std::string& path)> read_include; // none: nothing is included
};

struct Loaded {
    Config config; // usable only without errors
    std::vector<Diagnostic> problems;
    std::vector<Diagnostic> notes;              // of a Falco configuration: what is ignored, and why
    std::map<std::string, std::string> origins; // key → "gyr.yaml:3:7" or "-o key"; keys at their default are not in it
};

[[nodiscard]] Loaded load_config(const LoadRequest& request);

} // namespace gyr::config
