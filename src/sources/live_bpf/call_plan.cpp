#include "sources/live_bpf/call_plan.h"

#include "sources/live_bpf/call_table.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace gyr {
namespace {

constexpr CallNumber kCalls[] = {
#define GYR_CALL(id, name, native, compat, code) CallNumber{id, name, native, compat, code},
#include "event/schema_calls.inc"
#undef GYR_CALL
};

// The operations of socketcall(2), by number.
constexpr std::array<std::string_view, 21> kSocketCalls{
    "",           "socket",  "bind",    "connect",  "listen",   "accept",   "getsockname", "getpeername",
    "socketpair", "send",    "recv",    "sendto",   "recvfrom", "shutdown", "setsockopt",  "getsockopt",
    "sendmsg",    "recvmsg", "accept4", "recvmmsg", "sendmmsg"};
constexpr UringOperation kUringOperations[] = {
    {1, "readv"},           {2, "writev"},       {3, "fsync"},      {4, "read"},        {5, "write"},
    {8, "sync_file_range"}, {9, "sendmsg"},      {10, "recvmsg"},   {13, "accept4"},    {16, "connect"},
    {17, "fallocate"},      {18, "openat"},      {19, "close"},     {21, "statx"},      {22, "read"},
    {23, "write"},          {24, "fadvise64"},   {25, "madvise"},   {26, "sendto"},     {27, "recvfrom"},
    {28, "openat"},         {29, "epoll_ctl"},   {30, "splice"},    {33, "tee"},        {34, "shutdown"},
    {35, "renameat2"},      {36, "unlinkat"},    {37, "mkdirat"},   {38, "symlinkat"},  {39, "linkat"},
    {41, "fsetxattr"},      {42, "setxattr"},    {43, "fgetxattr"}, {44, "getxattr"},   {45, "socket"},
    {47, "sendto"},         {48, "sendmsg"},     {49, "read"},      {50, "waitid"},     {55, "ftruncate"},
    {56, "bind"},           {57, "listen"},      {60, "readv"},     {61, "writev"},     {51, "futex_wait"},
    {52, "futex_wake"},     {53, "futex_waitv"}, {58, "recvfrom"},  {59, "epoll_wait"}, {62, "pipe2"},
};
constexpr std::uint16_t kSocketCall = GYR_COMPAT_BASE + 102;
constexpr std::size_t kHalf = GYR_PLANS / 2;
constexpr unsigned kSetBits = 16;

// Those that have names which all of a path is looked at for.
std::uint32_t whole_sets(const std::vector<PathName>& names) {
    std::uint32_t sets = 0;
    for (const PathName& n : names)
        if (n.kind != PathName::Kind::base && n.kind != PathName::Kind::pair && n.kind != PathName::Kind::parent)
            sets |= n.sets;
    return sets;
}

void lower_clause(const EventClause& c, unsigned index, unsigned generation, std::uint32_t whole, gyr_plan& out) {
    const auto ask = [&](bool set, gyr_u32 what) {
        if (set) out.asks[what] = static_cast<gyr_u16>(out.asks[what] | 1U << index);
    };
    ask(c.success, GYR_ASK_SUCCESS);
    ask(c.failure, GYR_ASK_FAILURE);
    ask(c.read, GYR_ASK_READ);
    ask(c.write, GYR_ASK_WRITE);
    ask(c.internet || c.tcp || c.udp || c.not_tcp, GYR_ASK_PROTOCOL);
    const auto another = [&](bool strikes, gyr_u32 protocol) {
        if (strikes) out.protocol[protocol] = static_cast<gyr_u16>(out.protocol[protocol] | 1U << index);
    };
    another(c.internet || c.tcp || c.udp, GYR_NO_INTERNET);
    another(c.udp || c.not_tcp, GYR_TCP);
    another(c.tcp, GYR_UDP);
    another(c.tcp || c.udp, GYR_OTHER_PROTOCOL);
    ask(c.end_sets != 0, GYR_ASK_ENDS);
    ask(c.path_sets != 0, GYR_ASK_PATH);
    ask((c.path_sets & whole) != 0, GYR_ASK_WHOLE);
    ask(c.process_bits != 0, GYR_ASK_PROCESS);
    ask(c.upward, GYR_ASK_UPWARD);
    ask(c.container, GYR_ASK_CONTAINER);
    out.clause[index] = {.path_sets = (c.path_sets & 0xffffU) << (generation * kSetBits),
                         .end_sets = (c.end_sets & 0xffffU) << (generation * kSetBits),
                         .process_bits = c.process_bits};
}

gyr_plan lower_demand(const EventDemand& demand, const CollectedEvent& event, std::uint16_t call_id,
                      unsigned generation, std::uint32_t whole) {
    gyr_plan p{};
    p.code = demand.code;
    p.call_id = call_id;
    p.lane = event.lane;
    p.event_class = demand.code;
    p.object_arg = p.other_arg = p.text_arg = GYR_FROM_NOTHING;
    p.fetches = event.fetch_count;
    std::ranges::copy(event.fetches, p.fetch);
    // After the event's own: where it is found again does not depend on the plan.
    if (demand.cwd && p.fetches < GYR_FETCHES)
        p.fetch[p.fetches++] = {
            .op = GYR_FETCH_BASE, .arg = GYR_FROM_NOTHING, .len = GYR_FROM_NOTHING, .flags = 0, .size = 0, .unit = 1};
    for (const gyr_fetch& f : event.all_fetches()) {
        if (f.flags & GYR_FETCH_ENTER) p.flags |= GYR_PLAN_ENTER;
        if (f.op == GYR_FETCH_BASE && p.text_arg == GYR_FROM_NOTHING) p.text_arg = f.len;
    }
    // What waits in a connected socket may be from before.
    if (demand.code == kSendto || demand.code == kRecvfrom) p.flags |= GYR_PLAN_NAMES_END;
    if (demand.code == kSendmsg || demand.code == kRecvmsg || demand.code == kSendmmsg || demand.code == kRecvmmsg)
        p.flags |= GYR_PLAN_NAMES_END_AT;
    if (demand.code == kConnect) p.flags |= GYR_PLAN_CONNECTS;
    if (demand.code == kSendmmsg || demand.code == kRecvmmsg) p.flags |= GYR_PLAN_MESSAGES;
    // What is gone when the call ends cannot be asked about then.
    const gyr_fetch& first = event.fetches[0];
    if (event.fetch_count > 0 && first.op == GYR_FETCH_OBJECT && (first.flags & GYR_FETCH_ENTER) == 0)
        p.object_arg = first.arg;
    if (event.has_two_sides()) p.other_arg = event.fetches[1].arg;
    if (demand.clauses.size() <= GYR_CLAUSES) {
        p.clauses = static_cast<gyr_u8>(demand.clauses.size());
        for (unsigned i = 0; i < p.clauses; ++i) lower_clause(demand.clauses[i], i, generation, whole, p);
    }
    return p;
}

std::uint64_t mix(std::uint64_t h, std::uint64_t word) {
    h = (h ^ word) * 0xff51afd7ed558ccdULL;
    return h ^ (h >> 32);
}

std::uint64_t hash_one(std::string_view name) {
    std::uint64_t h = 0x9e3779b97f4a7c15ULL;
    std::array<std::uint64_t, 4> words{};
    const std::size_t length = std::min<std::size_t>(name.size(), sizeof words - 1);
    std::memcpy(words.data(), name.data(), length);
    h = mix(h, words[0]);
    for (std::size_t i = 1; i * sizeof(std::uint64_t) < length; ++i) h = mix(h, words[i]);
    return h;
}

// Prefix, then address.
using Network = std::pair<std::uint8_t, std::array<std::uint8_t, 16>>;

bool contains(const Network& wider, const Network& network) {
    if (wider.first > network.first) return false;
    for (unsigned bit = 0; bit < wider.first; ++bit)
        if (((wider.second[bit / 8] ^ network.second[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
    return true;
}

// By IPv4 and IPv6: which first bytes an address of the network may have.
using FirstBytes = std::array<std::bitset<256>, 2>;
void add_first_bytes(const Network& n, FirstBytes& out) {
    const auto add = [](std::bitset<256>& to, unsigned byte, unsigned prefix) {
        for (unsigned b = byte; b <= (byte | 0xffU >> std::min(prefix, 8U)); ++b) to.set(b);
    };
    add(out[1], n.second[0], n.first);
    static constexpr Network kV4{96, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    if (contains(n, kV4))
        out[0].set();
    else if (contains(kV4, n))
        add(out[0], n.second[12], n.first - 96U);
}

gyr_network_key network_key(const Network& n) {
    gyr_network_key key{};
    key.prefix = n.first;
    std::ranges::copy(n.second, key.address);
    return key;
}

// The sets of names that a path is in, as the kernel finds them by walking it.
std::uint32_t sets_of_path(const std::vector<PathName>& names, std::string_view path) {
    std::vector<std::string_view> parts;
    for (std::size_t at = 1; at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        parts.push_back(path.substr(at, end - at));
        at = end + 1;
    }
    const auto part = [&parts](std::size_t i) { return i < parts.size() ? parts[i] : std::string_view{}; };
    const auto from_end = [&parts](std::size_t i) {
        return i < parts.size() ? parts[parts.size() - 1 - i] : std::string_view{};
    };
    std::uint32_t sets = 0;
    for (const PathName& n : names) {
        bool is = false;
        switch (n.kind) {
        case PathName::Kind::base: is = n.first == from_end(0); break;
        case PathName::Kind::pair: is = n.second == from_end(0) && n.first == from_end(1); break;
        case PathName::Kind::parent: is = n.second == from_end(1) && n.first == from_end(2); break;
        case PathName::Kind::top: is = n.first == part(0); break;
        case PathName::Kind::tops: is = n.first == part(0) && n.second == part(1); break;
        case PathName::Kind::any: is = std::ranges::find(parts, n.first) != parts.end(); break;
        case PathName::Kind::letters: is = path.find(n.first) != std::string_view::npos; break;
        }
        if (is) sets |= n.sets;
    }
    return sets;
}

} // namespace

std::span<const CallNumber> call_numbers() { return kCalls; }
std::span<const UringOperation> uring_operations() { return kUringOperations; }

std::uint32_t name_hash(const PathName& name) {
    const bool two =
        name.kind == PathName::Kind::pair || name.kind == PathName::Kind::parent || name.kind == PathName::Kind::tops;
    if (!two) return static_cast<std::uint32_t>(hash_one(name.first));
    // pair: directory, then file. parent: the directory, then what is above it.
    const bool pair = name.kind != PathName::Kind::parent;
    return static_cast<std::uint32_t>(
        mix(hash_one(pair ? name.first : name.second) * 3, hash_one(pair ? name.second : name.first)));
}

std::uint32_t dismissal_hash(const PathName& name) { return static_cast<std::uint32_t>(hash_one(name.second)); }

namespace {

// Calls that programs make all the time, by their numbers: read, write, openat, close, open, recvfrom, sendto, recvmsg,
// sendmsg, writev, readv, connect.
constexpr std::array<std::uint16_t, 12> kOften{0, 1, 257, 3, 2, 45, 44, 47, 46, 20, 19, 42};

// So that the entries of those calls are the first ones.
void put_often_first(LoweredPlan& plan) {
    const auto rank_of = [&](std::size_t entry) {
        std::ptrdiff_t rank = std::ssize(kOften);
        for (const auto& [slot, index] : plan.slots)
            if (index == entry) rank = std::min(rank, std::ranges::find(kOften, slot) - kOften.begin());
        return rank;
    };
    std::vector<std::pair<std::ptrdiff_t, std::size_t>> order;
    for (std::size_t i = 0; i < plan.entries.size(); ++i) order.emplace_back(rank_of(i), i);
    std::ranges::sort(order);
    std::vector<gyr_plan> entries;
    std::vector<std::uint16_t> index_of(order.size());
    for (const auto& [rank, i] : order) {
        index_of[i] = static_cast<std::uint16_t>(entries.size());
        entries.push_back(plan.entries[i]);
    }
    for (auto& [slot, index] : plan.slots) index = index_of[index];
    plan.entries = std::move(entries);
}

// Those of the calls above all of whose clauses want another socket than one of TCP, and nothing else of the call.
Programs::Numbers not_about_tcp(const LoweredPlan& plan) {
    Programs::Numbers out{};
    unsigned room = GYR_NOT_TCP;
    for (const std::uint16_t number : kOften) {
        const auto slot = std::ranges::find(plan.slots, number, &std::pair<std::uint16_t, std::uint16_t>::first);
        if (slot == plan.slots.end() || room == 0) continue;
        const gyr_plan& p = plan.entries[slot->second];
        const unsigned all = (1U << p.clauses) - 1;
        const bool asked_at_the_end = (p.flags & (GYR_PLAN_ENTER | GYR_PLAN_CONNECTS)) == 0;
        if (p.clauses == 0 || p.object_arg != 0 || !asked_at_the_end || p.protocol[GYR_TCP] != all) continue;
        out[number / 64] |= std::uint64_t{1} << (number % 64);
        --room;
    }
    return out;
}

// Where an entry is in the kernel's table.
std::uint32_t key_of_entry(unsigned generation, std::size_t entry) {
    const bool first = entry < GYR_FIRST_PLANS;
    const std::size_t begin =
        first ? 1 + generation * GYR_FIRST_PLANS : 1 + GYR_FIRST_PLANS + generation * (kHalf - GYR_FIRST_PLANS - 1);
    return static_cast<std::uint32_t>(begin + entry);
}

} // namespace

LoweredPlan lower_plan(const EventPlan& plan, unsigned generation, bool every_one_is_judged) {
    LoweredPlan out;
    bool socket_calls = false;
    const std::uint32_t whole = whole_sets(plan.names);
    for (const EventDemand& demand : plan.demands) {
        if (find_collected(demand.code) == nullptr) continue;
        // Several calls may give one event; those of the same neutral number share an entry.
        std::map<std::uint16_t, std::uint16_t> entry_of;
        const auto entry = [&](std::uint16_t call_id) {
            const auto [at, fresh] = entry_of.try_emplace(call_id, static_cast<std::uint16_t>(out.entries.size()));
            if (fresh)
                out.entries.push_back(
                    lower_demand(demand, *find_collected(demand.code, call_id), call_id, generation, whole));
            return at->second;
        };
        const auto asked = [&](std::uint16_t call_id) {
            return demand.calls.empty() || std::ranges::find(demand.calls, call_id) != demand.calls.end();
        };
        const auto slot = [&](std::size_t number, std::uint16_t index) {
            out.slots.emplace_back(static_cast<std::uint16_t>(number), index);
        };
        if (demand.code == kSignalDeliver) slot(GYR_SLOT_SIGNAL, entry(0)), out.hooks.signals = true;
        if (demand.code == kPageFault) slot(GYR_SLOT_FAULT, entry(0)), out.hooks.page_faults = true;
        for (const CallNumber& call : kCalls) {
            if (call.code != demand.code || !asked(call.call_id)) continue;
            const std::uint16_t index = entry(call.call_id);
            out.hooks.calls = true;
            if (call.native >= 0 && call.native < static_cast<int>(GYR_CALLS))
                slot(static_cast<std::size_t>(call.native), index);
            if (call.compat >= 0 && call.compat < static_cast<int>(GYR_CALLS))
                slot(GYR_COMPAT_BASE + static_cast<std::size_t>(call.compat), index);
            const auto operation = std::ranges::find(kSocketCalls, call.name);
            if (operation != kSocketCalls.end()) {
                slot(GYR_SOCKETCALL_BASE + static_cast<std::size_t>(operation - kSocketCalls.begin()), index);
                socket_calls = true;
            }
            for (const UringOperation& u : kUringOperations)
                if (u.call == call.name) slot(GYR_URING_BASE + u.opcode, index), out.hooks.uring = true;
        }
    }
    for (const gyr_plan& p : out.entries) {
        out.hooks.enter = out.hooks.enter || (p.flags & GYR_PLAN_ENTER) != 0;
        out.hooks.connections = out.hooks.connections || (p.flags & GYR_PLAN_CONNECTS) != 0;
    }
    put_often_first(out);
    // socketcall itself: any entry serves, the operation's own is looked up from it.
    if (socket_calls &&
        std::ranges::find(out.slots, kSocketCall, &std::pair<std::uint16_t, std::uint16_t>::first) == out.slots.end())
        out.slots.emplace_back(kSocketCall, std::uint16_t{0});
    for (const auto& [number, index] : out.slots)
        if (number < 2 * GYR_CALLS)
            out.hooks.ends.numbers[number % GYR_CALLS / 64] |= std::uint64_t{1} << (number % 64);
    if (!every_one_is_judged) out.hooks.ends.not_tcp = not_about_tcp(out);
    return out;
}

Result<> CallPlan::write_names(const Names& names, const std::vector<PathName>& more,
                               const std::vector<PathName>& old) {
    std::array<std::array<std::uint64_t, GYR_NAME_FILTER / 64>, GYR_NAME_KINDS> filter{};
    const auto pass = [&filter](std::size_t kind, std::uint32_t hash) {
        filter[kind][hash / 64 % (GYR_NAME_FILTER / 64)] |= std::uint64_t{1} << (hash % 64);
    };
    for (const std::vector<PathName>* list : {&more, &old}) {
        for (const PathName& n : *list) {
            if (n.sets == 0) continue; // only known by its identity
            if (n.kind == PathName::Kind::tops) pass(GYR_NAME_TOPS, static_cast<std::uint32_t>(hash_one(n.first)));
            if (n.kind == PathName::Kind::pair) pass(GYR_NAME_LAST, dismissal_hash(n));
            if (n.kind == PathName::Kind::parent) pass(GYR_NAME_DIRECTORY, dismissal_hash(n));
        }
    }
    for (const auto& [key, sets] : names) {
        const gyr_name_key k{key.first, key.second};
        if (bpf_map_update_elem(programs_.names_fd(), &k, &sets, BPF_ANY) != 0)
            return fail_errno("write a name of the plan", errno);
        if (key.first != GYR_NAME_TOPS) pass(key.first, key.second);
    }
    std::uint32_t kinds = 0;
    for (std::size_t kind = 0; kind < filter.size(); ++kind) {
        for (std::size_t i = 0; i < filter[kind].size(); ++i) {
            if (filter[kind][i] != 0) kinds |= 1U << kind;
            __atomic_store_n(&programs_.wanted().names[kind][i], filter[kind][i], __ATOMIC_SEQ_CST);
        }
    }
    __atomic_store_n(&programs_.wanted().name_kinds, kinds, __ATOMIC_SEQ_CST);
    return {};
}

// Into the half of this generation, which no program looks at any more.
Result<> CallPlan::write_letters(const std::map<std::string, std::uint32_t>& letters) {
    gyr_wanted& wanted = programs_.wanted();
    use_letters(generation_ ^ 1U);
    if (letters.size() > GYR_LETTERS / 2)
        return fail(ErrorKind::invalid, "the plan has more letters than the kernel's table");
    std::size_t i = generation_ * (GYR_LETTERS / 2);
    std::uint32_t used = wanted.letters_used, sets = wanted.letter_sets;
    for (const auto& [pair, of] : letters) {
        const auto eight = [](char c) { return static_cast<unsigned char>(c) * gyr_u64{0x0101010101010101}; };
        wanted.letters[i] = {.first = eight(pair[0]), .second = eight(pair[1]), .sets = of, .reserved = 0};
        sets |= of;
        used |= 1U << i++;
    }
    __atomic_store_n(&wanted.letter_sets, sets, __ATOMIC_SEQ_CST);
    __atomic_store_n(&wanted.letters_used, used, __ATOMIC_SEQ_CST);
    return {};
}

// Of one generation alone.
void CallPlan::use_letters(unsigned generation) {
    gyr_wanted& wanted = programs_.wanted();
    constexpr std::uint32_t kHalfOfThem = (1U << (GYR_LETTERS / 2)) - 1;
    const std::uint32_t used = wanted.letters_used & kHalfOfThem << (generation * (GYR_LETTERS / 2));
    __atomic_store_n(&wanted.letters_used, used, __ATOMIC_SEQ_CST);
    __atomic_store_n(&wanted.letter_sets, wanted.letter_sets & 0xffffU << (generation * kSetBits), __ATOMIC_SEQ_CST);
}

Result<> CallPlan::set_files(std::map<std::string, std::vector<gyr_file_key>> files) {
    files_ = std::move(files);
    const auto left_out = write_files(nullptr);
    if (!left_out) return std::unexpected(left_out.error());
    if (*left_out == 0) return {};
    return fail(ErrorKind::invalid,
                std::to_string(*left_out) + " files have no room in the kernel's table: they are known by name alone");
}

// For the plan in use; next: the names of one that is about to be, whose generation it is already. How many had no
// room.
Result<std::size_t> CallPlan::write_files(const std::vector<PathName>* next) {
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint32_t> wanted;
    // A file known by a path has that name to every rule, also to those that ask for its folder or its last component.
    const auto add = [&](const std::vector<PathName>& names, unsigned of) {
        for (const auto& [path, found] : files_) {
            const std::uint32_t sets = (sets_of_path(names, path) & 0xffffU) << (of * kSetBits);
            if (sets == 0) continue;
            for (const gyr_file_key& f : found) wanted[{f.ino, f.dev}] |= sets;
        }
    };
    add(path_names_, next == nullptr ? generation_ : generation_ ^ 1U);
    if (next != nullptr) add(*next, generation_);
    const auto key_of = [](const auto& file) {
        return gyr_file_key{.ino = file.first, .dev = file.second, .reserved = 0};
    };
    std::array<std::uint64_t, GYR_FILE_FILTER / 64> filter{};
    std::vector<std::pair<std::uint64_t, std::uint32_t>> left_out;
    const auto put = [&](const auto& file, std::uint32_t sets) {
        const gyr_file_key key = key_of(file);
        filter[(file.first >> 6) % filter.size()] |= std::uint64_t{1} << (file.first & 63);
        return bpf_map_update_elem(programs_.files_fd(), &key, &sets, BPF_ANY) == 0;
    };
    for (const auto& [file, sets] : wanted) {
        if (put(file, sets)) continue;
        if (errno != E2BIG) return fail_errno("write a file of the plan", errno);
        left_out.push_back(file);
    }
    for (std::size_t i = 0; i < filter.size(); ++i)
        __atomic_store_n(&programs_.wanted().files[i], filter[i], __ATOMIC_SEQ_CST);
    for (const auto& [file, sets] : written_) {
        if (wanted.contains(file)) continue;
        const gyr_file_key key = key_of(file);
        bpf_map_delete_elem(programs_.files_fd(), &key);
    }
    // Where those were that are gone, there is room.
    std::erase_if(left_out, [&](const auto& file) { return put(file, wanted.at(file)); });
    for (const auto& file : left_out) wanted.erase(file);
    written_ = std::move(wanted);
    return left_out.size();
}

Result<> CallPlan::write_networks(const Networks& networks) {
    for (const auto& [network, own] : networks) {
        // The kernel finds the longest prefix: it has the sets of all that contain it.
        std::uint32_t sets = 0;
        for (const auto& [wider, more] : networks)
            if (contains(wider, network)) sets |= more;
        const gyr_network_key key = network_key(network);
        if (bpf_map_update_elem(programs_.networks_fd(), &key, &sets, BPF_ANY) != 0)
            return fail_errno("write a network of the plan", errno);
    }
    FirstBytes bytes;
    for (const auto& [network, sets] : networks) add_first_bytes(network, bytes);
    for (std::size_t bit = 0; bit < 512; bit += 64) {
        gyr_u64 word = 0;
        for (std::size_t i = 0; i < 64; ++i) word |= gyr_u64{bytes[bit / 256][bit % 256 + i]} << i;
        __atomic_store_n(&programs_.wanted().network_bytes[bit / 256][bit % 256 / 64], word, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&programs_.wanted().networks, static_cast<gyr_u32>(networks.size()), __ATOMIC_SEQ_CST);
    return {};
}

// By slot, which entry it has. A number that only one of the plans has keeps its bit while either could be in use.
void CallPlan::write_calls(const std::vector<gyr_u16>& entries) {
    std::array<gyr_u64, GYR_CALLS / 64> numbers{};
    for (std::size_t slot = 0; slot < 2 * GYR_CALLS; ++slot)
        if (entries[slot] != 0) numbers[slot % GYR_CALLS / 64] |= gyr_u64{1} << (slot % 64);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        __atomic_fetch_or(&programs_.wanted().numbers[i], numbers[i], __ATOMIC_SEQ_CST);
    gyr_wanted& wanted = programs_.wanted();
    for (std::size_t slot = 0; slot < entries.size(); ++slot) {
        gyr_u16& call = slot < GYR_CALLS ? wanted.calls[slot] : wanted.more_calls[slot - GYR_CALLS];
        __atomic_store_n(&call, entries[slot], __ATOMIC_SEQ_CST);
    }
    for (std::size_t i = 0; i < numbers.size(); ++i)
        __atomic_store_n(&programs_.wanted().numbers[i], numbers[i], __ATOMIC_SEQ_CST);
}

Result<> CallPlan::apply(const EventPlan& plan) {
    if (plan.demands.empty()) {
        if (auto r = programs_.attach_on_demand({}); !r) return r;
        write_calls(std::vector<gyr_u16>(GYR_SLOTS));
        return {};
    }
    generation_ ^= 1U;
    const LoweredPlan lowered = lower_plan(plan, generation_, every_one_is_judged_);
    if (lowered.entries.size() >= kHalf)
        return fail(ErrorKind::invalid, "the plan has more entries than the kernel's table");
    Names fresh;
    std::map<std::string, std::uint32_t> letters;
    for (const PathName& n : plan.names) {
        if (n.sets == 0) continue;
        const std::uint32_t sets = (n.sets & 0xffffU) << (generation_ * kSetBits);
        if (n.kind == PathName::Kind::letters)
            letters[n.first] |= sets;
        else
            fresh[{static_cast<std::uint32_t>(n.kind), name_hash(n)}] |= sets;
    }
    Networks fresh_networks;
    for (const ConnectionEnd& e : plan.ends) {
        const std::uint32_t sets = (e.sets & 0xffffU) << (generation_ * kSetBits);
        if (e.is_port)
            fresh[{GYR_NAME_PORT, e.port}] |= sets;
        else
            fresh_networks[{e.prefix, e.address}] |= sets;
    }
    Names both = names_;
    for (const auto& [key, sets] : fresh) both[key] |= sets;
    Networks both_networks = networks_;
    for (const auto& [key, sets] : fresh_networks) both_networks[key] |= sets;
    if (auto r = write_names(both, plan.names, path_names_); !r) return r;
    if (auto r = write_letters(letters); !r) return r;
    if (auto r = write_networks(both_networks); !r) return r;
    if (auto r = write_files(&plan.names); !r) return std::unexpected(r.error());

    // No program looks at this half until the calls below lead there.
    for (std::size_t i = 0; i < lowered.entries.size(); ++i)
        programs_.wanted().plans[key_of_entry(generation_, i)] = lowered.entries[i];
    std::vector<gyr_u16> wanted(GYR_SLOTS);
    for (const auto& [slot, entry] : lowered.slots)
        wanted[slot] = static_cast<gyr_u16>(key_of_entry(generation_, entry));
    write_calls(wanted);
    if (auto r = programs_.attach_on_demand(lowered.hooks); !r) return r;

    // A program that began with the plan before still asks for its names.
    wait_for_programs();
    for (const auto& [key, sets] : names_) {
        if (fresh.contains(key)) continue;
        const gyr_name_key k{key.first, key.second};
        bpf_map_delete_elem(programs_.names_fd(), &k);
    }
    for (const auto& [network, sets] : networks_) {
        if (fresh_networks.contains(network)) continue;
        const gyr_network_key key = network_key(network);
        bpf_map_delete_elem(programs_.networks_fd(), &key);
    }
    use_letters(generation_);
    names_ = std::move(fresh);
    networks_ = std::move(fresh_networks);
    path_names_ = plan.names;
    if (auto r = write_networks(networks_); !r) return r;
    if (auto r = write_files(nullptr); !r) return std::unexpected(r.error());
    return write_names(names_, path_names_, {});
}

} // namespace gyr
