#include "alerts/alert.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/random.h>

namespace gyr {
namespace {

std::size_t bytes_of(const AlertValue& value) {
    std::size_t total = sizeof(AlertValue);
    if (const auto* text = std::get_if<std::string>(&value.data)) {
        total += text->size();
    } else if (const auto* list = std::get_if<AlertValue::List>(&value.data)) {
        for (const AlertValue& item : *list) {
            total += bytes_of(item);
        }
    }
    return total;
}

std::size_t bytes_of(const AlertBlock& block) {
    std::size_t total = sizeof(AlertBlock);
    for (const AlertMember& member : block.members) {
        total += sizeof member.name + member.name.size() + bytes_of(member.value);
    }
    for (const AlertBlock::ObjectList& list : block.lists) {
        for (const AlertBlock& object : list.objects) {
            total += bytes_of(object);
        }
    }
    return total;
}

std::size_t bytes_of(const Alert& alert) {
    std::size_t total = sizeof(Alert) + alert.rule.size() + alert.message.size() + alert.hostname.size() + 64;
    for (const std::string& tag : alert.tags) {
        total += sizeof tag + tag.size();
    }
    for (const AlertBlock& block : alert.blocks) {
        total += bytes_of(block);
    }
    for (const AlertMember& field : alert.output_fields) {
        total += sizeof field.name + field.name.size() + bytes_of(field.value);
    }
    return total + alert.missing.size() * (sizeof(MissingField) + 32);
}

std::size_t bytes_of(const GapRecord& gap) {
    std::size_t total = sizeof(GapRecord) + gap.reason.size() + gap.cgroup.size();
    for (const auto& [rule, count] : gap.rules) {
        total += sizeof rule + sizeof count + rule.size();
    }
    for (const GapProcess& process : gap.processes) total += sizeof process + process.name.size();
    return total;
}

std::size_t bytes_of(const Notice& notice) { return sizeof(Notice) + notice.message.size(); }

std::string uuid_text(std::array<unsigned char, 16> b, Nanos time, unsigned version) {
    const auto ms = static_cast<std::uint64_t>(time / 1'000'000);
    for (std::size_t i = 0; i < 6; ++i) {
        b[i] = static_cast<unsigned char>(ms >> (40 - 8 * i));
    }
    b[6] = static_cast<unsigned char>((b[6] & 0x0f) | (version << 4));
    b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
    return fmt::format(
        "{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}", b[0],
        b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

} // namespace

const AlertValue* AlertBlock::find(std::string_view member) const {
    for (const AlertMember& candidate : members) {
        if (candidate.name == member) {
            return &candidate.value;
        }
    }
    return nullptr;
}

const AlertBlock* Alert::find_block(std::string_view name) const {
    for (const AlertBlock& block : blocks) {
        if (block.name == name) {
            return &block;
        }
    }
    return nullptr;
}

std::size_t approximate_bytes(const AlertRecord& record) {
    return std::visit([](const auto& r) { return bytes_of(r); }, record);
}

std::string make_uuid(Nanos time) {
    std::array<unsigned char, 16> b{};
    std::size_t have = 0;
    while (have < b.size()) {
        // Only EINTR can happen once the kernel's generator is seeded; before that the call waits.
        const ssize_t n = ::getrandom(b.data() + have, b.size() - have, 0);
        if (n > 0) {
            have += static_cast<std::size_t>(n);
        } else if (n < 0 && errno != EINTR) {
            break;
        }
    }
    return uuid_text(b, time, 7);
}

std::string make_content_uuid(Nanos time, std::uint64_t event_number, std::string_view rule) {
    // FNV-1a twice, from different starts.
    std::array<std::uint64_t, 2> hash{0xcbf29ce484222325U, 0x9e3779b97f4a7c15U};
    for (std::uint64_t& h : hash) {
        const auto add = [&h](unsigned char byte) { h = (h ^ byte) * 0x100000001b3U; };
        for (const char c : rule) add(static_cast<unsigned char>(c));
        for (int i = 0; i < 8; ++i) add(static_cast<unsigned char>(event_number >> (8 * i)));
        for (int i = 0; i < 8; ++i) add(static_cast<unsigned char>(static_cast<std::uint64_t>(time) >> (8 * i)));
        h ^= h >> 32;
    }
    std::array<unsigned char, 16> b{};
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<unsigned char>(hash[i / 8] >> (8 * (i % 8)));
    return uuid_text(b, time, 8);
}

} // namespace gyr
