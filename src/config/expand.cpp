#include "config/expand.h"

#include <fmt/format.h>

#include <cstdlib>

namespace gyr::config {
namespace {

// Enough for any honest value, few enough that a variable that names itself ends soon and small.
constexpr std::size_t kMaxReplacements = 100;
constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

} // namespace

Environment process_environment() {
    return [](std::string_view name) -> std::optional<std::string> {
        const char* value = ::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
}

Result<std::string> expand_environment(std::string_view text, const Environment& environment) {
    std::string out(text);
    std::size_t at = 0;
    std::size_t replacements = 0;
    while ((at = out.find('$', at)) != std::string::npos) {
        if (out.compare(at, 3, "$${") == 0) {
            const std::size_t close = out.find('}', at);
            if (close == std::string::npos) {
                break;
            }
            out.erase(at, 1);
            at = close; // the brace's old place is just behind it now
            continue;
        }
        if (out.compare(at, 2, "${") != 0) {
            break;
        }
        const std::size_t close = out.find('}', at);
        if (close == std::string::npos) {
            break;
        }
        if (++replacements > kMaxReplacements || out.size() > kMaxBytes) {
            return fail(ErrorKind::invalid,
                        fmt::format("the environment variables in '{}' never stop expanding", text));
        }
        const std::string value = environment(out.substr(at + 2, close - at - 2)).value_or("");
        out.replace(at, close - at + 1, value);
    }
    return out;
}

} // namespace gyr::config
