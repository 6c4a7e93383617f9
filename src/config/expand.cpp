#include "config/expand.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace gyr::config {
namespace {

// Enough for any honest value, few enough that a variable that names itself ends soon and small.
constexpr std::size_t kMaxReplacements = 100;
constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

constexpr std::string_view kFile = "file:";
constexpr std::size_t kMaxSecret = std::size_t{64} << 10;

// A small regular file without the line end most editors leave.
Result<std::string> read_secret(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
        return fail(ErrorKind::not_found, fmt::format("there is no file {}", path));
    }
    std::ifstream in(path, std::ios::binary);
    std::string text(kMaxSecret + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad() || (!in.eof() && in.fail())) {
        return fail(ErrorKind::io, fmt::format("cannot read {}", path));
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxSecret) {
        return fail(ErrorKind::invalid, fmt::format("{} is too large for a secret", path));
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    return text;
}

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
        const std::string name = out.substr(at + 2, close - at - 2);
        if (name.starts_with(kFile)) {
            Result<std::string> content = read_secret(name.substr(kFile.size()));
            if (!content) {
                return std::unexpected(content.error());
            }
            out.replace(at, close - at + 1, *content);
            at += content->size(); // a secret is taken as it is
            continue;
        }
        const std::string value = environment(name).value_or("");
        out.replace(at, close - at + 1, value);
    }
    return out;
}

} // namespace gyr::config
