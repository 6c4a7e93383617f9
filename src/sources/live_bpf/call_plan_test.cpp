// Which system calls are told, and by what: against the numbers of the system's own headers.

#include "sources/live_bpf/call_plan.h"

#include "event/schema.h"
#include "sources/live_bpf/call_table.h"
#include "sources/live_bpf/untold.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace gyr {
namespace {

// Names by number, from a header of the kernel's interface.
std::map<int, std::string> header_numbers(const std::string& path) {
    std::map<int, std::string> out;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string define, name;
        int number = 0;
        if (words >> define >> name >> number && define == "#define" && name.starts_with("__NR_"))
            out[number] = name.substr(5);
    }
    return out;
}

constexpr std::array kProcessLane{kExecve, kExecveat, kClone, kClone3, kFork, kVfork};

std::set<int> mapped(int CallNumber::*number) {
    std::set<int> out;
    for (const CallNumber& c : call_numbers()) {
        const bool by_lane = std::ranges::find(kProcessLane, c.code) != kProcessLane.end();
        if (c.*number >= 0 && (by_lane || find_collected(c.code) != nullptr)) out.insert(c.*number);
    }
    return out;
}

std::set<std::string> names_of(std::span<const Untold> untold) {
    std::set<std::string> out;
    for (const Untold& u : untold) {
        EXPECT_FALSE(u.why.empty()) << u.name;
        out.emplace(u.name);
    }
    return out;
}

