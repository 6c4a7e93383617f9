#include "sources/live_bpf/programs.h"

#include "abi/kernel_casts.h"
#include "base/fd.h"
#include "sources/live_bpf/kernel_btf.h"
#include "sources/live_bpf/kernel_facts.h"
#include "sources/live_bpf/program_facts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <map>
#include <optional>
#include <ranges>
#include <string_view>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <utility>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "gyr_bpf.skel.h"
#include "gyr_bpf_without_casts.skel.h"
#pragma GCC diagnostic pop

namespace gyr {
namespace {

constexpr std::string_view kCallExit = "call_exit";

// What libbpf last complained about, for error messages; it has no other way to say it.
thread_local std::string last_complaint;

__attribute__((format(printf, 2, 0))) int keep_complaint(libbpf_print_level level, const char* format, va_list args) {

    if (level != LIBBPF_WARN) return 0;
    std::array<char, 512> buf{};
    std::vsnprintf(buf.data(), buf.size(), format, args);
    std::string_view line(buf.data());
    while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
    if (line.find("BEGIN PROG LOAD LOG") == std::string_view::npos && line.find("permitted") == std::string_view::npos)
        last_complaint = line.substr(0, 200);
    return 0;
}

using Skeleton = std::unique_ptr<gyr_bpf, decltype(&gyr_bpf::destroy)>;

// The same programs and data, made of the same source.
static_assert(sizeof(gyr_bpf) == sizeof(gyr_bpf_without_casts));
#define GYR_SAME_PLACE(section, member)                                                                                \
    static_assert(offsetof(std::remove_pointer_t<decltype(gyr_bpf::section)>, member) ==                               \
                  offsetof(std::remove_pointer_t<decltype(gyr_bpf_without_casts::section)>, member));
#define GYR_SAME_CONSTANT(type) GYR_SAME_PLACE(rodata, kernel_type_##type)
GYR_SAME_PLACE(rodata, scratch_slots)
GYR_SAME_PLACE(rodata, ring_bytes)
GYR_SAME_PLACE(rodata, env_bytes_max)
GYR_SAME_PLACE(rodata, buffer_bytes)
GYR_KERNEL_CASTS(GYR_SAME_CONSTANT)
GYR_SAME_PLACE(bss, control)
GYR_SAME_PLACE(bss, losses)
GYR_SAME_PLACE(bss, errors)
GYR_SAME_PLACE(bss, identified)
GYR_SAME_PLACE(data_wanted, wanted)
GYR_SAME_PLACE(data_counters, event_losses)
#undef GYR_SAME_CONSTANT
#undef GYR_SAME_PLACE

// types: a file of type information, or nothing for the kernel's own. casts: the kernel has bpf_rdonly_cast.
Skeleton open_skeleton(const std::string& types, bool casts) {
    DECLARE_LIBBPF_OPTS(bpf_object_open_opts, options);
    if (!types.empty()) options.btf_custom_path = types.c_str();
    // What the kernel itself does not have is looked for in its modules, which takes CAP_SYS_ADMIN.
    else if ((effective_capabilities() >> CAP_SYS_ADMIN & 1) == 0)
        options.btf_custom_path = "/sys/kernel/btf/vmlinux";
    Skeleton made(static_cast<gyr_bpf*>(std::calloc(1, sizeof(gyr_bpf))), &gyr_bpf::destroy);
    if (made == nullptr || gyr_bpf__create_skeleton(made.get()) != 0) return {nullptr, &gyr_bpf::destroy};
    bpf_object_skeleton& s = *made->skeleton;
    if (!casts) s.data = const_cast<void*>(gyr_bpf_without_casts::elf_bytes(&s.data_sz));
    if (bpf_object__open_skeleton(&s, &options) != 0) made.reset();
    return made;
}

// In the text of the program for the end of calls. Errors: where its words are not what they are known by.
Result<> write_text(bpf_program* program, const Programs::Ends& ends, gyr_u32 turn) {
    std::array<std::uint64_t, GYR_TEXT_WORDS> words{};
    std::ranges::copy(ends.numbers, words.begin());
    words[GYR_TEXT_TURN] = turn;
    std::size_t n = GYR_TEXT_NOT_TCP;
    for (std::size_t nr = 0; nr < GYR_CALLS && n < words.size(); ++nr)
        if ((ends.not_tcp[nr / 64] >> (nr % 64) & 1) != 0) words[n++] = nr;
    while (n < words.size()) words[n++] = GYR_CALLS;
    const bpf_insn* text = bpf_program__insns(program);
    std::vector<bpf_insn> insns(text, text + bpf_program__insn_cnt(program));
    std::array<unsigned, GYR_TEXT_WORDS> found{};
    for (std::size_t i = 0; i + 1 < insns.size(); ++i) {
        if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW) || insns[i].src_reg != 0) continue;
        const auto low = static_cast<std::uint32_t>(insns[i].imm), high = static_cast<std::uint32_t>(insns[i + 1].imm);
        const std::uint64_t word = (std::uint64_t{high} << 32 | low) - GYR_TEXT_WORD;
        if (word >= words.size()) continue;
        insns[i].imm = static_cast<std::int32_t>(words[word]);
        insns[i + 1].imm = static_cast<std::int32_t>(words[word] >> 32);
        ++found[word];
    }
    if (std::ranges::count(found, 1U) != std::ssize(found) ||
        bpf_program__set_insns(program, insns.data(), insns.size()) != 0)
        return fail(ErrorKind::unsupported, "cannot write the numbers of calls into the BPF program for their end");
    return {};
}

