#pragma once
// The table of all configuration keys: the only place that names them. The loader, `gyr config show` and
// docs/configuration.md are driven by it. A new key is a member of Config and an entry here.

#include "config/config.h"
#include "config/tree.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gyr::config {

enum class SettingType : std::uint8_t {
    text,
    url_path,
    choice,
    path_list,
    text_list,
    duration,
    size,
    count,
    flag,
    text_map
};
[[nodiscard]] std::string_view to_string(SettingType type); // "text", "one of", "list of paths", …

// Root is Config, or Output for the keys of one entry of "outputs".
template <class Root>
struct Setting {
    std::string_view key; // "state.memory"
    SettingType type = SettingType::text;
    std::string_view standard; // the default, as written in YAML
    std::string_view doc;      // full sentences
    std::variant<std::string& (*)(Root&), std::vector<std::string>& (*)(Root&), Nanos& (*)(Root&),
                 std::uint64_t& (*)(Root&), bool& (*)(Root&), std::map<std::string, std::string>& (*)(Root&)>
        member;
    std::vector<std::string_view> choices = {}; // of a choice
    std::uint64_t least = 0;                    // of durations and sizes, in ns and bytes
    std::uint64_t most = ~std::uint64_t{0} >> 1;
    bool required = false;                    // an entry of a list must state it
    bool secret = false;                      // shown as "(hidden)"
    bool address = false;                     // a URL: the password in it is shown as "(hidden)"
    std::vector<std::string_view> types = {}; // of outputs that have it; empty: all
};

[[nodiscard]] std::span<const Setting<Config>> settings();
[[nodiscard]] std::span<const Setting<Output>> output_settings(); // keys of each entry of "outputs"
inline constexpr std::string_view kOutputsDoc =
    "Where alerts go; a list. Each output has its own pace: one that is slow or down holds nothing back from the "
    "others "
    "and gets everything later. Without it, alerts go to standard output as text.";

// Stores node's value; an empty result is success, else the sentence that says what is wrong with it.
template <class Root>
[[nodiscard]] std::string store(const Setting<Root>& setting, const Node& node, Root& root);
// The value in root as it could be written in YAML (one line).
template <class Root>
[[nodiscard]] std::string show(const Setting<Root>& setting, const Root& root);

extern template std::string store(const Setting<Config>&, const Node&, Config&);
extern template std::string store(const Setting<Output>&, const Node&, Output&);
extern template std::string show(const Setting<Config>&, const Config&);
extern template std::string show(const Setting<Output>&, const Output&);

// Everything at its default.
[[nodiscard]] Config default_config();
[[nodiscard]] Output default_output();

} // namespace gyr::config
