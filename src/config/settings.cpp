#include "config/settings.h"

#include "base/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>

namespace gyr::config {
namespace {

std::string quote(std::string_view text) {
    // Not even what is no text at all may begin something else when it is read again.
    const bool ascii = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
    const bool plain = ascii && !text.empty() && text.find_first_of(":#[]{},&*!|>'\"%@`\\") == std::string_view::npos &&
                       text != "null" && text != "true" && text != "false" && text.front() != '-' &&
                       text.front() != '?';
    if (plain) {
        return std::string(text);
    }
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            out += c;
        }
    }
    return out + "\"";
}

// Each store_value returns what is wrong, or nothing.

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::string& out) {
    if (node.kind == Node::Kind::list || node.kind == Node::Kind::map) {
        return fmt::format("'{}' takes a single value, not {}", setting.key, describe(node.kind));
    }
    if (setting.type == SettingType::choice || (!setting.choices.empty() && !node.text.empty())) {
        const auto same = [&node](std::string_view choice) {
            return std::equal(choice.begin(), choice.end(), node.text.begin(), node.text.end(), [](char a, char b) {
                return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
            });
        };
        const auto found = std::find_if(setting.choices.begin(), setting.choices.end(), same);
        if (found == setting.choices.end()) {
            return fmt::format("'{}' is not a value of '{}'; it takes {}", node.text, setting.key,
                               fmt::join(setting.choices, ", "));
        }
        out = *found;
        return {};
    }
    if (setting.type == SettingType::url_path && !node.text.starts_with('/')) {
        return fmt::format("'{}' is a path of a URL and begins with '/', not '{}'", setting.key, node.text);
    }
    out = node.text;
    return {};
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::vector<std::string>& out) {
    std::vector<std::string> items;
    if (node.kind == Node::Kind::map) {
        return fmt::format("'{}' takes a list, not {}", setting.key, describe(node.kind));
    }
    if (node.kind == Node::Kind::scalar) {
        items.push_back(node.text); // one value stands for a list of one
    }
    for (const Node& item : node.items) {
        if (item.kind != Node::Kind::scalar || item.text.empty()) {
            return fmt::format("the entries of '{}' are single values, one is {}", setting.key,
                               item.kind == Node::Kind::scalar ? "empty" : describe(item.kind));
        }
        items.push_back(item.text);
    }
    out = std::move(items);
    return {};
}

// Durations and sizes.
template <class Root, class Number, class Parse, class Format>
std::string store_number(const Setting<Root>& setting, const Node& node, Number& out, Parse parse, Format format) {
    if (node.kind != Node::Kind::scalar) {
        return fmt::format("'{}' takes a {}, not {}", setting.key, to_string(setting.type), describe(node.kind));
    }
    const auto value = parse(node.text);
    if (!value) {
        return fmt::format("'{}': {}", setting.key, value.error().message);
    }
    const auto magnitude = static_cast<std::uint64_t>(*value);
    if (magnitude < setting.least || magnitude > setting.most) {
        return fmt::format("'{}' must be between {} and {}, not {}", setting.key,
                           format(static_cast<Number>(setting.least)), format(static_cast<Number>(setting.most)),
                           node.text);
    }
    out = *value;
    return {};
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, Nanos& out) {
    return store_number(setting, node, out, parse_duration, format_duration);
}

Result<std::uint64_t> parse_count(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return fail(ErrorKind::invalid, fmt::format("'{}' is not a whole number", text));
    }
    return value;
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::uint64_t& out) {
    if (setting.type == SettingType::count) {
        return store_number(setting, node, out, parse_count, [](std::uint64_t n) { return fmt::to_string(n); });
    }
    return store_number(setting, node, out, parse_size, format_size);
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, bool& out) {
    constexpr std::array<std::string_view, 3> kYes = {"true", "yes", "on"};
    constexpr std::array<std::string_view, 3> kNo = {"false", "no", "off"};
    const auto is = [&node](const auto& words) {
        return std::find(words.begin(), words.end(), node.text) != words.end();
    };
    if (node.kind != Node::Kind::scalar || (!is(kYes) && !is(kNo))) {
        return fmt::format("'{}' is either true or false", setting.key);
    }
    out = is(kYes);
    return {};
}

template <class Root>
std::string store_value(const Setting<Root>& setting, const Node& node, std::map<std::string, std::string>& out) {
    if (node.kind != Node::Kind::map && node.kind != Node::Kind::null) {
        return fmt::format("'{}' takes a map of names and values, not {}", setting.key, describe(node.kind));
    }
    std::map<std::string, std::string> values;
    for (const Entry& entry : node.entries) {
        if (entry.value.kind == Node::Kind::list || entry.value.kind == Node::Kind::map) {
            return fmt::format("'{}.{}' takes a single value, not {}", setting.key, entry.key,
                               describe(entry.value.kind));
        }
        values[entry.key] = entry.value.text;
    }
    out = std::move(values);
    return {};
}

