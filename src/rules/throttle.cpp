#include "rules/throttle.h"

#include "base/units.h"

#include <charconv>
#include <utility>

namespace gyr::rules {

bool read_throttle(const YamlNode& node, std::optional<Throttle>& out, ThrottleMistake& mistake) {
    out.reset();
    if (node.is_null()) return true;
    const auto wrong = [&](const YamlNode& where, std::string message) {
        mistake = {&where, std::move(message)};
        return false;
    };
    if (!node.is_map()) return wrong(node, "'throttle' takes a map such as {by: [container.id], for: 5m, max: 1}");
    Throttle throttle;
    const YamlNode* window = node.find("for");
    if (window == nullptr || !window->is_scalar()) return wrong(node, "'throttle' needs 'for': a duration such as 5m");
    const Result<Nanos> duration = parse_duration(window->scalar->value);
    if (!duration) return wrong(*window, "'throttle.for': " + duration.error().message);
    throttle.window = *duration;
    if (const YamlNode* max = node.find("max"); max != nullptr) {
        const std::string_view text = max->is_scalar() ? std::string_view(max->scalar->value) : "";
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), throttle.max);
        if (text.empty() || ec != std::errc() || end != text.data() + text.size())
            return wrong(*max, "'throttle.max' must be a whole number");
    }
    if (const YamlNode* by = node.find("by"); by != nullptr) {
        if (by->is_scalar()) throttle.by.push_back(by->scalar->value);
        for (const YamlNodePtr& field : by->items) {
            if (!field->is_scalar()) return wrong(*field, "'throttle.by' takes names of fields");
            throttle.by.push_back(field->scalar->value);
        }
    }
    out = std::move(throttle);
    return true;
}

} // namespace gyr::rules
