#pragma once
// A YAML document as a plain tree with the place of every node; the only file that knows yaml-cpp is tree.cpp. Bounded:
// documents that are too large, too deep, or grow too much by their aliases are refused.

#include "base/result.h"
#include "lang/diagnostic.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::config {

struct Node;

struct Entry; // of a map

struct Node {
    enum class Kind : std::uint8_t { null, scalar, list, map };
    Kind kind = Kind::null;
    Place place;
    std::string text;           // scalar
    bool quoted = false;        // scalar in quotes: never null, true or false
    std::vector<Node> items;    // list
    std::vector<Entry> entries; // map, in order, keys unique

    [[nodiscard]] Node* find(std::string_view key);
};

struct Entry {
    std::string key;
    Place place; // of the key
    Node value;
};

// An empty document is a null node. file: as messages name it.
[[nodiscard]] std::expected<Node, Diagnostic> parse_tree(const std::string& text, const std::string& file);

// "a map", "a list", "a value", "nothing": for messages.
[[nodiscard]] std::string_view describe(Node::Kind kind);

} // namespace gyr::config
