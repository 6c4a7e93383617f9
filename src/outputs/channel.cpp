#include "outputs/channel.h"

#include "alerts/lookup.h"
#include "base/clock.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

namespace gyr::outputs {
namespace {

constexpr Nanos kMillisecond = 1'000'000;

void cut(std::string& text, std::size_t limit) {
    if (text.size() <= limit) return;
    std::size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end; // not inside a character
    text = fmt::format("{}… ({} bytes cut)", std::string_view(text).substr(0, end), text.size() - end);
}

void cut(AlertValue& value, std::size_t limit) {
    if (auto* text = std::get_if<std::string>(&value.data)) cut(*text, limit);
    if (auto* list = std::get_if<AlertValue::List>(&value.data)) {
        if (list->size() > limit / 16 + 1) list->resize(limit / 16 + 1);
        for (AlertValue& item : *list) cut(item, limit);
    }
}

void cut(AlertBlock& block, std::size_t limit) {
    for (AlertMember& member : block.members) cut(member.value, limit);
    for (AlertBlock::ObjectList& list : block.lists) {
        for (AlertBlock& object : list.objects) cut(object, limit);
    }
}

void cut(Alert& a, std::size_t limit) {
    cut(a.message, limit);
    cut(a.rule, limit);
    for (AlertBlock& block : a.blocks) cut(block, limit);
    for (AlertMember& field : a.output_fields) cut(field.value, limit);
}
void cut(GapRecord& g, std::size_t limit) {
    cut(g.reason, limit);
    cut(g.cgroup, limit);
    if (g.rules.size() > limit / 64) g.rules.resize(limit / 64);
    if (g.processes.size() > limit / 64) g.processes.resize(limit / 64);
}
void cut(Notice& n, std::size_t limit) { cut(n.message, limit); }

} // namespace

bool wait_for_wake(const Patience& patience, Nanos until) {
    const Nanos left = until == INT64_MAX ? INT64_MAX : std::max<Nanos>(0, until - steady_now());
    const int timeout =
        left == INT64_MAX ? -1 : static_cast<int>(std::min<Nanos>((left + kMillisecond - 1) / kMillisecond, 60'000));
    pollfd wake{patience.wake_fd, POLLIN, 0};
    if (::poll(&wake, 1, timeout) <= 0) return false;
    std::uint64_t value = 0;
    [[maybe_unused]] const auto n = ::read(patience.wake_fd, &value, sizeof value);
    return true;
}

bool wait_for(int fd, short events, const Patience& patience, Nanos until) {
    for (;;) {
        const Nanos left = std::min(until, patience.until.load(std::memory_order_acquire)) - steady_now();
        if (left <= 0) return false;
        std::array<pollfd, 2> fds{{{fd, events, 0}, {patience.wake_fd, POLLIN, 0}}};
        const int timeout = static_cast<int>(std::min<Nanos>(left / kMillisecond + 1, 60'000));
        if (::poll(fds.data(), fds.size(), timeout) <= 0) continue;
        if (fds[0].revents != 0) return true;
        std::uint64_t value = 0;
        [[maybe_unused]] const auto n = ::read(patience.wake_fd, &value, sizeof value);
    }
}

Nanos deadline_of(const Patience& patience, Nanos timeout) {
    return std::min(patience.until.load(std::memory_order_acquire), steady_now() + timeout);
}

Idle Channel::wait_idle(const Patience& patience) {
    wait_for_wake(patience, INT64_MAX);
    return Idle::woken;
}

Item shortened(const Item& item, const FormatOptions& format, std::size_t max_bytes) {
    Item out;
    for (std::size_t limit = 16'384; limit >= 64; limit /= 4) {
        AlertRecord record = *item.record;
        std::visit([limit](auto& r) { cut(r, limit); }, record);
        out.record = std::make_shared<const AlertRecord>(std::move(record));
        out.text = format_record(*out.record, format);
        if (out.text.size() <= max_bytes) break;
    }
    return out;
}

std::string fit(const Item& item, const FormatOptions& format, std::size_t max_bytes) {
    return item.text.size() <= max_bytes ? item.text : shortened(item, format, max_bytes).text;
}

std::string delivery_id(const AlertRecord& record) {
    if (const auto* alert = std::get_if<Alert>(&record))
        return alert->revision == 0 ? alert->uuid : fmt::format("{}-{}", alert->uuid, alert->revision);
    const std::string text = format_record(record, {AlertFormat::json, TimeFormat::local});
    return fmt::format("{}-{}-{:x}", kind_of(record), time_of(record), std::hash<std::string>()(text));
}

} // namespace gyr::outputs
