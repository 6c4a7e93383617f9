#include "replay/paths.h"

namespace gyr::replay {

namespace {

// Appends one part ("a", ".", "..", "") to out, of which the first root bytes stay.
void append_part(std::string_view part, std::size_t root, std::string& out) {
    if (part.empty() || part == ".") return;
    if (part == "..") {
        const std::size_t slash = out.rfind('/');
        out.resize(slash == std::string::npos || slash < root ? root : slash);
        return;
    }
    if (out.size() > root) out += '/';
    out += part;
}

void append_path(std::string_view path, std::size_t root, std::string& out) {
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        append_part(path.substr(0, slash), root, out);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    }
}

} // namespace

void join_path(std::string_view base, std::string_view path, std::string& out) {
    out.clear();
    if (path.starts_with('/')) base = {};
    const bool absolute = path.starts_with('/') || base.starts_with('/');
    if (absolute) out.push_back('/');
    const std::size_t root = out.size();
    append_path(base.substr(0, kMaxPath), root, out);
    append_path(path.substr(0, kMaxPath), root, out);
    if (out.size() > kMaxPath) out.resize(kMaxPath);
}

} // namespace gyr::replay
