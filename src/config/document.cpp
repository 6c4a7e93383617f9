#include "config/document.h"

#include "base/units.h"
#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace gyr::config {
namespace {

template <class Root>
std::string value_words(const Setting<Root>& setting) {
    if (setting.type == SettingType::choice) {
        return fmt::format("one of `{}`", fmt::join(setting.choices, "`, `"));
    }
    std::string words(to_string(setting.type));
    const bool bounded = setting.most != Setting<Root>{}.most;
    if (setting.type == SettingType::duration && bounded) {
        words += fmt::format(", {} to {}", format_duration(static_cast<Nanos>(setting.least)),
                             format_duration(static_cast<Nanos>(setting.most)));
    } else if (setting.type == SettingType::size && bounded) {
        words += fmt::format(", {} to {}", format_size(setting.least), format_size(setting.most));
    }
    return words;
}

template <class Root>
std::string entry_markdown(const Setting<Root>& setting, std::string_view prefix) {
    const std::string only =
        setting.types.empty() ? std::string() : fmt::format(" Only of {}.", fmt::join(setting.types, ", "));
    return fmt::format("### `{}{}`\n\n{}\n\nValue: {}. Default: `{}`.{}{}\n\n", prefix, setting.key, setting.doc,
                       value_words(setting), setting.standard, setting.required ? " Must be given." : "", only);
}

constexpr std::string_view kIntroduction = R"(# Configuration

This page is written by `gyr config docs` from the tables in `src/config/`; a test fails when it is stale.

Gyr needs no configuration. `-c FILE` names a YAML file; without it `/etc/gyr/gyr.yaml` is read if it exists. Each
`-o KEY=VALUE` overrides one key by its dotted path and wins over the file:

    gyr run -c gyr.yaml -o metadata.wait=2s -o 'outputs[0].format=json'

`[N]` picks an entry of a list and `[]` appends one; a backslash takes the meaning from `.`, `[`, `]` and `\` in a key.
The value is YAML, and so may be JSON. An unknown key or a value that does not fit is an error (exit code 2), with its
place and, where one is close, a suggestion. `gyr config check FILE` looks for such errors, `gyr config show` prints
what holds and where it comes from.

In values of the file, `${NAME}` stands for the environment variable NAME (nothing when it is not set), `$${NAME}` for
the text `${NAME}` itself, `${file:/path}` for what is in a file (a secret; without its last line end); a `$` in front of anything else ends the replacing for that value. Values given by `-o` are
taken as they are.

Durations are numbers with a unit: `ns`, `us`, `ms`, `s`, `m`, `h`, `d`, `w`, also several: `1h30m`. Sizes are bytes, or
numbers with a unit: `KiB`, `MiB`, `GiB` (or `k`, `M`, `G`) count in 1024, `KB`, `MB`, `GB` in 1000.

An example:

```yaml
rules: [/etc/gyr/rules.d]
metadata: {wait: 2s}
outputs:
  - {type: stdout, format: json}
```

## Keys

)";

std::string origin_of(const std::map<std::string, std::string>& origins, const std::string& key) {
    const auto found = origins.find(key);
    return found == origins.end() ? "default" : found->second;
}

} // namespace

std::string configuration_markdown() {
    std::string out(kIntroduction);
    for (const Setting<Config>& setting : settings()) {
        out += entry_markdown(setting, "");
    }
    out += fmt::format("### `outputs`\n\n{}\n\n", kOutputsDoc);
    for (const Setting<Output>& setting : output_settings()) {
        out += entry_markdown(setting, "outputs[].");
    }
    out.pop_back();
    return out;
}

std::string show_config(const Config& config, const std::map<std::string, std::string>& origins) {
    std::string out;
    std::string_view group; // "containers.docker." while its keys are printed
    const auto line = [&out](std::string text, const std::string& origin) {
        out += fmt::format("{:<60} # {}\n", text, origin);
    };
    for (const Setting<Config>& setting : settings()) {
        const std::string_view in = setting.key.substr(0, setting.key.rfind('.') + 1);
        std::size_t depth = 0;
        for (std::size_t dot = in.find('.'); dot != std::string_view::npos; dot = in.find('.', dot + 1)) {
            const std::string_view parent = in.substr(0, dot + 1);
            if (!group.starts_with(parent)) {
                const std::size_t name = parent.rfind('.', dot - 1) + 1; // npos + 1 is 0
                out += fmt::format("{:{}}{}:\n", "", depth * 2, parent.substr(name, dot - name));
            }
            ++depth;
        }
        group = in;
        line(fmt::format("{:{}}{}: {}", "", depth * 2, setting.key.substr(in.size()), show(setting, config)),
             origin_of(origins, std::string(setting.key)));
    }
    if (config.outputs.empty()) {
        line("outputs: []", origin_of(origins, "outputs"));
        return out;
    }
    out += "outputs:\n";
    for (std::size_t i = 0; i < config.outputs.size(); ++i) {
        std::string_view lead = "  - ";
        const std::string& type = config.outputs[i].type;
        for (const Setting<Output>& setting : output_settings()) {
            if (!setting.types.empty() &&
                std::find(setting.types.begin(), setting.types.end(), type) == setting.types.end()) {
                continue;
            }
            line(fmt::format("{}{}: {}", lead, setting.key, show(setting, config.outputs[i])),
                 origin_of(origins, fmt::format("outputs[{}].{}", i, setting.key)));
            lead = "    ";
        }
    }
    return out;
}

} // namespace gyr::config
