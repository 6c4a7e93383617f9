#include "sources/live_bpf/event_decode.h"

#include "event/schema.h"
#include "sources/live_bpf/event_writer.h"

#include <algorithm>
#include <cstring>

namespace gyr {
namespace {

constexpr std::size_t kAreaBytes = 32U << 10; // more than all numbers and addresses of one event
constexpr std::size_t kMaxHalves = 4096;      // threads inside a call whose beginning was told

constexpr bool is_id(ParamType type) { return type == ParamType::uid || type == ParamType::gid; }

constexpr bool is_signed_word(ParamType type) { return type == ParamType::fd || type == ParamType::pid; }

// Of what says one thing of several: a value that has no room in the parameter is none of them, not the one that its
// low bits happen to be.
constexpr bool is_short_choice(ParamType type) {
    return type == ParamType::enumflags8 || type == ParamType::enumflags16 || type == ParamType::sigtype;
}

} // namespace

EventDecoder::EventDecoder() : area_(kAreaBytes) {}
EventDecoder::~EventDecoder() = default;

bool EventDecoder::read_items(const gyr_event_header& header, std::span<const std::byte> rest) {
    for (std::uint32_t i = 0; i < header.items; ++i) {
        gyr_item item{};
        if (rest.size() < sizeof item) return false;
        std::memcpy(&item, rest.data(), sizeof item);
        rest = rest.subspan(sizeof item);
        if (item.fetch >= items_.size() || item.length > rest.size()) return false;
        items_[item.fetch] = {rest.first(item.length), static_cast<std::uint8_t>(item.op), item.flags, true};
        const std::size_t padded = (std::size_t{item.length} + 7) & ~std::size_t{7};
        rest = rest.subspan(std::min(padded, rest.size()));
    }
    return true;
}

void EventDecoder::keep_half(const gyr_event_header& header, std::span<const std::byte> bytes) {
    // A thread that never came back (killed in its call) leaves its half behind; there are never many.
    auto at = halves_.find(header.tid);
    if (at == halves_.end()) {
        if (halves_.size() >= kMaxHalves) halves_.erase(halves_.begin());
        if (spare_halves_.empty()) {
            at = halves_.try_emplace(header.tid).first;
        } else {
            spare_halves_.back().key() = header.tid;
            at = halves_.insert(std::move(spare_halves_.back())).position;
            spare_halves_.pop_back();
        }
    }
    at->second.assign(as_text(bytes));
}

void EventDecoder::take_half(const gyr_event_header& header) {
    const auto found = halves_.find(header.tid);
    if (found == halves_.end()) return;
    half_.swap(found->second);
    spare_halves_.push_back(halves_.extract(found));
    gyr_event_header begin{};
    std::memcpy(&begin, half_.data(), sizeof begin);
    if (begin.slot != header.slot || std::memcmp(begin.args, header.args, sizeof begin.args) != 0)
        return; // of another call
    if (begin.tgid != header.tgid || begin.start_boottime_ns != header.start_boottime_ns)
        return; // of an earlier thread with this number
    const auto bytes = std::as_bytes(std::span(half_.data(), half_.size()));
    if (!read_items(begin, bytes.subspan(sizeof begin))) items_ = {};
}

EventDecoder::Outcome EventDecoder::decode(std::span<const std::byte> bytes, RawEvent& out) {
    gyr_event_header header{};
    if (bytes.size() < sizeof header) return Outcome::malformed;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != GYR_EVENT_MAGIC || header.size != bytes.size()) return Outcome::malformed;
    const CollectedEvent* event = find_collected(header.code, header.call_id);
    const EventInfo* info = header.code == kGenericExit ? find_generic(header.call_id) : nullptr;
    if (info == nullptr) info = find_event(header.code);
    if (event == nullptr || info == nullptr || info->params.size() < event->param_count) return Outcome::malformed;
    if (header.flags & GYR_EVENT_ENTER) {
        keep_half(header, bytes);
        return Outcome::half;
    }
    items_ = {};
    if (std::ranges::any_of(event->all_fetches(), [](const gyr_fetch& f) { return (f.flags & GYR_FETCH_ENTER) != 0; }))
        take_half(header);
    if (!read_items(header, bytes.subspan(sizeof header))) return Outcome::malformed;
    compat_ = (header.flags & GYR_EVENT_COMPAT) != 0;

