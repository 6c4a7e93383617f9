#pragma once
// A rule file's YAML as a plain tree with the place of every node. Anchors are shared, not copied, so a file cannot
// grow in memory by its aliases.

#include "rules/source.h"

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr::rules {

struct YamlNode;
using YamlNodePtr = std::shared_ptr<const YamlNode>;

struct YamlNode {
    enum class Kind { null, scalar, sequence, map };
    Kind kind = Kind::null;
    SourceFilePtr file;
    std::size_t offset = 0;
    ScalarPtr scalar;                                       // kind scalar
    std::vector<YamlNodePtr> items;                         // kind sequence
    std::vector<std::pair<YamlNodePtr, YamlNodePtr>> pairs; // kind map, in order

    [[nodiscard]] Place place() const { return file->place(offset); }
    [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
    [[nodiscard]] bool is_null() const { return kind == Kind::null; }
    [[nodiscard]] bool is_sequence() const { return kind == Kind::sequence; }
    [[nodiscard]] bool is_map() const { return kind == Kind::map; }
    // The first value of key; null when there is none.
    [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

struct YamlError {
    std::string message;
    std::size_t offset = 0;
    std::string hint;
};

// The documents of a file; empty documents are null nodes.
[[nodiscard]] std::expected<std::vector<YamlNodePtr>, YamlError> parse_yaml(const SourceFilePtr& file);

} // namespace gyr::rules
