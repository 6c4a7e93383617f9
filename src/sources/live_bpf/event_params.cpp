#include "sources/live_bpf/event_writer.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

namespace gyr {
namespace {

constexpr std::uint32_t kCreated = 0x100000; // FMODE_CREATED

// quotactl: the commands that have a structure, or that read the id as something else.
constexpr std::uint32_t kQuotaOn = 0x800002, kGetFormat = 0x800004, kGetInfo = 0x800005, kSetInfo = 0x800006,
                        kGetQuota = 0x800007, kSetQuota = 0x800008, kXfsGetQuota = 0x5803, kXfsSetLimit = 0x5804;

// keyctl: whether the argument is a key or a keyring, an int of which those below zero are the caller's own.
constexpr bool is_key_serial(std::uint64_t operation, std::uint8_t argument) {
    switch (argument) {
    case 1: // not: join, session to parent, Diffie-Hellman, public keys (but query), capabilities
        return operation != 1 && operation != 18 && operation != 23 && !(operation >= 25 && operation <= 28) &&
               operation != 31;
    case 2:
        return operation == 8 || operation == 9 || operation == 22 || operation == 30; // link, unlink, persistent, move
    case 3: return operation == 13 || operation == 30;                                 // negate, move
    case 4:
        return operation == 10 || operation == 12 || operation == 19 || operation == 20; // search, instantiate, reject
    default: return false;
    }
}

// Of struct if_dqblk, and of struct if_dqinfo: where a member is, and the bit that says that it is given.
struct QuotaMember {
    std::uint8_t at, size, valid;
    bool info;
};
constexpr QuotaMember kQuotaMembers[] = {
    {0, 8, 1, false},   {8, 8, 1, false},   {16, 8, 2, false}, {24, 8, 4, false}, {32, 8, 4, false},
    {48, 8, 16, false}, {56, 8, 32, false}, {0, 8, 1, true},   {8, 8, 2, true},   {16, 4, 4, true},
};
constexpr std::size_t kBlockValid = 64, kInfoValid = 20;

} // namespace

void EventDecoder::write_param(const ParamSource& p, std::uint8_t width, const gyr_event_header& h, Writer& w) {
    switch (p.from) {
    case ParamFrom::call_id: return w.number(h.call_id, width);
    case ParamFrom::call_number: return w.number(h.slot % GYR_CALLS, width);
    case ParamFrom::result: return w.number(static_cast<std::uint64_t>(h.result), width);
    case ParamFrom::raw_result: // an address, of which 32-bit programs see a half
        return w.number(static_cast<std::uint64_t>(h.result) & (compat_ ? 0xffffffff : ~std::uint64_t{0}), width);
    case ParamFrom::arg:
        return w.number(translate(p.flags, p.flags == Flags::same ? h.args[p.index] : h.args[p.index] & 0xffffffffU),
                        width);
    case ParamFrom::arg_int:
        return w.number(static_cast<std::uint64_t>(static_cast<std::int32_t>(h.args[p.index])), width);
    case ParamFrom::arg_long:
        return w.number(
            compat_ ? static_cast<std::uint64_t>(static_cast<std::int32_t>(h.args[p.index])) : h.args[p.index], width);
    case ParamFrom::arg_word: return w.number(h.args[p.index] & 0xffffffffU, width);
    case ParamFrom::arg_pair: return w.number((h.args[p.second] << 32) | (h.args[p.index] & 0xffffffffU), width);
    case ParamFrom::constant: return w.number(p.offset, width);
    case ParamFrom::number: return w.number(translate(p.flags, item_number(p.index, p.offset, p.size)), width);
    case ParamFrom::text:
    case ParamFrom::data: return w.view(as_text(items_[p.index].bytes));
    case ParamFrom::file_offset:
        return w.number(compat_ ? (h.args[4] << 32) | (h.args[3] & 0xffffffffU) : h.args[p.index], width);
    case ParamFrom::vector_offset:
        return w.number(compat_ ? (h.args[4] << 32) | (h.args[3] & 0xffffffffU) : h.args[p.index], width);
    case ParamFrom::vector_size: return w.number(item_number(p.index, 0, 8), width);
    case ParamFrom::vector_data: {
        const auto bytes = items_[p.index].bytes;
        return w.view(as_text(bytes.size() > 8 ? bytes.subspan(8) : bytes.first(0)));
    }
    case ParamFrom::size_kb:
        return w.number(item_number(p.index, std::size_t{p.offset} * 4, 4) *
                            (static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024),
                        width);
    case ParamFrom::capability: {
        const std::uint64_t low = item_number(p.index, std::size_t{p.offset} * 4, 4);
        return w.number(low | (item_number(p.index, 12 + std::size_t{p.offset} * 4, 4) << 32), width);
    }
    case ParamFrom::interval: {
        if (items_[p.index].bytes.empty()) return w.number(~std::uint64_t{0}, width);
        const std::size_t word = compat_ && compat_number(h) < 403 ? 4 : 8; // the time64 calls begin there
        return w.number(item_number(p.index, 0, word) * 1'000'000'000 + item_number(p.index, word, word), width);
    }
    case ParamFrom::limit: {
        if (items_[p.index].bytes.empty()) return w.number(~std::uint64_t{0}, width);
        if (!compat_ || compat_number(h) == 340) // prlimit64
            return w.number(item_number(p.index, std::size_t{p.offset} * 8, 8), width);
        const std::uint64_t value = item_number(p.index, std::size_t{p.offset} * 4, 4);
        return w.number(value == 0xffffffff ? ~std::uint64_t{0} : value, width);
    }
    case ParamFrom::id: return w.number(item_number(p.index, 0, has_short_ids(h) ? 2 : 4), width);
    case ParamFrom::offset_before: {
        // The kernel moved it by what it copied.
        const bool given = !items_[p.index].bytes.empty();
        const std::uint64_t now = item_number(p.index, 0, compat_number(h) == 187 ? 4 : 8); // sendfile
        return w.number(given && h.result > 0 ? now - static_cast<std::uint64_t>(h.result) : now, width);
    }
    case ParamFrom::device:
    case ParamFrom::inode:
    case ParamFrom::open_flags:
    case ParamFrom::open_mode:
    case ParamFrom::creat_flags:
    case ParamFrom::how_flags:
    case ParamFrom::how_mode:
    case ParamFrom::object_path:
    case ParamFrom::poll_list: return write_path_param(p, h, w);
    case ParamFrom::socket_address:
    case ParamFrom::tuple:
    case ParamFrom::tuple_from:
    case ParamFrom::message_tuple:
    case ParamFrom::message_tuple_from:
    case ParamFrom::message_data:
    case ParamFrom::message_size:
    case ParamFrom::message_control:
    case ParamFrom::endpoint_self:
    case ParamFrom::endpoint_peer:
    case ParamFrom::socket_option:
    case ParamFrom::option_value:
    case ParamFrom::queue_percent:
    case ParamFrom::queue_length:
    case ParamFrom::queue_max: return write_socket_param(p, h, w);
    default: return write_other_param(p, h, w);
    }
}

void EventDecoder::write_quota_param(const ParamSource& p, const gyr_event_header& h, Writer& w) {
    const std::uint32_t command = static_cast<std::uint32_t>(h.args[0]) >> 8;
    switch (p.from) {
    case ParamFrom::quota_file: return command == kQuotaOn ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::quota_command: {
        struct Command {
            std::uint32_t kernel, ours;
        };
        static constexpr Command kCommands[] = {
            {0x800002, 0x1},  {0x800003, 0x2},  {0x800004, 0x4},  {0x800005, 0x8},  {0x800006, 0x10},
            {0x800007, 0x20}, {0x800008, 0x40}, {0x800001, 0x80}, {0x5801, 0x100},  {0x5802, 0x200},
            {0x5803, 0x400},  {0x5804, 0x800},  {0x5805, 0x1000}, {0x5806, 0x2000}, {0x5807, 0x4000},
        };
        const auto* found = std::ranges::find(kCommands, command, &Command::kernel);
        return w.number(found != std::end(kCommands) ? found->ours : 0, 2);
    }
    case ParamFrom::quota_type: return w.number((h.args[0] & 0xff) == 0 ? 1 : (h.args[0] & 0xff) == 1 ? 2 : 0, 1);
    case ParamFrom::quota_id: {
        const bool of_one =
            command == kGetQuota || command == kSetQuota || command == kXfsGetQuota || command == kXfsSetLimit;
        return w.number(of_one ? h.args[2] : 0, 4);
    }
    case ParamFrom::quota_format:
        return w.number(translate(Flags::quota_format, command == kQuotaOn ? h.args[2] & 0xffffffff : 0), 1);
    case ParamFrom::quota_format_out: {
        const bool told = command == kGetFormat && h.result >= 0;
        return w.number(translate(Flags::quota_format, told ? item_number(p.index, 0, 4) : 0), 1);
    }
    case ParamFrom::quota_member: {
        const QuotaMember& m = kQuotaMembers[p.offset];
        const std::size_t width = m.size == 8 ? 8 : 1;
        const bool given = command == (m.info ? kSetInfo : kSetQuota),
                   answered = command == (m.info ? kGetInfo : kGetQuota) && h.result >= 0;
        if (!given && !answered) return w.number(0, width);
        if ((item_number(p.index, m.info ? kInfoValid : kBlockValid, 4) & m.valid) == 0) return w.number(0, width);
        const std::uint64_t value = item_number(p.index, m.at, m.size);
        return w.number(m.size == 8 ? value : translate(Flags::quota_info, value), width);
    }
    default: return w.none();
    }
}

void EventDecoder::write_path_param(const ParamSource& p, const gyr_event_header& h, Writer& w) {
    const auto object_bits = [this](std::uint8_t k) {
        const KernelObject& o = objects_[k];
        if (!o.present) return std::uint64_t{0};
        return std::uint64_t{o.object.file_mode & kCreated ? 0x4000U : 0U} |
               (o.object.flags & GYR_OBJECT_UPPER ? 0x8000U : 0U) | (o.object.flags & GYR_OBJECT_LOWER ? 0x10000U : 0U);
    };
    const auto mode_of = [](std::uint64_t flags, std::uint64_t mode) {
        return (flags & 0100) != 0 || (flags & 020000000) != 0 ? mode & 07777 : 0; // only when a file may be made
    };
    switch (p.from) {
    case ParamFrom::device:
        return w.number(objects_[p.index].present ? capture_device(objects_[p.index].object.dev) : 0, 4);
    case ParamFrom::inode: return w.number(objects_[p.index].present ? objects_[p.index].object.ino : 0, 8);
    case ParamFrom::open_flags: return w.number(translate(Flags::open, h.args[p.index]) | object_bits(p.second), 4);
    case ParamFrom::open_mode: return w.number(mode_of(h.args[p.index], h.args[p.second]), 4);
    case ParamFrom::creat_flags: return w.number(object_bits(p.index) >> 15, 2);
    case ParamFrom::how_flags: {
        // They are in memory, which may have changed by now: how the file is open, it says itself.
        std::uint64_t flags = item_number(p.index, 0, 8);
        if (const KernelObject& o = objects_[p.second]; o.present)
            flags = (flags & ~std::uint64_t{O_ACCMODE}) | (o.object.open_flags & O_ACCMODE);
        return w.number(translate(Flags::open, flags) | object_bits(p.second), 4);
    }
    case ParamFrom::how_mode: return w.number(mode_of(item_number(p.index, 0, 8), item_number(p.index, 8, 8)), 4);
    case ParamFrom::object_path:
        if (!objects_[p.index].present || p.index != 0) return w.none();
        w.begin();
        w.part(std::string_view(fd_.name));
        w.part('\0');
        return w.end();
    case ParamFrom::poll_list: {
        const auto bytes = items_[p.index].bytes;
        const auto count = static_cast<std::uint16_t>(bytes.size() / 8);
        w.begin();
        w.part(count);
        for (std::uint16_t i = 0; i < count; ++i) { // struct pollfd; what happened, when something did
            const auto fd = static_cast<std::int32_t>(item_number(p.index, std::size_t{i} * 8, 4));
            const auto flags =
                static_cast<std::uint16_t>(translate(Flags::poll, item_number(p.index, std::size_t{i} * 8 + 6, 2)));
            w.part(static_cast<std::int64_t>(fd));
            w.part(flags);
        }
        return w.end();
    }
    default: return w.none();
    }
}

void EventDecoder::write_other_param(const ParamSource& p, const gyr_event_header& h, Writer& w) {
    const auto variant = [&w](std::uint8_t index, std::uint64_t value, std::size_t width) {
        w.begin();
        w.part(index);
        w.part(std::string_view(reinterpret_cast<const char*>(&value), width));
        w.end();
    };
    switch (p.from) {
    case ParamFrom::ptrace_address: return variant(0, h.args[2], 8);
    case ParamFrom::ptrace_data:
        switch (h.args[0]) {
        case PTRACE_CONT:
        case PTRACE_SINGLESTEP:
        case PTRACE_DETACH:
        case PTRACE_SYSCALL: return variant(1, h.args[3], 1);
        case PTRACE_PEEKTEXT:
        case PTRACE_PEEKDATA:
        case PTRACE_PEEKUSER: return variant(0, item_number(p.index, 0, compat_ ? 4 : 8), 8);
        default: return variant(0, h.args[3], 8);
        }
    case ParamFrom::prctl_text:
        return h.args[0] == PR_SET_NAME || h.args[0] == PR_GET_NAME ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::prctl_number:
        switch (h.args[0]) {
        case PR_SET_NAME:
        case PR_GET_NAME: return w.number(0, 8);
        case PR_GET_CHILD_SUBREAPER: return w.number(item_number(p.index, 0, 4), 8);
        default: return w.number(h.args[1], 8);
        }
    case ParamFrom::ring_signals: // IORING_ENTER_EXT_ARG: a structure that points to them
        return (h.args[3] & 8) != 0 ? w.none() : w.number(item_number(p.index, 0, 4), 4);
    case ParamFrom::config_text: // FSCONFIG_SET_STRING, _PATH, _PATH_EMPTY
        return h.args[1] == 1 || h.args[1] == 3 || h.args[1] == 4 ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::config_bytes: return h.args[1] == 2 ? w.view(as_text(items_[p.index].bytes)) : w.none();
    case ParamFrom::quota_file:
    case ParamFrom::quota_command:
    case ParamFrom::quota_type:
    case ParamFrom::quota_id:
    case ParamFrom::quota_format:
    case ParamFrom::quota_format_out:
    case ParamFrom::quota_member: return write_quota_param(p, h, w);
    case ParamFrom::key_argument: {
        // Where an operation takes a text: join (1) and search (2, 3), restrict (2, 3), describe gives none.
        const std::uint64_t operation = h.args[0];
        const bool text = (operation == 1 && p.index == 1) || (operation == 10 && (p.index == 2 || p.index == 3)) ||
                          (operation == 29 && (p.index == 2 || p.index == 3));
        if (!text || p.second >= items_.size()) {
            const bool serial = is_key_serial(operation, p.index);
            return variant(
                0, serial ? static_cast<std::uint64_t>(static_cast<std::int32_t>(h.args[p.index])) : h.args[p.index],
                8);
        }
        w.begin();
        w.part(std::uint8_t{1});
        w.part(as_text(items_[p.second].bytes));
        return w.end();
    }
    default: return w.none();
    }
}

} // namespace gyr
