// The further files of a falco.yaml.

#include "config/falco.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

namespace gyr::config {

std::vector<FalcoInclude> falco_includes(Node& root, const Environment& environment, Loaded& out) {
    std::vector<FalcoInclude> includes;
    const Node* list = root.find("config_files");
    if (list == nullptr) return includes;
    const auto problem = [&out](const Node& node, std::string message) {
        Diagnostic d;
        d.message = std::move(message);
        d.place = node.place;
        out.problems.push_back(std::move(d));
    };
    const std::vector<Node> single{*list};
    for (Node item : list->kind == Node::Kind::scalar ? single : list->items) {
        const bool map = item.kind == Node::Kind::map;
        const Node* path = map ? item.find("path") : &item;
        const Node* strategy = map ? item.find("strategy") : nullptr;
        if (path == nullptr || path->kind != Node::Kind::scalar) {
            problem(item, "config_files: an entry is a path, or {path: …, strategy: …}");
            continue;
        }
        FalcoInclude include{path->text, strategy == nullptr ? "append" : strategy->text};
        if (include.strategy != "append" && include.strategy != "override" && include.strategy != "add-only") {
            problem(*strategy, fmt::format("config_files: there is no strategy '{}'", include.strategy));
            continue;
        }
        if (auto expanded = expand_environment(include.path, environment)) include.path = std::move(*expanded);
        std::error_code error;
        if (std::filesystem::exists(include.path, error)) includes.push_back(std::move(include));
    }
    return includes;
}

void merge_falco(Node& root, Node more, std::string_view strategy) {
    if (root.kind == Node::Kind::null) root.kind = Node::Kind::map;
    for (Entry& entry : more.entries) {
        if (entry.key == "config_files") continue; // only of the first file
        Node* const there = root.find(entry.key);
        if (there == nullptr)
            root.entries.push_back(std::move(entry));
        else if (strategy == "add-only")
            continue;
        else if (strategy == "append" && there->kind == Node::Kind::list && entry.value.kind == Node::Kind::list)
            std::ranges::move(entry.value.items, std::back_inserter(there->items));
        else
            *there = std::move(entry.value);
    }
}

} // namespace gyr::config
