#include "config/override.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace gyr::config {
namespace {

constexpr std::size_t kMaxIndex = 1000;

struct Step {
    std::string key; // when not empty or neither of the others
    std::optional<std::size_t> index;
    bool append = false;
};

std::unexpected<Error> wrong(std::string_view assignment, std::string_view what) {
    return fail(ErrorKind::invalid, fmt::format("-o {}: {}", assignment, what));
}

Result<std::vector<Step>> parse_path(std::string_view path, std::string_view assignment) {
    std::vector<Step> steps;
    std::string word;
    bool after_bracket = false;
    const auto end_word = [&]() -> bool {
        if (word.empty()) {
            return after_bracket;
        }
        steps.push_back({.key = std::move(word), .index = {}, .append = false});
        word.clear();
        return true;
    };
    for (std::size_t i = 0; i < path.size(); ++i) {
        const char c = path[i];
        if (c == '\\' && i + 1 < path.size()) {
            word += path[++i];
            after_bracket = false;
        } else if (c == '.') {
            if (!end_word()) {
                return wrong(assignment, "a part of the key is empty");
            }
            after_bracket = false;
        } else if (c == '[') {
            if (!end_word()) {
                return wrong(assignment, "a '[' needs a key before it");
            }
            const std::size_t close = path.find(']', i);
            if (close == std::string_view::npos) {
                return wrong(assignment, "there is a '[' without a ']'");
            }
            const std::string_view number = path.substr(i + 1, close - i - 1);
            Step step;
            step.append = number.empty();
            if (!step.append) {
                std::size_t index = 0;
                const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
                if (error != std::errc() || end != number.data() + number.size() || index > kMaxIndex) {
                    return wrong(assignment, fmt::format("'{}' is not an index", number));
                }
                step.index = index;
            }
            steps.push_back(std::move(step));
            i = close;
            after_bracket = true;
        } else if (after_bracket) {
            return wrong(assignment, "after a ']' comes a '.', a '[' or the '='");
        } else {
            word += c;
        }
    }
    if (!end_word()) {
        return wrong(assignment, "the key ends too soon");
    }
    return steps;
}

// The '=' that ends the key; those escaped by a backslash do not.
std::size_t find_assignment(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '=') {
            return i;
        }
    }
    return std::string_view::npos;
}

} // namespace

Result<> apply_override(Node& root, std::string_view assignment) {
    const std::size_t equals = find_assignment(assignment);
    if (equals == std::string_view::npos) {
        return wrong(assignment, "an override is written KEY=VALUE");
    }
    Result<std::vector<Step>> steps = parse_path(assignment.substr(0, equals), assignment);
    if (!steps) {
        return std::unexpected(steps.error());
    }
    const std::string origin = fmt::format("-o {}", assignment.substr(0, equals));
    std::expected<Node, Diagnostic> value = parse_tree(std::string(assignment.substr(equals + 1)), origin);
    if (!value) {
        return wrong(assignment, value.error().message);
    }

    Node* node = &root;
    const Place place{.file = origin, .line = 0, .column = 0, .offset = 0};
    for (const Step& step : *steps) {
        const Node::Kind needed = step.append || step.index ? Node::Kind::list : Node::Kind::map;
        if (node->kind == Node::Kind::null) {
            node->kind = needed;
            node->place = place;
        } else if (node->kind != needed) {
            return wrong(assignment, fmt::format("the key leads through {}, which is not {}", describe(node->kind),
                                                 describe(needed)));
        }
        if (step.append) {
            node = &node->items.emplace_back();
        } else if (step.index) {
            if (*step.index > node->items.size()) {
                return wrong(assignment, fmt::format("the list has only {} entries", node->items.size()));
            }
            if (*step.index == node->items.size()) {
                node->items.emplace_back();
            }
            node = &node->items[*step.index];
        } else {
            Node* existing = node->find(step.key);
            if (existing == nullptr) {
                node->entries.push_back({step.key, place, {}});
                existing = &node->entries.back().value;
            }
            node = existing;
        }
    }
    *node = *std::move(value);
    node->place = place;
    return {};
}

} // namespace gyr::config