template <class Key>
void forget_all(int map) {
    Key key{};
    while (bpf_map_get_next_key(map, nullptr, &key) == 0 && bpf_map_delete_elem(map, &key) == 0) {
    }
}

} // namespace

// The kernel runs them inside of what this call waits for.
void wait_for_programs() { ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); }

struct Programs::Object {
    ProgramOptions options;
    // Programs that are for other kernels, and those on demand that this one refuses.
    std::vector<std::string_view> unused, refused;
    std::array<std::uint32_t, GYR_LANES> ring_bytes{};
    bool casts = false; // the kernel has bpf_rdonly_cast
    ReducedTypes types;
    UniqueFd types_file; // types.bytes
    std::string types_path;
    Skeleton skeleton{nullptr, &gyr_bpf::destroy}; // the maps
    // The same object again, on the same maps, with some of the programs: those that are always there, and those that
    // are attached on demand, made when something of them is wanted. Each is verified by a thread of its own. The one
    // for the end of calls is made anew when other calls are wanted.
    std::vector<Skeleton> loaded;
    Ends ends;           // that the newest program for the end of calls was made for
    gyr_u32 turn = 0;    // of that program
    std::mutex mutex;    // guards those three, and refused
    gyr_u32 told_by = 0; // the turn of the one that is attached
    std::vector<bpf_link*> links;
    std::map<std::string_view, bpf_link*> on_demand;

    Object() = default;
    ~Object() { detach(); }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    Result<> make_maps();
    Result<> load(const std::vector<std::string_view>& programs, const Ends& of_calls = {});
    Result<> load_calls(const std::vector<std::string_view>& programs, const Ends& of_calls);
    Result<> load_one_by_one(const std::vector<std::string_view>& programs, const Ends& of_calls);
    [[nodiscard]] bool tells(const Ends& of_calls);
    Result<> attach_call_exit();
    [[nodiscard]] bool is_unused(std::string_view program) const;
    [[nodiscard]] bool is_refused(std::string_view program);
    [[nodiscard]] bpf_program* find(std::string_view name);
    void detach() {
        for (bpf_link* link : links) bpf_link__destroy(link);
        links.clear();
        detach_calls();
    }
    void detach_calls() {
        for (auto& [name, link] : on_demand) bpf_link__destroy(std::exchange(link, nullptr));
    }

  private:
    void write_types();
    void configure(gyr_bpf& s) const;
};

Programs::Programs(std::unique_ptr<Object> object) : object_(std::move(object)) {}
Programs::~Programs() {
    if (preparing_.valid()) preparing_.wait();
}