TEST(CallCoverage, Every64BitCallIsToldOrSaysWhyNot) {
    const auto header = header_numbers("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
    if (header.empty()) GTEST_SKIP() << "the headers of the kernel's interface are not installed";
    const auto never = names_of(untold_calls());
    const auto told = mapped(&CallNumber::native);
    for (const auto& [number, name] : header)
        EXPECT_EQ(told.contains(number), !never.contains(name)) << name << " (" << number << ")";
}

TEST(CallCoverage, Every32BitCallIsToldOrSaysWhyNot) {
    const auto header = header_numbers("/usr/include/x86_64-linux-gnu/asm/unistd_32.h");
    if (header.empty()) GTEST_SKIP() << "the headers of the kernel's interface are not installed";
    const auto never = names_of(untold_calls());
    const auto told = mapped(&CallNumber::compat);
    for (const auto& [number, name] : header)
        EXPECT_EQ(told.contains(number), !never.contains(name)) << name << " (" << number << ")";
}

// The running kernel's own functions: newer than any header. Some stand for several widths of one call.
TEST(CallCoverage, EveryCallOfTheRunningKernelIsToldOrSaysWhyNot) {
    std::ifstream symbols("/proc/kallsyms");
    std::set<std::string> there, known;
    for (std::string line; std::getline(symbols, line);) {
        for (const std::string_view prefix : {"__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_"})
            if (const auto at = line.find(prefix); at != std::string::npos && line[at - 1] == ' ')
                there.insert(line.substr(at + prefix.size(), line.find_first_of(" \t.", at) - at - prefix.size()));
    }
    if (there.size() < 300) GTEST_SKIP() << "the kernel does not tell its symbols";
    for (const CallNumber& c : call_numbers()) known.emplace(c.name);
    // Of other processors, or no call at all.
    const std::set<std::string> never{"ni_syscall",          "gethostname", "pciconfig_iobase", "pciconfig_read",
                                      "pciconfig_write",     "rtas",        "s390_ipc",         "s390_pci_mmio_read",
                                      "s390_pci_mmio_write", "spu_create",  "spu_run",          "subpage_prot",
                                      "sync_file_range2"};
    const std::map<std::string, std::string> otherwise{
        {"newfstat", "fstat"},     {"newlstat", "lstat"},    {"newstat", "stat"},        {"newuname", "uname"},
        {"llseek", "_llseek"},     {"mmap_pgoff", "mmap2"},  {"oldumount", "umount"},    {"preadv64", "preadv"},
        {"preadv64v2", "preadv2"}, {"pwritev64", "pwritev"}, {"pwritev64v2", "pwritev2"}};
    for (const std::string& symbol : there) {
        std::string name = symbol;
        for (const std::string_view prefix : {"ia32_", "old_"})
            if (name.starts_with(prefix)) name.erase(0, prefix.size());
        for (const std::string_view suffix : {"_time32", "16", "32"})
            if (name.ends_with(suffix) && !known.contains(name)) name.erase(name.size() - suffix.size());
        if (const auto other = otherwise.find(name); other != otherwise.end()) name = other->second;
        EXPECT_TRUE(known.contains(name) || never.contains(symbol)) << symbol << ": a call that is in no table";
    }
}

TEST(CallCoverage, EveryUringOperationOfTheRunningKernelIsToldOrSaysWhyNot) {
    auto untold = names_of(untold_uring_operations());
    untold.insert("LAST"); // is none
    btf* kernel = btf__load_vmlinux_btf();
    if (kernel == nullptr) GTEST_SKIP() << "the kernel does not tell its types";
    std::set<unsigned> told;
    for (const UringOperation& u : uring_operations()) {
        told.insert(u.opcode);
        EXPECT_TRUE(std::ranges::any_of(call_numbers(), [&](const CallNumber& c) { return c.name == u.call; }))
            << u.call;
    }
    const btf_type* type =
        btf__type_by_id(kernel, static_cast<unsigned>(std::max(btf__find_by_name(kernel, "io_uring_op"), 0)));
    if (type == nullptr || !btf_is_enum(type)) GTEST_SKIP() << "no io_uring";
    for (unsigned i = 0; i < btf_vlen(type); ++i) {
        const struct btf_enum& e = btf_enum(type)[i];
        const std::string name = std::string(btf__name_by_offset(kernel, e.name_off)).substr(sizeof "IORING_OP_" - 1);
        EXPECT_NE(told.contains(static_cast<unsigned>(e.val)), untold.contains(name)) << name << " (" << e.val << ")";
    }
    btf__free(kernel);
}

TEST(CallTable, EveryEventHasItsParametersInTheSchemasOrder) {
    for (const CollectedEvent& e : collected_events()) {
        const EventInfo* info = find_event(e.code);
        ASSERT_NE(info, nullptr) << e.code;
        // An exec that failed tells its first parameters only: the others are those of the program that did not come to
        // be.
        if (e.code == kExecve || e.code == kExecveat)
            EXPECT_EQ(e.param_count, 2);
        else
            EXPECT_EQ(info->params.size(), e.param_count) << info->name;
        EXPECT_FALSE(info->flags & kOldVersion) << info->name;
        for (const ParamSource& p : e.all_params()) {
            const bool of_fetch = p.from == ParamFrom::text || p.from == ParamFrom::data || p.from == ParamFrom::number;
            EXPECT_TRUE(!of_fetch || p.index < e.fetch_count) << info->name;
        }
    }
}

TEST(CallTable, GenericCallsHaveTheirParametersInTheSchemasOrder) {
    for (const EventInfo& info : generic_schema()) {
        const auto call = std::ranges::find(syscall_table(), info.name, &SyscallInfo::name);
        const CollectedEvent* e = find_collected(kGenericExit, call->number);
        ASSERT_NE(e, nullptr);
        EXPECT_EQ(info.params.size(), e->param_count) << info.name;
        for (const ParamSource& p : e->all_params()) {
            const bool of_fetch = p.from == ParamFrom::text || p.from == ParamFrom::data;
            EXPECT_TRUE(!of_fetch || (p.index < e->fetch_count && e->fetches[p.index].op != GYR_FETCH_OBJECT))
                << info.name;
        }
    }
}

TEST(CallPlan, OnlyAskedForCallsOfAGenericEventAreWanted) {
    EventPlan plan;
    plan.demands.push_back({.code = kGenericExit, .calls = {99}, .clauses = {}, .forced_by = {}}); // sched_yield
    const LoweredPlan lowered = lower_plan(plan, 0);
    ASSERT_EQ(lowered.entries.size(), 1u);
    EXPECT_EQ(lowered.entries[0].call_id, 99);
    ASSERT_EQ(lowered.slots.size(), 2u); // both entries' numbers
    EXPECT_EQ(lowered.slots[0].first, 24);
    EXPECT_TRUE(lowered.hooks.calls);
    EXPECT_FALSE(lowered.hooks.enter);
    EXPECT_FALSE(lowered.hooks.uring);
}

// Numbers of both entries, as bits: those of sched_yield, and openat's besides.
TEST(CallPlan, CallsThatAreMadeOftenHaveTheFirstEntries) {
    EventPlan plan;
    plan.demands.push_back({.code = kGenericExit, .calls = {99}, .clauses = {}, .forced_by = {}});
    plan.demands.push_back({.code = 307, .calls = {}, .clauses = {}, .forced_by = {}});
    const LoweredPlan lowered = lower_plan(plan, 0);
    ASSERT_EQ(lowered.entries.size(), 2u);
    EXPECT_EQ(lowered.entries[0].code, 307);
    EXPECT_EQ(lowered.entries[1].code, kGenericExit);
    const std::map<std::uint16_t, std::uint16_t> slots(lowered.slots.begin(), lowered.slots.end());
    EXPECT_EQ(slots.at(24), 1);
    EXPECT_EQ(slots.at(257), 0);
    Programs::Numbers numbers{};
    for (const unsigned number : {24U, 158U, 257U, 295U}) numbers[number / 64] |= std::uint64_t{1} << (number % 64);
    EXPECT_EQ(lowered.hooks.ends.numbers, numbers);
}

TEST(CallPlan, WhatNoClauseWantsOfTcpIsPassedOverAtOnce) {
    const auto passed_over = [](EventCode code, std::vector<EventClause> clauses, bool every_one_is_judged = false) {
        EventPlan plan;
        plan.demands.push_back({.code = code, .calls = {}, .clauses = std::move(clauses), .forced_by = {}});
        std::vector<unsigned> out;
        const Programs::Ends ends = lower_plan(plan, 0, every_one_is_judged).hooks.ends;
        for (unsigned nr = 0; nr < GYR_CALLS; ++nr)
            if ((ends.not_tcp[nr / 64] >> (nr % 64) & 1) != 0) out.push_back(nr);
        return out;
    };
    const std::vector<unsigned> none, sendto{44}, sendmsg{46};
    EXPECT_EQ(passed_over(kSendto, {{.not_tcp = true}, {.success = true, .udp = true}}), sendto);
    EXPECT_EQ(passed_over(kSendmsg, {{.container = true, .internet = true, .not_tcp = true}}), sendmsg);
    EXPECT_EQ(passed_over(kSendto, {{.not_tcp = true}, {.success = true}}), none) << "one clause wants them";
    EXPECT_EQ(passed_over(kSendto, {{.internet = true}}), none);
    EXPECT_EQ(passed_over(kSendto, {}), none) << "all are wanted";
    EXPECT_EQ(passed_over(kSendto, {{.not_tcp = true}}, true), none) << "all are counted";
    EXPECT_EQ(passed_over(kConnect, {{.not_tcp = true}}), none) << "where it went is noted when it begins";
    EXPECT_EQ(passed_over(kAccept, {{.not_tcp = true}}), none) << "it is about the socket that it makes";
}

// After what the event itself needs: the decoder looks for it there.
TEST(CallPlan, TheWorkingDirectoryIsFetchedLast) {
    for (const bool cwd : {false, true}) {
        EventPlan plan;
        plan.demands.push_back({.code = 317, .calls = {}, .clauses = {}, .forced_by = {}, .cwd = cwd}); // fchmod
        const LoweredPlan lowered = lower_plan(plan, 0);
        ASSERT_EQ(lowered.entries.size(), 1u);
        const gyr_plan& p = lowered.entries[0];
        ASSERT_EQ(p.fetches, find_collected(317)->fetch_count + (cwd ? 1 : 0));
        EXPECT_EQ(p.text_arg, GYR_FROM_NOTHING) << "it is no path that a clause may look at";
        EXPECT_EQ(p.fetch[p.fetches - 1].op, cwd ? GYR_FETCH_BASE : GYR_FETCH_OBJECT);
    }
    for (const CollectedEvent& e : collected_events()) EXPECT_LT(e.fetch_count, GYR_FETCHES) << e.code;
}

TEST(CallPlan, AFileThatClosesIsLookedAtBeforehand) {
    EventPlan plan;
    plan.demands.push_back({.code = 5, .calls = {}, .clauses = {}, .forced_by = {}}); // close
    EXPECT_TRUE(lower_plan(plan, 0).hooks.enter);
}

TEST(CallPlan, NamesAreCutWhereTheKernelCutsThem) {
    using Kind = PathName::Kind;
    const std::string longer(40, 'a'), longest(60, 'a');
    EXPECT_EQ(name_hash({Kind::base, longer, {}, 1}), name_hash({Kind::base, longest, {}, 1}));
    EXPECT_NE(name_hash({Kind::base, "shadow", {}, 1}), name_hash({Kind::base, "shadow-", {}, 1}));
    EXPECT_NE(name_hash({Kind::pair, "etc", "shadow", 1}), name_hash({Kind::pair, "shadow", "etc", 1}));
}

} // namespace
} // namespace gyr
