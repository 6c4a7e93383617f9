#include "containers/bounded_json.h"

#include "base/json_brackets.h"

namespace gyr {

std::optional<nlohmann::json> parse_bounded_json(std::string_view text) {
    if (json_depth(text) > kMaxJsonDepth) return std::nullopt;
    nlohmann::json parsed = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
    if (parsed.is_discarded()) return std::nullopt;
    return parsed;
}

const nlohmann::json* json_at(const nlohmann::json& root, std::initializer_list<const char*> keys) {
    const nlohmann::json* at = &root;
    for (const char* key : keys) {
        if (!at->is_object()) return nullptr;
        const auto found = at->find(key);
        if (found == at->end()) return nullptr;
        at = &*found;
    }
    return at;
}

std::string json_text(const nlohmann::json& root, std::initializer_list<const char*> keys) {
    const nlohmann::json* value = json_at(root, keys);
    return value != nullptr && value->is_string() ? value->get_ref<const std::string&>() : std::string{};
}

std::optional<bool> json_bool(const nlohmann::json& root, std::initializer_list<const char*> keys) {
    const nlohmann::json* value = json_at(root, keys);
    if (value == nullptr || !value->is_boolean()) return std::nullopt;
    return value->get<bool>();
}

std::map<std::string, std::string, std::less<>> json_labels(const nlohmann::json& root,
                                                            std::initializer_list<const char*> keys) {
    std::map<std::string, std::string, std::less<>> labels;
    const nlohmann::json* value = json_at(root, keys);
    if (value == nullptr || !value->is_object()) return labels;
    for (const auto& [key, text] : value->items()) {
        if (text.is_string()) labels.emplace(key, text.get_ref<const std::string&>());
    }
    return labels;
}

} // namespace gyr