void Programs::Object::configure(gyr_bpf& s) const {
    const int cpus = std::max(libbpf_num_possible_cpus(), 1);
    const auto n = static_cast<std::uint32_t>(cpus);
    // One a CPU and two for the iterator; beyond 64 CPUs, not all exec in the same microseconds.
    const std::uint32_t slots = n <= 64 ? n + 2 : 64 + n / 4;
    s.rodata->scratch_slots = slots;
    s.rodata->ring_bytes = ring_bytes[GYR_LANE_CRITICAL];
    s.rodata->env_bytes_max = std::min(options.env_bytes, GYR_ENV_MAX);
    bpf_map__set_max_entries(s.maps.scratch_pool, slots);
    bpf_map__set_max_entries(s.maps.stopped_events, n);
    // Elsewhere our own number is somebody else's.
    s.data_wanted->wanted.own_tgid = in_initial_namespace("pid") ? ::getpid() : 0;
    s.rodata->buffer_bytes = std::clamp<std::uint32_t>(options.buffer_bytes, 1, 4096);
    bpf_map__set_max_entries(s.maps.critical, ring_bytes[GYR_LANE_CRITICAL]);
    bpf_map__set_max_entries(s.maps.network, ring_bytes[GYR_LANE_NETWORK]);
    bpf_map__set_max_entries(s.maps.bulk, ring_bytes[GYR_LANE_BULK]);
    const auto number_of = [this](std::string_view name) {
        const auto found = types.structs.find(name);
        return found != types.structs.end() ? found->second : 0;
    };
#define GYR_KERNEL_TYPE(type) s.rodata->kernel_type_##type = number_of(#type);
    GYR_KERNEL_CASTS(GYR_KERNEL_TYPE)
#undef GYR_KERNEL_TYPE
}

// Where the file cannot be made, libbpf reads the kernel's own.
void Programs::Object::write_types() {
    if (types.bytes.empty()) return;
    UniqueFd file(::memfd_create("types", MFD_CLOEXEC));
    const std::string path = fmt::format("/proc/self/fd/{}", file.get());
    if (!file || ::write(file.get(), types.bytes.data(), types.bytes.size()) != std::ssize(types.bytes) ||
        ::access(path.c_str(), R_OK) != 0)
        return;
    types_file = std::move(file);
    types_path = path;
}

Result<> Programs::Object::make_maps() {
    const std::unique_ptr<btf, decltype(&btf__free)> kernel(btf__load_vmlinux_btf(), &btf__free);
    const Skeleton ours = open_skeleton({}, casts);
    if (ours == nullptr || kernel == nullptr)
        return fail(ErrorKind::unsupported, fmt::format("cannot read the BPF object: {}", last_complaint));
    types = reduce_types(kernel.get(), bpf_object__btf(ours->obj));
    write_types();
    skeleton = open_skeleton(types_path, casts);
    if (skeleton == nullptr)
        return fail(ErrorKind::unsupported, fmt::format("cannot read the BPF object: {}", last_complaint));
    configure(*skeleton);
    bpf_program* p = nullptr;
    bpf_object__for_each_program(p, skeleton->obj) bpf_program__set_autoload(p, false);
    if (const int err = gyr_bpf::load(skeleton.get()); err != 0)
        return fail(ErrorKind::unsupported,
                    err == -EPERM || err == -EACCES
                        ? explain_refusal()
                        : fmt::format("the kernel refused the tables of the BPF programs: {} ({})", std::strerror(-err),
                                      last_complaint));
    return {};
}

