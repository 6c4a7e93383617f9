// Configuration files and overrides from anywhere. Input: override lines up to an empty line, then the file. Whatever
// loads without a problem must be printed by show_config so that it loads again as the same.

#include "config/document.h"
#include "config/loader.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    gyr::config::LoadRequest request;
    request.file = "fuzz.yaml";
    request.environment = [](std::string_view name) -> std::optional<std::string> {
        return name == "A" ? std::optional<std::string>("${B}-$${A}") : std::nullopt;
    };
    while (!text.empty() && text.front() != '\n' && request.overrides.size() < 20) {
        const std::size_t end = text.find('\n');
        request.overrides.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    request.text = text;
    const gyr::config::Loaded loaded = gyr::config::load_config(request);
    for (const gyr::Diagnostic& problem : loaded.problems) {
        if (gyr::to_text(problem).empty()) {
            std::abort();
        }
    }
    if (loaded.problems.empty()) {
        gyr::config::LoadRequest again;
        again.file = "shown.yaml";
        again.text = gyr::config::show_config(loaded.config, {});
        again.environment = [](std::string_view) { return std::nullopt; };
        const gyr::config::Loaded reread = gyr::config::load_config(again);
        // A '$' in a value would be taken for a variable when read as a file again.
        if (again.text.find('$') == std::string::npos &&
            (!reread.problems.empty() || gyr::config::show_config(reread.config, {}) != again.text)) {
            std::abort();
        }
    }
    return 0;
}
