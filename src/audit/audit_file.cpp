#include "audit/audit_file.h"

#include <fmt/format.h>

#include <zlib.h>

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace gyr {
namespace {

struct CloseGz {
    void operator()(gzFile_s* file) const { ::gzclose(file); }
};
using GzFile = std::unique_ptr<gzFile_s, CloseGz>;

} // namespace

bool looks_like_audit(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return false;
    const GzFile file(::gzopen(path.c_str(), "rbe"));
    if (!file) return false;
    std::array<char, 512> start{};
    const int n = ::gzread(file.get(), start.data(), start.size());
    if (n <= 0) return false;
    const std::string_view text(start.data(), static_cast<std::size_t>(n));
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

Result<> read_audit_file(const std::string& path, AuditLines& lines) {
    errno = 0;
    const GzFile file(::gzopen(path.c_str(), "rbe"));
    if (!file) return fail_errno("open " + path, errno);
    ::gzbuffer(file.get(), 256 * 1024);
    std::array<char, 64 * 1024> buffer{};
    std::string rest; // of a line that goes on
    for (;;) {
        const int n = ::gzread(file.get(), buffer.data(), buffer.size());
        if (n < 0) {
            int code = 0;
            const char* message = ::gzerror(file.get(), &code);
            return fail(ErrorKind::invalid, fmt::format("{}: {}", path, message));
        }
        if (n == 0) break;
        std::string_view piece(buffer.data(), static_cast<std::size_t>(n));
        for (std::size_t end = 0; (end = piece.find('\n')) != std::string_view::npos; piece.remove_prefix(end + 1)) {
            rest += piece.substr(0, end);
            lines.add(rest);
            rest.clear();
        }
        rest += piece;
        if (rest.size() > 2 * kMaxAuditBytes)
            return fail(ErrorKind::invalid, fmt::format("{}: a line of more than 32 MiB", path));
    }
    if (!rest.empty()) lines.add(rest);
    lines.finish();
    return {};
}

} // namespace gyr
