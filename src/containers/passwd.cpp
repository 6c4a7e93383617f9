#include "containers/passwd.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace gyr {
namespace {

template <class Take>
void for_each_line(std::string_view text, bool cut, Take take) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos && cut) return;
        if (!take(text.substr(0, end))) return;
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

template <std::size_t N>
std::size_t split(std::string_view line, char separator, std::array<std::string_view, N>& parts) {
    std::size_t count = 0;
    while (count < N) {
        const std::size_t end = count + 1 == N ? std::string_view::npos : line.find(separator);
        parts[count++] = line.substr(0, end);
        if (end == std::string_view::npos) break;
        line.remove_prefix(end + 1);
    }
    return count;
}

bool parse_id(std::string_view text, std::uint32_t& id) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

} // namespace

void UserTable::parse_passwd(std::string_view text, bool cut) {
    users_.clear();
    for_each_line(text, cut, [&](std::string_view line) {
        std::array<std::string_view, 7> parts;
        UserEntry entry;
        // name:password:uid:gid:comment:home:shell
        if (split(line, ':', parts) < 4 || parts[0].empty() || parts[0].starts_with('#') ||
            !parse_id(parts[2], entry.uid))
            return true;
        if (!parse_id(parts[3], entry.gid)) entry.gid = 0;
        entry.name = parts[0];
        entry.home = parts[5];
        entry.shell = parts[6];
        users_.push_back(std::move(entry));
        return users_.size() < kMaxEntries;
    });
    std::ranges::stable_sort(users_, {}, &UserEntry::uid);
}

void UserTable::parse_group(std::string_view text, bool cut) {
    groups_.clear();
    for_each_line(text, cut, [&](std::string_view line) {
        std::array<std::string_view, 4> parts;
        GroupEntry entry;
        if (split(line, ':', parts) < 3 || parts[0].empty() || parts[0].starts_with('#') ||
            !parse_id(parts[2], entry.gid))
            return true;
        entry.name = parts[0];
        groups_.push_back(std::move(entry));
        return groups_.size() < kMaxEntries;
    });
    std::ranges::stable_sort(groups_, {}, &GroupEntry::gid);
}

const UserEntry* UserTable::find_user(Uid uid) const {
    const auto found = std::ranges::lower_bound(users_, uid, {}, &UserEntry::uid);
    return found != users_.end() && found->uid == uid ? &*found : nullptr;
}

const GroupEntry* UserTable::find_group(Gid gid) const {
    const auto found = std::ranges::lower_bound(groups_, gid, {}, &GroupEntry::gid);
    return found != groups_.end() && found->gid == gid ? &*found : nullptr;
}

IdMap IdMap::parse(std::string_view text) {
    IdMap map;
    for_each_line(text, false, [&](std::string_view line) {
        std::array<std::uint32_t, 3> numbers{};
        for (std::uint32_t& number : numbers) {
            line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
            const std::string_view word = line.substr(0, line.find_first_of(" \t"));
            if (!parse_id(word, number)) return true;
            line.remove_prefix(word.size());
        }
        map.ranges_.push_back({numbers[0], numbers[1], numbers[2]});
        return map.ranges_.size() < 340; // the kernel's bound
    });
    return map;
}

std::optional<std::uint32_t> IdMap::to_inside(std::uint32_t outside) const {
    if (ranges_.empty()) return outside;
    for (const Range& range : ranges_) {
        if (outside >= range.outside && outside - range.outside < range.count)
            return range.inside + (outside - range.outside);
    }
    return std::nullopt;
}

} // namespace gyr
