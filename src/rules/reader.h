#pragma once
// One rule file's YAML → Definitions: structure, keys, types, redefinition, append and override. Every problem is
// collected; an item with an error changes nothing.

#include "rules/definitions.h"
#include "rules/problems.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace gyr::rules {

struct Version {
    std::uint32_t major = 0, minor = 0, patch = 0;
    friend auto operator<=>(const Version&, const Version&) = default;
};
// "1.2.3", anything after it ignored when it begins with '-' or '+'. False when text has another form.
[[nodiscard]] bool parse_version(std::string_view text, Version& out);
[[nodiscard]] std::string to_string(const Version& version);

// What files may require under required_plugin_versions: same major version, and no newer one.
struct PluginInfo {
    std::string name;
    Version version;
};

struct ReaderOptions {
    Version engine;
    std::vector<PluginInfo> plugins;
    std::vector<std::string> sources;
    bool files_allowed = true; // items_file may be followed (texts that came from nowhere may not)
};

// Reads file into definitions.
void read_rule_file(const SourceFilePtr& file, const ReaderOptions& options, Definitions& definitions,
                    Problems& problems);

} // namespace gyr::rules