    out = RawEvent{};
    out.code = header.code;
    out.cpu = static_cast<std::int16_t>(header.cpu);
    out.time = boot_offset_ + static_cast<Nanos>(header.boottime_ns);
    out.tid = header.tid;
    out.process = {.pid = header.tgid, .start_boottime_ns = header.start_boottime_ns};
    out.unwanted = (header.flags & GYR_EVENT_UNWANTED) != 0;
    if (header.code == kGenericExit) out.result = header.result;
    out.ids = RawEvent::Ids{header.uid, header.euid, header.gid, header.egid};
    read_objects(*event, header);
    resolve_paths(*event, header);
    if (objects_[0].present && items_[0].present) {
        out.fd = &fd_;
        out.below = files_below(objects_[0], below_);
    }
    if (event->has_two_sides() && objects_[1].present) {
        describe_object(objects_[1], SocketSide::unknown, other_fd_);
        out.other_fd = &other_fd_;
        out.other_fd_number = objects_[1].object.number;
        out.other_below = files_below(objects_[1], other_below_);
    }
    if (!path_.name.empty()) out.path = &path_;
    if (!other_path_.name.empty()) out.other_path = &other_path_;
    out.base = base_, out.other_base = other_base_;
    out.cwd = working_directory(*event);
    // An open that failed, or whose end io_uring does not tell, is still about the file that was asked for.
    const bool untold = header.result < 0 || (header.flags & GYR_EVENT_URING) != 0;
    if (out.fd == nullptr && out.path != nullptr && untold && event->fetches[0].arg == GYR_FROM_RESULT &&
        event->fetches[0].op == GYR_FETCH_OBJECT) {
        path_.type = FdType::file_v2;
        out.fd = &path_;
    }

    Writer writer(area_, params_);
    const bool short_ids = has_short_ids(header);
    for (std::size_t i = 0; i < event->param_count; ++i) {
        const ParamType type = info->params[i].type;
        const ParamSource& p = event->params[i];
        if (p.from == ParamFrom::arg && is_signed_word(type)) // an int in the call, eight bytes in a capture
            writer.number(static_cast<std::uint64_t>(static_cast<std::int32_t>(header.args[p.index])), 8);
        else if (p.from == ParamFrom::number && is_signed_word(type))
            writer.number(static_cast<std::uint64_t>(static_cast<std::int32_t>(item_number(p.index, p.offset, p.size))),
                          8);
        else if (p.from == ParamFrom::arg && short_ids && (is_id(type) || type == ParamType::uint32))
            writer.number((header.args[p.index] & 0xffff) == 0xffff ? 0xffffffff : header.args[p.index] & 0xffff, 4);
        else if (p.from == ParamFrom::arg && p.flags == Flags::same && is_short_choice(type) &&
                 (header.args[p.index] & 0xffffffffU) >> (8 * width_of(type)) != 0)
            writer.number(~std::uint64_t{0}, width_of(type));
        else
            write_param(p, width_of(type), header, writer);
    }
    out.params = std::span(params_.data(), writer.count());
    return Outcome::event;
}

