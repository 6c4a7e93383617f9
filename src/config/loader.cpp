#include "config/loader.h"

#include "config/falco.h"
#include "config/override.h"
#include "config/settings.h"
#include "config/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace gyr::config {
namespace {

class Reader {
  public:
    explicit Reader(Loaded& out) : out_(out) {}

    void expand(Node& node, const Environment& environment) {
        if (node.kind == Node::Kind::scalar && node.text.find('$') != std::string::npos) {
            Result<std::string> text = expand_environment(node.text, environment);
            if (text) {
                node.text = *std::move(text);
            } else {
                problem(node.place, text.error().message);
            }
        }
        for (Node& item : node.items) {
            expand(item, environment);
        }
        for (Entry& entry : node.entries) {
            expand(entry.value, environment);
        }
    }

    void read_root(const Node& root, Config& config) {
        if (root.kind == Node::Kind::null) {
            return;
        }
        if (root.kind != Node::Kind::map) {
            problem(root.place, fmt::format("a configuration is a map of keys, not {}", describe(root.kind)));
            return;
        }
        read_map(root, "", config);
    }

  private:
    void read_map(const Node& map, const std::string& prefix, Config& config) {
        for (const Entry& entry : map.entries) {
            const std::string key = prefix + entry.key;
            if (key == "outputs") {
                read_outputs(entry, config);
            } else if (const Setting<Config>* setting = find(settings(), key)) {
                read_setting(*setting, entry, key, config);
            } else if (is_group(key)) {
                if (entry.value.kind == Node::Kind::map) {
                    read_map(entry.value, key + ".", config);
                } else if (entry.value.kind != Node::Kind::null) {
                    problem(entry.value.place,
                            fmt::format("'{}' holds further keys, not {}", key, describe(entry.value.kind)));
                }
            } else {
                unknown(entry, key, all_keys());
            }
        }
    }

    void read_outputs(const Entry& entry, Config& config) {
        if (entry.value.kind != Node::Kind::list) {
            problem(entry.value.place,
                    fmt::format("'outputs' takes a list such as [{{type: stdout, format: json}}], not {}",
                                describe(entry.value.kind)));
            return;
        }
        config.outputs.clear();
        out_.origins["outputs"] = where(entry.place);
        for (std::size_t i = 0; i < entry.value.items.size(); ++i) {
            const Node& item = entry.value.items[i];
            const std::string prefix = fmt::format("outputs[{}].", i);
            if (item.kind != Node::Kind::map) {
                problem(item.place, fmt::format("an entry of 'outputs' is a map such as {{type: stdout}}, not {}",
                                                describe(item.kind)));
                continue;
            }
            config.outputs.push_back(default_output());
            read_output(item, prefix, "", config.outputs.back());
            check_types(config.outputs.back().type, prefix);
            for (const Setting<Output>& setting : output_settings()) {
                if (setting.required && !out_.origins.contains(prefix + std::string(setting.key))) {
                    problem(item.place, fmt::format("an entry of 'outputs' needs the key '{}'", setting.key));
                }
            }
        }
    }

    // Keys of an output may stand in groups: {tls: {ca: FILE}}.
    void read_output(const Node& map, const std::string& prefix, const std::string& group, Output& output) {
        for (const Entry& member : map.entries) {
            const std::string key = group + member.key;
            if (const Setting<Output>* setting = find(output_settings(), key)) {
                read_setting(*setting, member, prefix + key, output);
                continue;
            }
            const auto entries = output_settings();
            const bool is_group = std::any_of(entries.begin(), entries.end(),
                                              [&](const auto& s) { return s.key.starts_with(key + "."); });
            if (is_group && member.value.kind == Node::Kind::map) {
                read_output(member.value, prefix, key + ".", output);
            } else {
                unknown(member, prefix + key, output_keys(prefix));
            }
        }
    }

    // A key that means nothing for the type is a mistake, not something to be silent about.
    void check_types(const std::string& type, const std::string& prefix) {
        for (const Setting<Output>& setting : output_settings()) {
            const auto origin = out_.origins.find(prefix + std::string(setting.key));
            if (origin == out_.origins.end() || setting.types.empty() ||
                std::find(setting.types.begin(), setting.types.end(), type) != setting.types.end()) {
                continue;
            }
            Diagnostic d;
            d.message = fmt::format("'{}{}' means nothing for an output of type {}", prefix, setting.key, type);
            d.place.file = origin->second;
            out_.problems.push_back(std::move(d));
        }
    }

    template <class Root>
    void read_setting(const Setting<Root>& setting, const Entry& entry, const std::string& key, Root& root) {
        out_.origins[key] = where(entry.place);
        const std::string wrong = store(setting, entry.value, root);
        if (!wrong.empty()) {
            problem(entry.value.place, wrong, suggestion(setting, entry.value));
        }
    }

    template <class Root>
    static std::string suggestion(const Setting<Root>& setting, const Node& value) {
        const std::string_view close = closest(value.text, setting.choices);
        return close.empty() ? std::string() : fmt::format("did you mean {}?", close);
    }

    template <class Root>
    static const Setting<Root>* find(std::span<const Setting<Root>> entries, std::string_view key) {
        const auto found = std::find_if(entries.begin(), entries.end(), [key](const auto& s) { return s.key == key; });
        return found == entries.end() ? nullptr : &*found;
    }

    static bool is_group(const std::string& key) {
        const std::string prefix = key + ".";
        const auto entries = settings();
        return std::any_of(entries.begin(), entries.end(), [&](const auto& s) { return s.key.starts_with(prefix); });
    }