std::string show_value(const std::string& value) { return quote(value); }
std::string show_value(const std::vector<std::string>& value) {
    std::vector<std::string> items;
    items.reserve(value.size());
    for (const std::string& item : value) {
        items.push_back(quote(item));
    }
    return fmt::format("[{}]", fmt::join(items, ", "));
}
std::string show_value(Nanos value) { return format_duration(value); }
std::string show_value(std::uint64_t value) { return format_size(value); }
std::string show_value(bool value) { return value ? "true" : "false"; }
std::string show_value(const std::map<std::string, std::string>& value) {
    std::vector<std::string> items;
    for (const auto& [name, text] : value) {
        items.push_back(fmt::format("{}: {}", quote(name), quote(text)));
    }
    return fmt::format("{{{}}}", fmt::join(items, ", "));
}

template <class Root>
Root defaults_of(std::span<const Setting<Root>> entries) {
    Root root;
    for (const Setting<Root>& setting : entries) {
        const auto node = parse_tree(std::string(setting.standard), "default");
        if (node) {
            // A default that does not fit its own key is caught by the test of this table.
            [[maybe_unused]] const std::string wrong = store(setting, *node, root);
        }
    }
    return root;
}

} // namespace

std::string_view to_string(SettingType type) {
    switch (type) {
    case SettingType::text: return "text";
    case SettingType::url_path: return "path of a URL";
    case SettingType::choice: return "one of";
    case SettingType::path_list: return "list of paths";
    case SettingType::text_list: return "list";
    case SettingType::count: return "whole number";
    case SettingType::flag: return "true or false";
    case SettingType::text_map: return "map of names and values";
    case SettingType::duration: return "duration";
    case SettingType::size: return "size";
    }
    return "";
}

template <class Root>
std::string store(const Setting<Root>& setting, const Node& node, Root& root) {
    return std::visit([&](auto member) { return store_value(setting, node, member(root)); }, setting.member);
}

namespace {

constexpr std::string_view kHidden = "(hidden)";

// scheme://user:password@host/path?query, several with commas between. A query may well be a key.
std::string without_secrets(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t scheme = text.find("://");
        const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
        const std::size_t next = text.find("://", begin);
        const std::size_t comma = next == std::string_view::npos ? next : text.substr(0, next).rfind(',');
        const std::string_view url =
            text.substr(0, comma != std::string_view::npos && comma > begin ? comma + 1 : comma);
        const std::size_t at = url.substr(0, url.find('/', begin)).rfind('@');
        const std::size_t colon = url.find(':', begin);
        const bool has_password = at != std::string_view::npos && colon < at;
        const std::size_t query = std::min(url.find('?', has_password ? at : 0), url.size());
        if (has_password)
            out.append(url.substr(0, colon + 1)).append(kHidden).append(url.substr(at, query - at));
        else
            out += url.substr(0, query);
        if (query < url.size()) out.append("?").append(kHidden).append(url.ends_with(',') ? "," : "");
        text.remove_prefix(url.size());
    }
    return out;
}

} // namespace

template <class Root>
std::string show(const Setting<Root>& setting, const Root& root) {
    Root copy = root; // members are reached by accessors that do not change what they reach
    if (setting.address) {
        if (const auto* one = std::get_if<std::string& (*)(Root&)>(&setting.member)) {
            std::string& text = (*one)(copy);
            text = without_secrets(text);
            if constexpr (std::is_same_v<Root, Output>) {
                // The path of such a webhook is its key.
                const std::size_t host = text.find("://");
                if (copy.type == "slack" && host != std::string::npos)
                    text = fmt::format("{}/{}", text.substr(0, text.find('/', host + 3)), kHidden);
            }
        } else if (const auto* list = std::get_if<std::vector<std::string>& (*)(Root&)>(&setting.member)) {
            for (std::string& text : (*list)(copy)) text = without_secrets(text);
        }
    }
    if (setting.secret) {
        if (const auto* text = std::get_if<std::string& (*)(Root&)>(&setting.member)) {
            if (!(*text)(copy).empty()) {
                (*text)(copy) = kHidden;
            }
        } else if (const auto* map = std::get_if<std::map<std::string, std::string>& (*)(Root&)>(&setting.member)) {
            for (auto& [name, value] : (*map)(copy)) {
                value = kHidden;
            }
        }
    }
    if (setting.type == SettingType::count) {
        return fmt::to_string(std::get<std::uint64_t& (*)(Root&)>(setting.member)(copy));
    }
    return std::visit([&](auto member) { return show_value(member(copy)); }, setting.member);
}

template std::string store(const Setting<Config>&, const Node&, Config&);
template std::string store(const Setting<Output>&, const Node&, Output&);
template std::string show(const Setting<Config>&, const Config&);
template std::string show(const Setting<Output>&, const Output&);

Config default_config() {
    Config config = defaults_of(settings());
    config.outputs.push_back(default_output());
    return config;
}

Output default_output() { return defaults_of(output_settings()); }

} // namespace gyr::config