// Another object on the maps, with these programs; if the one for the end of calls is among them, for those named.
Result<> Programs::Object::load(const std::vector<std::string_view>& programs, const Ends& of_calls) {
    Skeleton made = open_skeleton(types_path, casts);
    if (made == nullptr)
        return fail(ErrorKind::unsupported, fmt::format("cannot read the BPF object: {}", last_complaint));
    configure(*made);
    bpf_program* p = nullptr;
    bpf_object__for_each_program(p, made->obj) {
        bpf_program__set_autoload(p, std::ranges::find(programs, std::string_view(bpf_program__name(p))) !=
                                         programs.end());
    }
    int err = 0;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, made->obj) {
        const bpf_map* shared = bpf_object__find_map_by_name(skeleton->obj, bpf_map__name(map));
        if (err == 0) err = shared == nullptr ? -ENOENT : bpf_map__reuse_fd(map, bpf_map__fd(shared));
    }
    const bool call_exit = std::ranges::find(programs, kCallExit) != programs.end();
    if (call_exit)
        if (auto ok = write_text(made->progs.call_exit, of_calls, turn + 1); !ok) return ok;
    if (err == 0) err = gyr_bpf::load(made.get());
    if (err == -EPERM || err == -EACCES) return fail(ErrorKind::unsupported, explain_refusal());
    if (err != 0)
        return fail(ErrorKind::unsupported,
                    fmt::format("the kernel refused the BPF programs: {} ({})", std::strerror(-err), last_complaint));
    const std::lock_guard lock(mutex);
    loaded.push_back(std::move(made));
    if (call_exit) {
        ends = of_calls;
        ++turn;
    }
    return {};
}

bpf_program* Programs::Object::find(std::string_view name) {
    const std::lock_guard lock(mutex);
    for (const Skeleton& object : std::views::reverse(loaded)) {
        bpf_program* p = bpf_object__find_program_by_name(object->obj, std::string(name).c_str());
        if (p != nullptr && bpf_program__autoload(p)) return p;
    }
    return nullptr;
}

// There is a program for the end of all of these, which passes nothing over that is asked for.
bool Programs::Object::tells(const Ends& of_calls) {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < of_calls.numbers.size(); ++i)
        if ((of_calls.numbers[i] & (~ends.numbers[i] | (ends.not_tcp[i] & ~of_calls.not_tcp[i]))) != 0) return false;
    return turn != 0;
}

// The newest; instead of the one before, if there is any. For a moment both are there, and it is the turn of one.
Result<> Programs::Object::attach_call_exit() {
    bpf_link*& link = on_demand[kCallExit];
    gyr_wanted& wanted = skeleton->data_wanted->wanted;
    const auto store = [](gyr_u32& word, gyr_u32 value) { __atomic_store_n(&word, value, __ATOMIC_SEQ_CST); };
    if (link != nullptr && told_by == turn) return {};
    const bool other = link != nullptr;
    if (!other) store(wanted.turn, turn);
    bpf_program* program = find(kCallExit);
    bpf_link* made = program != nullptr ? bpf_program__attach(program) : nullptr;
    if (made == nullptr) return fail(ErrorKind::unsupported, "this kernel lets us see no sys_exit");
    if (other) {
        // Each step when no call is under way that began before the one before: both run for a call that leaves marks.
        wait_for_programs();
        store(wanted.next_turn, turn);
        wait_for_programs();
        store(wanted.turn, turn);
        wait_for_programs();
        // While the other is still there: it clears marks of calls that this one does not see.
        store(wanted.next_turn, 0);
    }
    told_by = turn;
    bpf_link__destroy(std::exchange(link, made));
    if (other) forget_all<gyr_u32>(bpf_map__fd(skeleton->maps.handled));
    const std::lock_guard lock(mutex);
    std::erase_if(loaded, [&](const Skeleton& s) {
        return s->progs.call_exit != program && bpf_program__autoload(s->progs.call_exit);
    });
    return {};
}

bool Programs::Object::is_unused(std::string_view program) const {
    return std::ranges::find(unused, program) != unused.end();
}

bool Programs::Object::is_refused(std::string_view program) {
    const std::lock_guard lock(mutex);
    return std::ranges::find(refused, program) != refused.end();
}

// Without those on demand that this kernel refuses. Errors: of one that there is no seeing calls without.
Result<> Programs::Object::load_one_by_one(const std::vector<std::string_view>& programs, const Ends& of_calls) {
    for (const std::string_view program : programs) {
        if (auto ok = load({program}, of_calls); ok)
            continue;
        else if (program.starts_with("call_"))
            return ok;
        const std::lock_guard lock(mutex);
        refused.push_back(program);
    }
    return {};
}

