#include "sources/live_bpf/kernel_counters.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstddef>

namespace gyr {
namespace {

gyr_u64 load(const gyr_u64& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }

} // namespace

std::uint64_t events_lost(const Programs& programs) {
    std::uint64_t out = 0;
    const gyr_loss* from = programs.event_losses();
    for (EventCode code = 0; code < GYR_CLASSES; ++code) out += load(from[code].count);
    return out;
}

std::vector<EventLoss> event_losses(const Programs& programs) {
    std::vector<EventLoss> out;
    const gyr_loss* from = programs.event_losses();
    // All of a class before its parts, as the kernel counts in this order: what is only on its way is no part by
    // itself.
    std::array<std::uint64_t, GYR_CLASSES> all{}, told_apart{};
    for (EventCode code = 0; code < GYR_CLASSES; ++code) all[code] = load(from[code].count);
    const int fd = programs.losses_by_cgroups_fd();
    gyr_loss_key key{}, next{};
    for (bool more = bpf_map_get_next_key(fd, nullptr, &next) == 0; more;) {
        key = next;
        gyr_loss l{};
        if (bpf_map_lookup_elem(fd, &key, &l) == 0 && l.count != 0 && key.event_class < told_apart.size()) {
            told_apart[key.event_class] += l.count;
            out.push_back({.code = static_cast<EventCode>(key.event_class),
                           .lost = {l.count, l.first_boottime_ns, l.last_boottime_ns, 0},
                           .cgroup_set = key.cgroup_set,
                           .shed = key.reason == GYR_LOSS_SHED});
        }
        more = bpf_map_get_next_key(fd, &key, &next) == 0;
    }
    for (EventCode code = 0; code < GYR_CLASSES; ++code) {
        if (all[code] <= told_apart[code]) continue;
        out.push_back({.code = code,
                       .lost = {all[code] - told_apart[code], load(from[code].first_boottime_ns),
                                load(from[code].last_boottime_ns), 0}});
    }
    return out;
}

std::vector<ProcessLoss> take_process_losses(const Programs& programs) {
    std::vector<ProcessLoss> out;
    const int fd = programs.losses_by_processes_fd();
    gyr_process_loss_key key{};
    // What is taken out changes the order, so the first is asked for each time; others come meanwhile, so it has an
    // end.
    for (std::uint32_t i = 0; i < GYR_LOSS_PROCESSES && bpf_map_get_next_key(fd, nullptr, &key) == 0; ++i) {
        std::uint64_t count = 0;
        if (bpf_map_lookup_and_delete_elem(fd, &key, &count) != 0) break;
        ProcessLoss loss;
        loss.process = {static_cast<Pid>(key.tgid), key.start_boottime_ns};
        loss.count = count;
        if (key.event_class >= GYR_CLASSES) {
            loss.record = static_cast<RecordKind>(key.event_class - GYR_CLASSES);
        } else {
            loss.code = static_cast<EventCode>(key.event_class);
            loss.cgroup_set = key.cgroup_set;
            loss.shed = key.reason == GYR_LOSS_SHED;
        }
        out.push_back(loss);
    }
    return out;
}

std::vector<LiveSource::EventCount> event_counts(const Programs& programs) {
    std::vector<LiveSource::EventCount> out;
    const std::uint32_t cpus = static_cast<std::uint32_t>(std::max(libbpf_num_possible_cpus(), 1));
    std::vector<gyr_clause_counters> per_cpu(cpus);
    std::vector<gyr_stopped> stopped(cpus);
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu)
        bpf_map_lookup_elem(programs.stopped_events_fd(), &cpu, &stopped[cpu]);
    for (std::uint32_t code = 0; code < GYR_CLASSES; ++code) {
        if (bpf_map_lookup_elem(programs.clause_counters_fd(), &code, per_cpu.data()) != 0) continue;
        LiveSource::EventCount c{.code = static_cast<EventCode>(code)};
        for (const gyr_clause_counters& from : per_cpu) {
            c.sent += from.sent;
            c.sampled += from.sampled;
            for (std::size_t i = 0; i < c.let_through.size(); ++i) {
                c.let_through[i] += from.let_through[i];
                c.refused[i] += from.refused[i];
            }
        }
        for (const gyr_stopped& from : stopped) c.stopped += from.by_class[code];
        if (c.sent != 0 || c.stopped != 0) out.push_back(c);
    }
    return out;
}

Losses losses(const Programs& programs) {
    Losses out{};
    const gyr_loss* from = programs.losses();
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = {load(from[i].count), load(from[i].first_boottime_ns), load(from[i].last_boottime_ns),
                  load(from[i].cgroup_id)};
    return out;
}

Losses take_losses(const Programs& programs, LossesTaken& taken) {
    Losses out{};
    gyr_loss* from = programs.losses();
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::uint64_t count = load(from[i].count);
        if (count == taken[i]) continue;
        out[i].count = count - taken[i];
        out[i].last_boottime_ns = load(from[i].last_boottime_ns);
        out[i].cgroup_id = load(from[i].cgroup_id);
        out[i].first_boottime_ns = __atomic_exchange_n(&from[i].first_boottime_ns, 0, __ATOMIC_RELAXED);
        if (out[i].first_boottime_ns == 0) out[i].first_boottime_ns = out[i].last_boottime_ns;
        taken[i] = count;
    }
    return out;
}

std::vector<std::pair<std::string, std::uint64_t>> kernel_errors(const Programs& programs) {
    static constexpr std::array<const char*, GYR_ERRORS> kNames{
        "scratch_busy", "ring_full", "ring_reserved", "area_full", "path_depth", "user_memory", "kernel_read"};
    std::vector<std::pair<std::string, std::uint64_t>> out;
    for (std::size_t i = 0; i < kNames.size(); ++i) out.emplace_back(kNames[i], load(programs.errors()[i]));
    return out;
}

} // namespace gyr
