#include "fields/address_text.h"

#include "event/raw_event.h"
#include "fields/fd_text.h"
#include "fields/process_text.h"

#include <algorithm>

namespace gyr::fields {
namespace {

constexpr std::uint8_t kUnix = 1, kInet = 2, kInet6 = 10;
constexpr std::size_t kEntryBytes = 10;

const std::uint8_t* octets(std::string_view bytes) { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }

bool is_mapped(std::string_view v6) {
    static constexpr char kPrefix[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
    return v6.starts_with(std::string_view(kPrefix, 12));
}

// "address:port"; bytes hold the address, then the port.
std::string_view end_text(std::string_view bytes, std::size_t size, bool as_v4, Arena& arena) {
    const bool v6 = size == 16 && !as_v4;
    const std::string_view ip = ip_text(octets(as_v4 && size == 16 ? bytes.substr(12) : bytes), v6, arena);
    return print(arena, "%.*s:%u", static_cast<int>(ip.size()), ip.data(),
                 unsigned{load_param<std::uint16_t>(bytes.substr(size))});
}

std::string_view arrow(std::string_view from, std::string_view to, Arena& arena) {
    const std::string_view parts[] = {from, "->", to};
    std::size_t bytes = 0;
    for (const std::string_view p : parts) bytes += p.size();
    char* out = arena.allocate(bytes);
    char* at = out;
    for (const std::string_view p : parts) at = std::ranges::copy(p, at).out;
    return {out, bytes};
}

} // namespace

std::string_view sockaddr_text(std::string_view bytes, Arena& arena) {
    if (bytes.empty()) return "<NA>";
    const auto family = static_cast<std::uint8_t>(bytes[0]);
    const std::string_view rest = bytes.substr(1);
    if (family == kUnix) return text_of_param(rest);
    const std::size_t size = family == kInet ? 4 : family == kInet6 ? 16 : 0;
    if (size == 0) return print(arena, "family %u", unsigned{family});
    return rest.size() < size + 2 ? "<NA>" : end_text(rest, size, size == 16 && is_mapped(rest), arena);
}

std::string_view socktuple_text(std::string_view bytes, Arena& arena) {
    if (bytes.empty()) return "NULL";
    const auto family = static_cast<std::uint8_t>(bytes[0]);
    const std::string_view rest = bytes.substr(1);
    if (family == kUnix) {
        if (rest.size() < 16) return "NULL";
        const std::string_view path = text_of_param(rest.substr(16));
        const std::string_view ends =
            print(arena, "%llx->%llx ", static_cast<unsigned long long>(load_param<std::uint64_t>(rest)),
                  static_cast<unsigned long long>(load_param<std::uint64_t>(rest.substr(8))));
        char* out = arena.allocate(ends.size() + path.size());
        std::ranges::copy(path, std::ranges::copy(ends, out).out);
        return {out, ends.size() + path.size()};
    }
    const std::size_t size = family == kInet ? 4 : family == kInet6 ? 16 : 0;
    if (size == 0) return print(arena, "family %u", unsigned{family});
    if (rest.size() < 2 * (size + 2)) return "NULL";
    const std::string_view other = rest.substr(size + 2);
    const bool as_v4 = size == 16 && is_mapped(rest) && is_mapped(other);
    return arrow(end_text(rest, size, as_v4, arena), end_text(other, size, as_v4, arena), arena);
}

PolledFds::PolledFds(std::string_view bytes) {
    if (bytes.size() < 2) return;
    bytes_ = bytes.substr(2);
    count_ = std::min<std::size_t>(load_param<std::uint16_t>(bytes), bytes_.size() / kEntryBytes);
}

PolledFds::Entry PolledFds::operator[](std::size_t i) const {
    const std::string_view at = bytes_.substr(i * kEntryBytes);
    return {load_param<std::int64_t>(at), load_param<std::uint16_t>(at.substr(8))};
}

std::string_view fdlist_text(const Context& c, std::string_view bytes) {
    const PolledFds list(bytes);
    const auto texts = c.arena.make_array<std::string_view>(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        const PolledFds::Entry e = list[i];
        const FdInfo* fd = find_fd(c, e.fd);
        texts[i] = print(c.arena, "%lld:%c%x", static_cast<long long>(e.fd), fd ? fd_type_char(fd->type) : 'o',
                         unsigned{e.flags});
    }
    return join_items(c.arena, list.size(), ' ', [&](std::size_t i) { return texts[i]; });
}

} // namespace gyr::fields