// In two threads, each with about half of the verifier's work.
Result<> Programs::Object::load_calls(const std::vector<std::string_view>& programs, const Ends& of_calls) {
    std::array<std::vector<std::string_view>, 2> halves;
    for (const std::string_view program : programs) halves[program == kCallExit ? 0 : 1].push_back(program);
    Result<> second;
    std::thread other;
    const auto load_all = [&](const std::vector<std::string_view>& these) {
        return load(these, of_calls) ? Result<>{} : load_one_by_one(these, of_calls);
    };
    if (!halves[0].empty() && !halves[1].empty()) other = std::thread([&] { second = load_all(halves[1]); });
    const Result<> first = load_all(halves[0].empty() ? halves[1] : halves[0]);
    if (other.joinable()) other.join();
    return first ? second : first;
}

namespace {

// Which of the two programs for the same hook is not used.
std::string_view other_exit(bool by_count) { return by_count ? "process_exit" : "process_exit_by_count"; }

} // namespace

Result<std::unique_ptr<Programs>> Programs::load(const ProgramOptions& options, const OnDemand& first) {
    libbpf_set_print(keep_complaint);
    auto object = std::make_unique<Object>();
    object->options = options;
    const std::uint32_t page = 4096;
    object->ring_bytes = {options.ring_bytes, options.network_ring_bytes, options.bulk_ring_bytes};
    for (std::uint32_t& bytes : object->ring_bytes) bytes = std::bit_ceil(std::clamp(bytes, page, 1U << 30));
    std::unique_ptr<Programs> programs(new Programs(std::move(object)));

    std::vector<std::string_view> required, optional;
    {
        const KernelTypes types = read_kernel_types();
        if (!types.present)
            return fail(ErrorKind::unsupported,
                        "this kernel has no type information (BTF): /sys/kernel/btf/vmlinux is missing "
                        "(CONFIG_DEBUG_INFO_BTF)");
        programs->object_->casts = types.casts;
        programs->object_->unused = {other_exit(options.exit_by_count || !types.exit_tells_group),
                                     types.uring_request ? "uring_submit_before" : "uring_submit",
                                     types.uring_entry ? "uring_complete_before" : "uring_complete"};
        const auto there = [&types](const ProgramFact& f) { return has_hook_of(types, f); };
        auto hooks = expected_hooks(programs->object_->unused, there);
        if (!hooks) return std::unexpected(hooks.error());
        programs->hooks_ = std::move(*hooks);
        for (const ProgramFact& f : program_facts())
            if (!programs->object_->is_unused(f.program) && there(f) && !f.on_demand)
                (f.required ? required : optional).emplace_back(f.program);
    }
    if (auto ok = programs->object_->make_maps(); !ok) return std::unexpected(ok.error());
    programs->prepare(first);

    // First with everything that has a hook; if the kernel refuses, the required ones, and of the others each alone.
    std::vector<std::string_view> all = required;
    all.insert(all.end(), optional.begin(), optional.end());
    if (programs->object_->load(all)) return programs;
    if (auto ok = programs->object_->load(required); !ok) return std::unexpected(ok.error());
    for (const std::string_view program : optional) {
        if (programs->object_->load({program})) continue;
        const ProgramFact& fact = *find_program_fact(program);
        std::ranges::find(programs->hooks_, std::string_view(fact.hook), &Hook::name)->detail =
            not_seen("refused by this kernel", fact);
    }
    return programs;
}

Result<> Programs::attach() {
    for (const ProgramFact& fact : program_facts()) {
        bpf_program* p = fact.on_demand ? nullptr : object_->find(fact.program);
        if (p == nullptr) continue;
        const auto hook = std::ranges::find(hooks_, std::string_view(fact.hook), &Hook::name);
        if (std::string_view(fact.kind) != "tracepoint") {
            hook->active = true; // opened when needed
            continue;
        }
        bpf_link* link = bpf_program__attach(p);
        if (link == nullptr) {
            const int err = errno;
            if (fact.required)
                return fail(ErrorKind::unsupported, fmt::format("attach to {}: {}", fact.hook, std::strerror(err)));
            hook->detail = not_seen(std::strerror(err), fact);
            continue;
        }
        hook->active = true;
        object_->links.push_back(link);
    }
    return {};
}