// What the path arguments lead to: the object itself where the call gave one, else their text below the directory it
// starts from.
void EventDecoder::resolve_paths(const CollectedEvent& event, const gyr_event_header& header) {
    const auto fetches = event.all_fetches();
    for (FdInfo* path : {&path_, &other_path_}) {
        std::string name = std::move(path->name), raw = std::move(path->name_raw); // for their memory
        *path = FdInfo{};
        path->name = std::move(name), path->name.clear();
        path->name_raw = std::move(raw), path->name_raw.clear();
    }
    base_.clear(), other_base_.clear();
    FdInfo* path = &path_;
    for (auto base = fetches.begin(); path != nullptr; ++base) {
        base = std::find_if(base, fetches.end(), [](const gyr_fetch& f) { return f.op == GYR_FETCH_BASE; });
        if (base == fetches.end()) return;
        const auto text = std::ranges::find_if(
            fetches, [&](const gyr_fetch& f) { return f.op == GYR_FETCH_TEXT && f.arg == base->len; });
        if (text == fetches.end()) return;
        const std::string_view given = item_text(static_cast<std::uint8_t>(text - fetches.begin()));
        std::string& start = path == &path_ ? base_ : other_base_;
        const Item& from = items_[static_cast<std::size_t>(base - fetches.begin())];
        if (from.present && (from.flags & GYR_BLOB_UNREADABLE) == 0 && !given.starts_with('/'))
            append_reversed_path(as_text(from.bytes), from.flags, start);
        if (path == &path_ && objects_[0].present) {
            fd_.name_raw = given;
            path_ = fd_;
        } else {
            resolve_path(given, start, header, *path);
        }
        path = path == &path_ ? &other_path_ : nullptr;
    }
}

void EventDecoder::resolve_path(std::string_view given, std::string& start, const gyr_event_header& header,
                                FdInfo& path) {
    if (given.empty()) { // AT_EMPTY_PATH, or no path at all: the directory's descriptor stands for the object itself
        if (header.result >= 0 && (header.flags & GYR_EVENT_URING) == 0) path.name = start;
        start.clear();
        return;
    }
    path.name_raw = given;
    if (given.front() != '/') {
        if (start.empty()) return; // below what is no folder, there is nothing to name
        path.name = start;
        if (path.name.back() != '/') path.name += '/';
    }
    // Component by component: "." and empty ones say nothing, ".." takes one away. When the call failed, only what the
    // kernel itself named: what the text names before ".." may be a link, and nothing was found that could tell.
    const bool failed = header.result < 0;
    bool named = false; // by the text
    std::size_t at = 0;
    if (given.front() == '/') path.name = "/";
    while (at < given.size()) {
        const std::size_t end = std::min(given.find('/', at), given.size());
        const std::string_view part = given.substr(at, end - at);
        at = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == ".." && !(failed && named)) {
            while (path.name.size() > 1 && path.name.back() == '/') path.name.pop_back();
            path.name.resize(path.name.rfind('/') + 1);
            continue;
        }
        if (path.name.back() != '/') path.name += '/';
        path.name += part;
        named = true;
    }
    while (path.name.size() > 1 && path.name.back() == '/') path.name.pop_back();
}

// It is fetched after all that the event itself needs, when the plan asks for it.
std::string_view EventDecoder::working_directory(const CollectedEvent& event) {
    if (event.fetch_count >= items_.size()) return {};
    const Item& item = items_[event.fetch_count];
    if (!item.present || item.op != GYR_FETCH_BASE || (item.flags & GYR_BLOB_UNREADABLE) != 0) return {};
    cwd_.clear();
    append_reversed_path(as_text(item.bytes), item.flags, cwd_);
    return cwd_;
}

std::string_view EventDecoder::item_text(std::uint8_t fetch) const {
    if (fetch >= items_.size()) return {};
    std::string_view text = as_text(items_[fetch].bytes);
    if (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return text;
}

std::uint64_t EventDecoder::item_number(std::uint8_t fetch, std::size_t offset, std::size_t size) const {
    std::uint64_t value = 0;
    if (fetch >= items_.size() || offset + size > items_[fetch].bytes.size() || size > sizeof value) return 0;
    std::memcpy(&value, items_[fetch].bytes.data() + offset, size);
    return value;
}

gyr_message EventDecoder::message(std::uint8_t fetch) const {
    gyr_message m{};
    const auto bytes = items_[fetch].bytes;
    if (bytes.size() < sizeof m) return {};
    std::memcpy(&m, bytes.data(), sizeof m);
    if (std::uint64_t{m.address} + m.data + m.control > bytes.size() - sizeof m) return {};
    return m;
}

} // namespace gyr
