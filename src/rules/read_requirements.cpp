// What a file requires: the version of the rule engine, plugins.

#include "rules/item_reader.h"

#include <charconv>

namespace gyr::rules {

void ItemReader::engine_version(const YamlNode& node) {
    Version required;
    std::uint32_t number = 0;
    const std::string_view text = node.is_scalar() ? std::string_view(node.scalar->value) : "";
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!text.empty() && ec == std::errc() && end == text.data() + text.size())
        required = {0, number, 0};
    else if (!parse_version(text, required)) {
        inconsistent(node, "the required engine version must be a number such as 26 or have the form 0.26.0")
            .against_schema = !node.is_scalar();
        return;
    }
    if (required.major == options_.engine.major && options_.engine >= required) return;
    const std::string why =
        "the file needs rule engine " + to_string(required) + ", this one is " + to_string(options_.engine);
    refuse(node, why);
    disable_file(why);
}

bool ItemReader::plugin(const YamlNode& node, PluginWanted& out) {
    if (!node.is_map()) {
        invalid(node, "a required plugin must have 'name' and 'version'");
        return false;
    }
    const ScalarPtr name = text(node, "name");
    const ScalarPtr version = text(node, "version");
    if (name == nullptr || version == nullptr) return false;
    out = {name->value, version->value, &node};
    return true;
}

bool ItemReader::plugin_loaded(const PluginWanted& wanted) const {
    const auto it = std::ranges::find(options_.plugins, wanted.name, &PluginInfo::name);
    if (it == options_.plugins.end()) return false;
    Version want;
    return parse_version(wanted.version, want) && it->version.major == want.major && it->version >= want;
}

void ItemReader::plugin_versions(const YamlNode& node) {
    if (!node.is_sequence()) {
        invalid(node, "'required_plugin_versions' must be a list of {name, version}");
        return;
    }
    for (const YamlNodePtr& entry : node.items) {
        std::vector<PluginWanted> wanted(1);
        if (!plugin(*entry, wanted[0])) continue;
        Version ignored;
        bool ok = true;
        if (const YamlNode* others = entry->find("alternatives"); others != nullptr) {
            if (!others->is_sequence()) {
                invalid(*others, "'alternatives' must be a list of {name, version}");
                continue;
            }
            for (const YamlNodePtr& other : others->items) {
                PluginWanted info;
                if (!plugin(*other, info)) {
                    ok = false;
                    continue;
                }
                if (std::ranges::find(wanted, info.name, &PluginWanted::name) != wanted.end()) {
                    refuse(*other, "plugin " + in_quotes(info.name) + " is named twice in one requirement");
                    ok = false;
                }
                wanted.push_back(std::move(info));
            }
        }
        for (const PluginWanted& info : wanted) {
            if (parse_version(info.version, ignored)) continue;
            refuse(*info.node->find("version"),
                   "plugin version " + in_quotes(info.version) + " has not the form 1.2.3");
            ok = false;
        }
        if (!ok || std::ranges::any_of(wanted, [&](const PluginWanted& p) { return plugin_loaded(p); })) continue;
        std::string names, there;
        for (const PluginWanted& info : wanted) {
            names += (names.empty() ? "" : " or ") + info.name + " " + info.version;
            const auto it = std::ranges::find(options_.plugins, info.name, &PluginInfo::name);
            if (it != options_.plugins.end())
                there += (there.empty() ? "" : ", ") + info.name + " is " + to_string(it->version);
        }
        const std::string why =
            "the file needs plugin " + names + ", " + (there.empty() ? "which is not loaded" : "but " + there);
        refuse(*entry, why);
        disable_file(why);
    }
}

void ItemReader::disable_file(const std::string& why) {
    if (file_disabled_why_.empty()) file_disabled_why_ = why;
}

bool parse_version(std::string_view text, Version& out) {
    Version v;
    const char* at = text.data();
    const char* end = text.data() + text.size();
    for (std::uint32_t* part : {&v.major, &v.minor, &v.patch}) {
        if (part != &v.major) {
            if (at == end || *at != '.') return false;
            ++at;
        }
        const auto [next, ec] = std::from_chars(at, end, *part);
        if (ec != std::errc()) return false;
        at = next;
    }
    if (at != end && *at != '-' && *at != '+') return false;
    out = v;
    return true;
}

std::string to_string(const Version& version) {
    return std::to_string(version.major) + '.' + std::to_string(version.minor) + '.' + std::to_string(version.patch);
}

} // namespace gyr::rules