bool Programs::can_trace_calls() const {
    const auto found = std::ranges::find(hooks_, "sys_exit", &Hook::name);
    return found != hooks_.end() && found->detail.empty();
}

namespace {

struct Wanted {
    const char* program;
    bool wanted, required;
};
// The beginning of calls before their end, so that no end comes without it.
std::array<Wanted, 9> programs_for(const Programs::OnDemand& wanted) {
    return {{{"call_enter", wanted.enter, true},
             {kCallExit.data(), wanted.calls, true},
             {"socket_state", wanted.connections, false},
             {"uring_complete", wanted.uring, false},
             {"uring_complete_before", wanted.uring, false},
             {"uring_submit", wanted.uring, false},
             {"uring_submit_before", wanted.uring, false},
             {"signal_deliver", wanted.signals, false},
             {"page_fault", wanted.page_faults, false}}};
}

} // namespace

std::vector<std::string_view> Programs::missing_calls(const OnDemand& wanted) const {
    std::vector<std::string_view> out;
    for (const Wanted& w : programs_for(wanted))
        if (w.wanted && has_hook(w.program) && !object_->is_refused(w.program) &&
            (w.program == kCallExit ? !object_->tells(wanted.ends) : object_->find(w.program) == nullptr))
            out.emplace_back(w.program);
    return out;
}

void Programs::prepare(const OnDemand& wanted) {
    const std::lock_guard lock(calls_mutex_);
    auto missing = missing_calls(wanted);
    if (missing.empty() || preparing_.valid()) return;
    preparing_ = std::async(std::launch::async, [this, missing = std::move(missing), of_calls = wanted.ends] {
        return object_->load_calls(missing, of_calls);
    });
}

Result<> Programs::load_beforehand(const OnDemand& wanted) {
    const std::lock_guard lock(calls_mutex_);
    return load_missing(wanted);
}

Result<> Programs::load_missing(const OnDemand& wanted) {
    // What it could not load is tried again below, and then reported.
    if (preparing_.valid()) (void)preparing_.get();
    const std::vector<std::string_view> missing = missing_calls(wanted);
    return missing.empty() ? Result<>{} : object_->load_calls(missing, wanted.ends);
}

Result<> Programs::attach_on_demand(const OnDemand& wanted) {
    const std::lock_guard lock(calls_mutex_);
    if (auto r = load_missing(wanted); !r) return r;
    for (const Wanted& w : programs_for(wanted)) {
        if (object_->is_unused(w.program)) continue;
        bpf_program* program = object_->find(w.program);
        bpf_link*& link = object_->on_demand[w.program];
        const ProgramFact* fact = find_program_fact(w.program);
        if (!w.wanted) {
            bpf_link__destroy(std::exchange(link, nullptr));
        } else if (w.program == kCallExit) {
            if (auto r = object_->attach_call_exit(); !r) return r;
        } else if (link == nullptr) {
            if (std::string_view(w.program).starts_with("uring_submit"))
                forget_all<gyr_u64>(bpf_map__fd(object_->skeleton->maps.uring_calls)); // whose end nobody saw
            if (program != nullptr) link = bpf_program__attach(program);
            if (link == nullptr && w.required)
                return fail(ErrorKind::unsupported, fmt::format("this kernel lets us see no {}", fact->hook));
        }
        const auto hook = std::ranges::find(hooks_, std::string_view(fact->hook), &Hook::name);
        if (hook == hooks_.end()) continue;
        hook->active = link != nullptr;
        if (object_->is_refused(w.program)) hook->detail = not_seen("refused by this kernel", *fact);
    }
    return {};
}

bool Programs::has_hook(std::string_view program) const {
    if (object_->is_unused(program)) return false;
    const ProgramFact* fact = find_program_fact(program);
    return fact != nullptr &&
           std::ranges::any_of(hooks_, [&](const Hook& h) { return h.name == fact->hook && h.detail.empty(); });
}

void Programs::detach() {
    object_->detach();
    for (Hook& hook : hooks_) hook.active = false;
}

bool Programs::has_iterator() const { return object_->find("process_iterate") != nullptr; }