    static std::vector<std::string> all_keys() {
        std::vector<std::string> keys{"outputs"};
        for (const auto& setting : settings()) {
            keys.emplace_back(setting.key);
            for (std::size_t dot = setting.key.find('.'); dot != std::string_view::npos;
                 dot = setting.key.find('.', dot + 1)) {
                keys.emplace_back(setting.key.substr(0, dot));
            }
        }
        return keys;
    }

    static std::vector<std::string> output_keys(const std::string& prefix) {
        std::vector<std::string> keys;
        for (const auto& setting : output_settings()) {
            keys.push_back(prefix + std::string(setting.key));
        }
        return keys;
    }

    // A key may be misspelled where it stands, or be right and stand in the wrong place ("ring" for "kernel.ring").
    void unknown(const Entry& entry, const std::string& key, const std::vector<std::string>& known) {
        const std::vector<std::string_view> views(known.begin(), known.end());
        std::string hint(closest(key, views));
        const std::string_view last = std::string_view(key).substr(key.rfind('.') + 1);
        for (std::size_t i = 0; hint.empty() && i < known.size(); ++i) {
            if (known[i].ends_with(fmt::format(".{}", last))) {
                hint = known[i];
            }
        }
        problem(entry.place, fmt::format("there is no configuration key '{}'", key),
                hint.empty() ? std::string() : fmt::format("did you mean {}?", hint));
    }

    static std::string where(const Place& place) {
        return place.line == 0 ? place.file : fmt::format("{}:{}:{}", place.file, place.line, place.column);
    }

    void problem(const Place& place, std::string message, std::string hint = {}) {
        Diagnostic d;
        d.message = std::move(message);
        d.hint = std::move(hint);
        d.place = place;
        out_.problems.push_back(std::move(d));
    }

    Loaded& out_;
};

} // namespace

namespace {

// Maps are merged, outputs added; everything else of from replaces what is in into.
void merge(Node& into, Node from, const std::string& key) {
    if (into.kind == Node::Kind::map && from.kind == Node::Kind::map) {
        for (Entry& entry : from.entries) {
            const auto there = std::find_if(into.entries.begin(), into.entries.end(),
                                            [&entry](const Entry& e) { return e.key == entry.key; });
            if (there != into.entries.end()) {
                if (entry.value.kind != Node::Kind::map && entry.key != "outputs") {
                    there->place = entry.place;
                }
                merge(there->value, std::move(entry.value), entry.key);
            } else {
                into.entries.push_back(std::move(entry));
            }
        }
    } else if (key == "outputs" && into.kind == Node::Kind::list && from.kind == Node::Kind::list) {
        std::move(from.items.begin(), from.items.end(), std::back_inserter(into.items));
    } else if (from.kind != Node::Kind::null) {
        into = std::move(from);
    }
}

void include(Node& root, const LoadRequest& request, Loaded& out) {
    std::vector<std::string> paths;
    if (const Node* listed = root.find("include"); listed != nullptr) {
        if (listed->kind == Node::Kind::scalar) {
            paths.push_back(listed->text);
        }
        for (const Node& item : listed->items) {
            paths.push_back(item.text);
        }
    }
    paths.insert(paths.end(), request.include.begin(), request.include.end());
    const auto each_file = [&](const std::string& path, const std::function<void(Node)>& take) {
        const auto files = request.read_include ? request.read_include(path) : IncludedFiles{};
        if (!files) {
            Diagnostic d;
            d.message = fmt::format("cannot read the included {}: {}", path, files.error());
            out.problems.push_back(std::move(d));
            return;
        }
        for (const IncludedFile& file : *files) {
            std::expected<Node, Diagnostic> more = parse_tree(file.text, file.name);
            if (more)
                take(std::move(*more));
            else
                out.problems.push_back(std::move(more).error());
        }
    };
    for (const std::string& path : paths) {
        each_file(path, [&root, &out](Node more) {
            if (const Node* further = more.find("include"); further != nullptr) {
                Diagnostic d;
                d.message = "a file that is included cannot include others";
                d.place = further->place;
                out.problems.push_back(std::move(d));
                return;
            }
            if (root.kind == Node::Kind::null)
                root = std::move(more);
            else
                merge(root, std::move(more), "");
        });
    }
    for (const FalcoInclude& file : falco_includes(root, request.environment, out)) {
        out.config.include.push_back(file.path);
        each_file(file.path, [&](Node more) { merge_falco(root, std::move(more), file.strategy); });
    }
}

} // namespace

Loaded load_config(const LoadRequest& request) {
    Loaded out;
    out.config = default_config();
    std::expected<Node, Diagnostic> root = parse_tree(request.text, request.file);
    if (!root) {
        out.problems.push_back(std::move(root).error());
        return out;
    }
    // Which further files there are must be known before they are read.
    const auto names_files = [](const std::string& assignment) {
        return assignment.starts_with("include") || assignment.starts_with("config_files"); // ours, Falco's
    };
    const auto override_those = [&](bool of_files) {
        for (const std::string& assignment : request.overrides) {
            if (names_files(assignment) != of_files) continue;
            const Result<> applied = apply_override(*root, assignment);
            if (applied) continue;
            Diagnostic d;
            d.message = applied.error().message;
            out.problems.push_back(std::move(d));
        }
    };
    override_those(true);
    include(*root, request, out);
    Reader reader(out);
    reader.expand(*root, request.environment);
    override_those(false);
    if (request.falco || is_falco_config(*root)) {
        read_falco_config(*root, request.environment, out);
        if (const Node* own = root->find("gyr")) reader.read_root(*own, out.config);
    } else {
        reader.read_root(*root, out.config);
    }
    return out;
}

} // namespace gyr::config
