#include "sources/live_bpf/call_table.h"

#include "event/clone_flags.h"
#include "event/schema.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>

namespace gyr {
namespace {

constexpr std::uint8_t kResult = GYR_FROM_RESULT, kNone = GYR_FROM_NOTHING;
constexpr std::uint8_t critical = GYR_LANE_CRITICAL, network = GYR_LANE_NETWORK, bulk = GYR_LANE_BULK;

constexpr gyr_fetch fetch(unsigned op, std::uint8_t arg, std::uint8_t len = kNone, unsigned flags = 0,
                          std::uint16_t size = 0, std::uint16_t unit = 1) {
    return {static_cast<gyr_u8>(op), arg, len, static_cast<gyr_u8>(flags), size, unit};
}
// Fetches. An argument's number, kResult or kNone.
constexpr gyr_fetch object(std::uint8_t fd) { return fetch(GYR_FETCH_OBJECT, fd); }
constexpr gyr_fetch object_before(std::uint8_t fd) { return fetch(GYR_FETCH_OBJECT, fd, kNone, GYR_FETCH_ENTER); }
constexpr gyr_fetch object_at(std::uint8_t a) { return fetch(GYR_FETCH_OBJECT_AT, a, kNone, GYR_FETCH_ON_SUCCESS); }
constexpr gyr_fetch text(std::uint8_t a) { return fetch(GYR_FETCH_TEXT, a); }
constexpr gyr_fetch text_on_success(std::uint8_t a) { return fetch(GYR_FETCH_TEXT, a, kNone, GYR_FETCH_ON_SUCCESS); }
constexpr gyr_fetch base(std::uint8_t dir, std::uint8_t path) { return fetch(GYR_FETCH_BASE, dir, path); }
constexpr gyr_fetch bytes(std::uint8_t a, std::uint16_t size) { return fetch(GYR_FETCH_BYTES, a, kNone, 0, size); }
// What the kernel writes there, which it does when it succeeds.
constexpr gyr_fetch bytes_made(std::uint8_t a, std::uint16_t size) {
    return fetch(GYR_FETCH_BYTES, a, kNone, GYR_FETCH_ON_SUCCESS, size);
}
// Of an array of as many elements as an argument says, the first ones: no byte of what lies behind it.
constexpr gyr_fetch array_begin(std::uint8_t a, std::uint8_t count, std::uint16_t unit, std::uint16_t bytes) {
    return fetch(GYR_FETCH_BUFFER, a, count, 0, bytes, unit);
}
// What the call leaves other than it was given.
constexpr gyr_fetch bytes_before(std::uint8_t a, std::uint16_t size) {
    return fetch(GYR_FETCH_BYTES, a, kNone, GYR_FETCH_ENTER, size);
}
constexpr gyr_fetch buffer(std::uint8_t a, std::uint8_t len) { return fetch(GYR_FETCH_BUFFER, a, len); }
constexpr gyr_fetch buffer_at(std::uint8_t a, std::uint8_t len) {
    return fetch(GYR_FETCH_BUFFER, a, len, GYR_FETCH_LENGTH_AT);
}
constexpr gyr_fetch array(std::uint8_t a, std::uint8_t count, std::uint16_t unit) {
    return array_begin(a, count, unit, 4096);
}
constexpr gyr_fetch address(std::uint8_t a, std::uint8_t len) { return fetch(GYR_FETCH_SOCKADDR, a, len); }
constexpr gyr_fetch address_at(std::uint8_t a, std::uint8_t len) {
    return fetch(GYR_FETCH_SOCKADDR, a, len, GYR_FETCH_LENGTH_AT);
}
constexpr gyr_fetch vector(std::uint8_t a, std::uint8_t n) { return fetch(GYR_FETCH_VECTOR, a, n); }
constexpr gyr_fetch vector_read(std::uint8_t a, std::uint8_t n) {
    return fetch(GYR_FETCH_VECTOR, a, n, GYR_FETCH_LIMIT_RESULT);
}
constexpr gyr_fetch message(std::uint8_t a) { return fetch(GYR_FETCH_MESSAGE, a); }
constexpr gyr_fetch message_of_several(std::uint8_t a) {
    return fetch(GYR_FETCH_MESSAGE, a, kNone, GYR_FETCH_LIMIT_MESSAGE);
}
constexpr gyr_fetch message_read(std::uint8_t a) { return fetch(GYR_FETCH_MESSAGE, a, kNone, GYR_FETCH_LIMIT_RESULT); }
constexpr gyr_fetch memory() { return fetch(GYR_FETCH_MEMORY, kNone); }

// Parameters. k is the number of a fetch.
constexpr ParamSource call_id() { return {ParamFrom::call_id}; }
constexpr ParamSource call_number() { return {ParamFrom::call_number}; }
constexpr ParamSource result() { return {ParamFrom::result}; }
constexpr ParamSource raw_result() { return {ParamFrom::raw_result}; }
constexpr ParamSource arg(std::uint8_t a, Flags f = Flags::same) { return {ParamFrom::arg, a, 0, 0, 0, f}; }
constexpr ParamSource arg_int(std::uint8_t a) { return {ParamFrom::arg_int, a}; }
constexpr ParamSource arg_long(std::uint8_t a) {
    return {ParamFrom::arg_long, a};
} // with a sign, of the caller's width
constexpr ParamSource arg_word(std::uint8_t a) { return {ParamFrom::arg_word, a}; } // an unsigned int
constexpr ParamSource arg_pair(std::uint8_t low, std::uint8_t high) { return {ParamFrom::arg_pair, low, high}; }
constexpr ParamSource constant(std::uint16_t value) { return {ParamFrom::constant, 0, 0, value}; }
constexpr ParamSource number(std::uint8_t k, std::uint16_t offset, std::uint8_t size, Flags f = Flags::same) {
    return {ParamFrom::number, k, 0, offset, size, f};
}
constexpr ParamSource string(std::uint8_t k) { return {ParamFrom::text, k}; }
constexpr ParamSource open_flags(std::uint8_t a, std::uint8_t k) { return {ParamFrom::open_flags, a, k}; }
constexpr ParamSource open_mode(std::uint8_t flags, std::uint8_t mode) { return {ParamFrom::open_mode, flags, mode}; }
constexpr ParamSource how_flags(std::uint8_t k, std::uint8_t object) { return {ParamFrom::how_flags, k, object}; }
constexpr ParamSource poll_list(std::uint8_t k) { return {ParamFrom::poll_list, k}; }
constexpr ParamSource tuple(std::uint8_t k, std::uint8_t address = kNone) { return {ParamFrom::tuple, k, address}; }
constexpr ParamSource tuple_from(std::uint8_t k, std::uint8_t address) { return {ParamFrom::tuple_from, k, address}; }
constexpr ParamSource message_tuple(std::uint8_t k, std::uint8_t m) { return {ParamFrom::message_tuple, k, m}; }
constexpr ParamSource message_tuple_from(std::uint8_t k, std::uint8_t m) {
    return {ParamFrom::message_tuple_from, k, m};
}
constexpr ParamSource socket_option(std::uint8_t level, std::uint8_t name) {
    return {ParamFrom::socket_option, level, name};
}
constexpr ParamSource key_argument(std::uint8_t a, std::uint8_t k) { return {ParamFrom::key_argument, a, k}; }
constexpr ParamSource ptrace_address() { return {ParamFrom::ptrace_address}; }
constexpr ParamSource quota_command() { return {ParamFrom::quota_command}; }
constexpr ParamSource quota_type() { return {ParamFrom::quota_type}; }
constexpr ParamSource quota_id() { return {ParamFrom::quota_id}; }
constexpr ParamSource quota_format() { return {ParamFrom::quota_format}; }
#define GYR_OF_FETCH(name)                                                                                             \
    constexpr ParamSource name(std::uint8_t k) { return {ParamFrom::name, k}; }
GYR_OF_FETCH(data)
GYR_OF_FETCH(device)
GYR_OF_FETCH(inode)
GYR_OF_FETCH(creat_flags)
GYR_OF_FETCH(how_mode)
GYR_OF_FETCH(object_path)
GYR_OF_FETCH(file_offset)   // an argument
GYR_OF_FETCH(vector_offset) // an argument
GYR_OF_FETCH(vector_size)
GYR_OF_FETCH(vector_data)
GYR_OF_FETCH(socket_address)
GYR_OF_FETCH(message_data)
GYR_OF_FETCH(message_size)
GYR_OF_FETCH(message_control)
GYR_OF_FETCH(endpoint_self)
GYR_OF_FETCH(endpoint_peer)
GYR_OF_FETCH(option_value)
GYR_OF_FETCH(queue_percent)
GYR_OF_FETCH(queue_length)
GYR_OF_FETCH(queue_max)
GYR_OF_FETCH(interval)
GYR_OF_FETCH(id) // of a user or a group
GYR_OF_FETCH(offset_before)
GYR_OF_FETCH(ptrace_data)
GYR_OF_FETCH(prctl_text)
GYR_OF_FETCH(prctl_number)
GYR_OF_FETCH(ring_signals)
GYR_OF_FETCH(quota_file)
GYR_OF_FETCH(quota_format_out)
GYR_OF_FETCH(config_bytes)
GYR_OF_FETCH(config_text)
#undef GYR_OF_FETCH
constexpr ParamSource size_kb(std::uint8_t k, std::uint16_t which) { return {ParamFrom::size_kb, k, 0, which}; }
constexpr ParamSource limit(std::uint8_t k, std::uint16_t which) { return {ParamFrom::limit, k, 0, which}; }
constexpr ParamSource quota_member(std::uint8_t k, std::uint16_t which) {
    return {ParamFrom::quota_member, k, 0, which};
}
constexpr ParamSource capability(std::uint8_t k, std::uint16_t which) { return {ParamFrom::capability, k, 0, which}; }

constexpr CollectedEvent collected(EventCode code, std::uint8_t lane, std::initializer_list<gyr_fetch> fetches,
                                   std::initializer_list<ParamSource> params) {
    CollectedEvent e;
    e.code = code;
    e.lane = lane;
    for (const gyr_fetch& f : fetches) e.fetches[e.fetch_count++] = f;
    for (const ParamSource& p : params) e.params[e.param_count++] = p;
    return e;
}

constexpr CollectedEvent kEvents[] = {
#define GYR_LIST(...)                                                                                                  \
    { __VA_ARGS__ }
#define GYR_COLLECT(code, lane, fetches, params) collected(code, lane, GYR_LIST fetches, GYR_LIST params),
#include "event/schema_collect.inc"
#undef GYR_COLLECT
#undef GYR_LIST
};

// Of those calls that the generic event tells of and that are told more of; in the order of generic_schema().
constexpr CollectedEvent generic(std::initializer_list<gyr_fetch> fetches, std::initializer_list<ParamSource> params) {
    CollectedEvent e = collected(kGenericExit, bulk, fetches, {call_id(), call_number()});
    for (const ParamSource& p : params) e.params[e.param_count++] = p;
    return e;
}
constexpr CollectedEvent kGenericCalls[] = {
#define GYR_LIST(...)                                                                                                  \
    { __VA_ARGS__ }
#define GYR_GENERIC(name, params, fetches, sources) generic(GYR_LIST fetches, GYR_LIST sources),
#include "event/schema_generic.inc"
#undef GYR_GENERIC
#undef GYR_LIST
};

struct FlagPair {
    std::uint32_t kernel, ours;
};

constexpr FlagPair kOpen[] = {
    {0x40, 0x4},    {0x400, 0x8},    {0x1000, 0x10},   {0x80, 0x20},    {0x800, 0x40},     {0x100000, 0x80},
    {0x200, 0x100}, {0x4000, 0x200}, {0x10000, 0x400}, {0x8000, 0x800}, {0x80000, 0x1000},
};
constexpr FlagPair kMap[] = {
    {0x1, 0x1},     {0x2, 0x2},       {0x10, 0x4},    {0x20, 0x8},    {0x40, 0x10},    {0x4000, 0x40},
    {0x8000, 0x80}, {0x10000, 0x100}, {0x100, 0x200}, {0x800, 0x400}, {0x1000, 0x800}, {0x2000, 0x4000},
};
constexpr FlagPair kProtection[] = {{0x1, 0x1}, {0x2, 0x2},         {0x4, 0x4},
                                    {0x8, 0x8}, {0x01000000, 0x10}, {0x02000000, 0x20}};
constexpr FlagPair kAt[] = {{0x100, 0x400}, {0x1000, 0x1000}};
constexpr FlagPair kResolve[] = {{0x8, 0x1}, {0x10, 0x2}, {0x2, 0x4}, {0x4, 0x8}, {0x1, 0x10}, {0x20, 0x20}};
constexpr FlagPair kEpoll[] = {{0x80000, 0x1}};
constexpr FlagPair kNonblock[] = {{0x800, 0x1}};
constexpr FlagPair kUringSetup[] = {{0x1, 0x1},   {0x2, 0x2},   {0x4, 0x8},  {0x8, 0x10},
                                    {0x10, 0x20}, {0x20, 0x40}, {0x40, 0x80}};
constexpr FlagPair kSemop[] = {{04000, 0x1}, {0x1000, 0x2}};
constexpr FlagPair kSemget[] = {{01000, 0x2000}, {02000, 0x4000}};
constexpr FlagPair kRemoval[] = {{0x800, 0x2}, {0x200, 0x1}};
constexpr FlagPair kFcntl[] = {
    // enumerators
    {0, 1},       {1, 2},       {2, 3},       {3, 4},       {4, 5},       {5, 6},       {6, 8},
    {7, 9},       {8, 0xa},     {9, 0xc},     {10, 0xd},    {11, 0xf},    {12, 0x11},   {13, 0x12},
    {14, 0x13},   {15, 0x15},   {16, 0x16},   {36, 0x1e},   {37, 0x1f},   {38, 0x20},   {1024, 0x17},
    {1025, 0x18}, {1026, 0x1b}, {1029, 0x19}, {1030, 0x1a}, {1031, 0x1c}, {1032, 0x1d},
};
constexpr FlagPair kPtrace[] = {
    {0, 1},         {1, 2},         {2, 3},         {3, 4},         {4, 5},         {5, 6},         {6, 7},
    {7, 8},         {8, 9},         {9, 0xa},       {12, 0x1a},     {13, 0x1b},     {14, 0x1c},     {15, 0x1d},
    {16, 0xb},      {17, 0xc},      {18, 0x1e},     {19, 0x1f},     {21, 0x20},     {24, 0xd},      {25, 0x21},
    {26, 0x22},     {30, 0x23},     {31, 0x24},     {32, 0x25},     {33, 0x26},     {0x4200, 0xe},  {0x4201, 0xf},
    {0x4202, 0x10}, {0x4203, 0x11}, {0x4204, 0x12}, {0x4205, 0x13}, {0x4206, 0x14}, {0x4207, 0x15}, {0x4208, 0x16},
    {0x4209, 0x17}, {0x420a, 0x18}, {0x420b, 0x19},
};
constexpr FlagPair kSocketOption[] = {
    // above those that are the same; the last five are 64-bit forms of others
    {55, 52}, {57, 53}, {59, 51}, {63, 29}, {64, 35}, {65, 37}, {66, 20}, {67, 21},
};
constexpr FlagPair kPoll[] = {
    {0x1, 0x1},   {0x2, 0x2},   {0x4, 0x4},    {0x2000, 0x8},  {0x8, 0x10},    {0x10, 0x20},
    {0x20, 0x40}, {0x40, 0x80}, {0x80, 0x100}, {0x100, 0x200}, {0x200, 0x400},
};
constexpr FlagPair kQuotaFormat[] = {{1, 0x2}, {2, 0x4}, {4, 0x8}};
constexpr FlagPair kSemctl[] = {
    {2, 0x1},   {1, 0x2},    {0, 0x4},    {3, 0x8},    {19, 0x10},  {18, 0x20},   {13, 0x40},
    {14, 0x80}, {11, 0x100}, {12, 0x200}, {15, 0x400}, {17, 0x800}, {16, 0x1000},
};

std::uint64_t bits(std::span<const FlagPair> table, std::uint64_t value) {
    std::uint64_t out = 0;
    for (const FlagPair& f : table) out |= (value & f.kernel) == f.kernel ? f.ours : 0;
    return out;
}
std::uint64_t enumerator(std::span<const FlagPair> table, std::uint64_t value, std::uint64_t unknown) {
    for (const FlagPair& f : table)
        if (f.kernel == value) return f.ours;
    return unknown;
}

std::uint64_t open_bits(std::uint64_t value) {
    constexpr std::uint32_t kTmpfile = 020000000 | 0200000, kSync = 04010000, kDsync = 010000;
    std::uint64_t out = 0;
    switch (value & 3) {
    case 0: out = 1; break;
    case 1: out = 2; break;
    case 2: out = 3; break;
    default: break;
    }
    out |= bits(kOpen, value & ~std::uint64_t{kSync});
    if ((value & kSync) == kSync)
        out |= 0x80;
    else if (value & kDsync)
        out |= 0x10;
    if ((value & kTmpfile) == kTmpfile) out |= 0x2000;
    return out;
}

// What the processor says of a page fault; absence of a bit says something too.
std::uint64_t fault_bits(std::uint64_t error) {
    return (error & 1 ? 0x1U : 0x2U) | (error & 2 ? 0x4U : 0x8U) | (error & 4 ? 0x10U : 0x20U) |
           (error & 8 ? 0x40U : 0U) | (error & 16 ? 0x80U : 0U);
}

} // namespace

std::uint64_t translate(Flags table, std::uint64_t value) {
    switch (table) {
    case Flags::same: return value;
    case Flags::open: return open_bits(value);
    case Flags::descriptor: return bits(kOpen, value & 0x84c00); // O_CLOEXEC, O_NONBLOCK, O_DIRECT, O_APPEND
    case Flags::clone: return capture_clone_flags(value);
    case Flags::map: return bits(kMap, value);
    case Flags::protection: return bits(kProtection, value);
    case Flags::at: return bits(kAt, value);
    case Flags::resolve: return bits(kResolve, value);
    case Flags::epoll: return bits(kEpoll, value);
    case Flags::nonblock: return bits(kNonblock, value);
    case Flags::uring_setup: return bits(kUringSetup, value);
    case Flags::semop: return bits(kSemop, value);
    case Flags::semget: return bits(kSemget, value) | (value & 0777);
    case Flags::module_removal: return bits(kRemoval, value);
    case Flags::fcntl: return enumerator(kFcntl, value, 0);
    case Flags::ptrace: return enumerator(kPtrace, value, 0);
    case Flags::semctl: return enumerator(kSemctl, value & 0xff, 0); // 32-bit calls add IPC_64
    case Flags::socket_level: return value == 1 ? 1 : value == 6 ? 2 : 0;
    case Flags::socket_option: return value <= 50 ? value : enumerator(kSocketOption, value, 0);
    case Flags::resource: return value <= 15 ? value : 0xff;
    case Flags::poll: return bits(kPoll, value);
    case Flags::quota_format: return enumerator(kQuotaFormat, value, 0x1);
    case Flags::quota_info: return (value & 1) != 0 ? 0x2 : 0x1;
    case Flags::fault: return fault_bits(value);
    case Flags::mount: return (value & 0xffff0000U) == 0xc0ed0000U ? value & 0xffff : value; // an old magic number
    }
    return value;
}

std::span<const CollectedEvent> collected_events() { return kEvents; }

const CollectedEvent* find_collected(EventCode code) {
    static const std::array<const CollectedEvent*, GYR_CLASSES> by_code = [] {
        std::array<const CollectedEvent*, GYR_CLASSES> out{};
        for (const CollectedEvent& e : kEvents) out[e.code] = &e;
        return out;
    }();
    return code < by_code.size() ? by_code[code] : nullptr;
}

const CollectedEvent* find_collected(EventCode code, std::uint16_t call_id) {
    if (code != kGenericExit) return find_collected(code);
    const EventInfo* call = find_generic(call_id);
    return call == nullptr ? find_collected(code) : &kGenericCalls[call - generic_schema().data()];
}

} // namespace gyr