Result<int> Programs::open_iterator(std::int32_t tid) {
    bpf_iter_link_info info{};
    info.task.tid = static_cast<std::uint32_t>(tid);
    LIBBPF_OPTS(bpf_iter_attach_opts, opts);
    opts.link_info = &info;
    opts.link_info_len = sizeof info;
    bpf_link* link = bpf_program__attach_iter(object_->find("process_iterate"), tid != 0 ? &opts : nullptr);
    if (link == nullptr) return fail_errno("attach the task iterator", errno);
    const int fd = bpf_iter_create(bpf_link__fd(link));
    const int err = errno;
    bpf_link__destroy(link); // the iterator keeps what it needs
    if (fd < 0) return fail_errno("open the task iterator", err);
    return fd;
}

std::uint32_t Programs::ring_bytes(std::size_t lane) const { return object_->ring_bytes[lane]; }
int Programs::ring_fd(std::size_t lane) const {
    const auto& maps = object_->skeleton->maps;
    return bpf_map__fd(lane == GYR_LANE_NETWORK ? maps.network : lane == GYR_LANE_BULK ? maps.bulk : maps.critical);
}
gyr_wanted& Programs::wanted() const { return object_->skeleton->data_wanted->wanted; }
gyr_loss* Programs::event_losses() const { return object_->skeleton->data_counters->event_losses; }
int Programs::clause_counters_fd() const { return bpf_map__fd(object_->skeleton->maps.clause_counters); }
int Programs::stopped_events_fd() const { return bpf_map__fd(object_->skeleton->maps.stopped_events); }
int Programs::losses_by_processes_fd() const { return bpf_map__fd(object_->skeleton->maps.losses_by_processes); }
int Programs::losses_by_cgroups_fd() const { return bpf_map__fd(object_->skeleton->maps.losses_by_cgroups); }
int Programs::names_fd() const { return bpf_map__fd(object_->skeleton->maps.names); }
int Programs::host_cgroups_fd() const { return bpf_map__fd(object_->skeleton->maps.host_cgroups); }
int Programs::networks_fd() const { return bpf_map__fd(object_->skeleton->maps.networks); }
int Programs::process_masks_fd() const { return bpf_map__fd(object_->skeleton->maps.process_masks); }
int Programs::files_fd() const { return bpf_map__fd(object_->skeleton->maps.files); }

Result<gyr_identity> Programs::identify(int fd) {
    const bpf_program* p = object_->find("identify");
    std::uint64_t argument = static_cast<std::uint64_t>(fd);
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.ctx_in = &argument;
    run.ctx_size_in = sizeof argument;
    if (p == nullptr || bpf_prog_test_run_opts(bpf_program__fd(p), &run) != 0 || run.retval != 1)
        return fail(ErrorKind::unsupported, "the kernel does not tell which file this is");
    return object_->skeleton->bss->identified;
}
gyr_control& Programs::control() const { return object_->skeleton->bss->control; }
gyr_loss* Programs::losses() const { return object_->skeleton->bss->losses; }
const gyr_u64* Programs::errors() const { return object_->skeleton->bss->errors; }

template <class F>
void Programs::for_each_loaded(F visit) const {
    const std::lock_guard lock(object_->mutex);
    for (const Skeleton& loaded : object_->loaded) {
        bpf_program* p = nullptr;
        bpf_object__for_each_program(p, loaded->obj) {
            if (!bpf_program__autoload(p)) continue;
            bpf_prog_info info{};
            std::uint32_t length = sizeof info;
            if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &length) == 0) visit(bpf_program__name(p), info);
        }
    }
}

std::vector<std::pair<std::string, std::uint32_t>> Programs::verified_instructions() const {
    std::vector<std::pair<std::string, std::uint32_t>> out;
    for_each_loaded([&](const char* name, const bpf_prog_info& info) { out.emplace_back(name, info.verified_insns); });
    return out;
}

std::vector<ProgramRuns> Programs::program_runs() const {
    std::vector<ProgramRuns> out;
    for_each_loaded([&](const char* name, const bpf_prog_info& info) {
        if (info.run_cnt != 0) out.push_back({name, info.run_cnt, info.run_time_ns});
    });
    return out;
}

} // namespace gyr
