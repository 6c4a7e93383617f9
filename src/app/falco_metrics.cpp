#include "app/falco_metrics.h"

#include "app/commands.h"
#include "event/schema.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <sys/utsname.h>
#include <unistd.h>

namespace gyr::app {
namespace {

using metrics::Exposition;
using metrics::Labels;
using metrics::Type;

constexpr std::string_view kHelp = "As Falco counts it.";

double seconds_of(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// "VmRSS:   123 kB" of a file of /proc, in bytes.
std::uint64_t kilobytes(const char* file, std::string_view key) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key)) continue;
        std::uint64_t value = 0;
        std::istringstream(line.substr(key.size())) >> value;
        return value * 1024;
    }
    return 0;
}

std::uint64_t number_of(const std::string& file, std::string_view key, std::size_t column = 0) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key)) continue;
        std::istringstream words(line.substr(key.size()));
        std::uint64_t value = 0;
        for (std::size_t i = 0; i <= column; ++i) words >> value;
        return value;
    }
    return 0;
}

// What the agent's cgroup takes: of the file that is named, else of its own cgroup (version 2, then 1).
std::optional<std::uint64_t> cgroup_memory() {
    std::vector<std::string> files;
    if (const char* named = std::getenv("FALCO_CGROUP_MEM_PATH")) files.emplace_back(named);
    std::ifstream cgroups("/proc/self/cgroup");
    for (std::string line; std::getline(cgroups, line);) {
        if (line.starts_with("0::")) files.push_back("/sys/fs/cgroup" + line.substr(3) + "/memory.current");
    }
    files.emplace_back("/sys/fs/cgroup/memory/memory.usage_in_bytes");
    for (const std::string& file : files) {
        std::uint64_t bytes = 0;
        if (std::ifstream(file) >> bytes) return bytes;
    }
    return std::nullopt;
}

// Part of the time since the host started in which its processors had work.
double host_cpu_usage(const std::string& root) {
    std::ifstream in(root + "/proc/stat");
    std::string word;
    in >> word;
    double total = 0, idle = 0;
    for (int column = 0; column < 8; ++column) {
        double ticks = 0;
        in >> ticks;
        total += ticks;
        if (column == 3) idle = ticks;
    }
    return total > 0 ? (total - idle) / total : 0.0;
}

void resources(Exposition& out, const Agent::State& state, const Engine::Summary& engine) {
    // Since the start, as ps shows it.
    const double running = static_cast<double>(engine.running) / 1e9;
    const double used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    out.single("falcosecurity_falco_cpu_usage_ratio", Type::gauge, kHelp, running > 0 ? used / running : 0.0);
    out.single("falcosecurity_falco_memory_rss_bytes", Type::gauge, kHelp, kilobytes("/proc/self/status", "VmRSS:"));
    out.single("falcosecurity_falco_memory_vsz_bytes", Type::gauge, kHelp, kilobytes("/proc/self/status", "VmSize:"));
    out.single("falcosecurity_falco_memory_pss_bytes", Type::gauge, kHelp,
               kilobytes("/proc/self/smaps_rollup", "Pss:"));
    const std::string root = state.config.host.root == "/" ? "" : state.config.host.root;
    if (const auto bytes = cgroup_memory())
        out.single("falcosecurity_falco_container_memory_used_bytes", Type::gauge, kHelp, *bytes);
    out.single("falcosecurity_falco_host_cpu_usage_ratio", Type::gauge, kHelp, host_cpu_usage(root));
    const std::string meminfo = root + "/proc/meminfo";
    out.single("falcosecurity_falco_host_memory_used_bytes", Type::gauge, kHelp,
               (number_of(meminfo, "MemTotal:") - number_of(meminfo, "MemFree:") - number_of(meminfo, "Buffers:") -
                number_of(meminfo, "Cached:")) *
                   1024);
    out.single("falcosecurity_falco_host_procs_running_total", Type::gauge, kHelp,
               number_of(root + "/proc/stat", "procs_running"));
    out.single("falcosecurity_falco_host_open_fds_total", Type::gauge, kHelp,
               number_of(root + "/proc/sys/fs/file-nr", ""));
}

// The classes Falco counts drops by.
std::string_view drop_class(std::string_view event) {
    if (event == "connect") return "connect";
    if (event == "close") return "close";
    if (event.starts_with("open") || event == "creat") return "open";
    for (const std::string_view name :
         {"unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat",
          "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "mount", "umount", "umount2"}) {
        if (event == name) return "dir_file";
    }
    return "other_interest";
}

void events(Exposition& out, const Engine::Summary& e) {
    out.single("falcosecurity_scap_n_evts_total", Type::counter, kHelp, e.pipeline.events);
    out.single("falcosecurity_scap_n_drops_total", Type::counter, kHelp, e.lost);
    std::map<std::string_view, std::uint64_t> drops{{"clone_fork", e.losses[0].count},
                                                    {"execve", e.losses[1].count},
                                                    {"proc", e.losses[2].count},
                                                    {"connect", 0},
                                                    {"open", 0},
                                                    {"dir_file", 0},
                                                    {"close", 0},
                                                    {"other_interest", 0}};
    for (const EventLoss& loss : e.event_losses) {
        const EventInfo* info = find_event(loss.code);
        drops[drop_class(info != nullptr ? info->name : "")] += loss.lost.count;
    }
    out.family("falcosecurity_scap_n_drops_buffer_total", Type::counter, kHelp);
    for (const auto& [name, count] : drops) out.sample(count, {{"drop", std::string(name)}, {"dir", "exit"}});
    out.single("falcosecurity_scap_n_drops_task_total", Type::counter, kHelp, e.losses[3].count);
    out.single("falcosecurity_scap_n_threads_total", Type::gauge, kHelp, e.processes.living);
    out.single("falcosecurity_scap_n_added_threads_total", Type::counter, kHelp, e.processes.records);
    out.single("falcosecurity_scap_n_drops_full_threadtable_total", Type::counter, kHelp, e.processes.evicted);
    out.single("falcosecurity_plugins_container_n_containers_total", Type::gauge, kHelp, std::uint64_t{e.containers});
    out.single("falcosecurity_plugins_container_n_missing_container_images_total", Type::gauge, kHelp,
               std::uint64_t{e.containers_without_image});
}

void rules(Exposition& out, const Agent& agent, const Agent::State& state) {
    const auto matches = agent.rule_matches();
    out.family("falcosecurity_falco_rules_matches_total", Type::counter, kHelp);
    for (const Rule& rule : state.matcher->rules()) {
        const auto found = matches.find(rule.name);
        if (found == matches.end()) continue; // as Falco: only those that matched
        Labels labels{{"priority", fmt::to_string(static_cast<int>(rule.priority))},
                      {"rule_name", rule.name},
                      {"source", rule.source}};
        std::set<std::string> names;
        for (const std::string& tag : rule.tags) {
            const std::string name = metrics::label_name("tag_" + tag);
            if (names.insert(name).second) labels.emplace_back(name, "true");
        }
        out.sample(found->second, labels);
    }
}

void programs(Exposition& out, const std::vector<ProgramRuns>& ran) {
    for (const ProgramRuns& program : ran) {
        const auto name = [&](const char* what) { return fmt::format("falcosecurity_scap_{}_{}", program.name, what); };
        out.single(name("run_cnt_total"), Type::counter, kHelp, program.runs);
        out.single(name("run_time_nanoseconds_total"), Type::counter, kHelp, program.time_ns);
        out.single(name("avg_time_nanoseconds"), Type::gauge, kHelp, program.time_ns / program.runs);
    }
}

void files(Exposition& out, std::string_view name, const std::vector<Agent::FileDigest>& digests) {
    if (digests.empty()) return;
    out.family(name, Type::gauge, kHelp);
    for (const Agent::FileDigest& file : digests)
        out.sample(std::uint64_t{1}, {{"file_name", file.path}, {"sha256", file.sha256}});
}

} // namespace

void falco_metrics(Exposition& out, const Agent& agent, const Agent::State& state, const Engine::Summary& engine) {
    out.info("falcosecurity_falco_version_info", kHelp, {{"version", std::string(version())}});
    utsname system{};
    ::uname(&system);
    out.info("falcosecurity_falco_kernel_release_info", kHelp, {{"kernel_release", system.release}});
    out.info("falcosecurity_evt_hostname_info", kHelp, {{"hostname", host_name(state.config)}});
    out.info("falcosecurity_scap_engine_name_info", kHelp, {{"engine_name", "modern_bpf"}, {"evt_source", "syscall"}});
    files(out, "falcosecurity_falco_sha256_rules_files_info", state.rule_digests);
    files(out, "falcosecurity_falco_sha256_config_files_info", state.config_digests);
    out.single("falcosecurity_falco_outputs_queue_num_drops_total", Type::counter, kHelp,
               agent.journal().status().lost);
    out.single("falcosecurity_falco_start_timestamp_nanoseconds", Type::gauge, kHelp,
               static_cast<std::uint64_t>(agent.started_at()));
    out.single("falcosecurity_falco_reload_timestamp_nanoseconds", Type::gauge, kHelp,
               static_cast<std::uint64_t>(state.loaded_at));
    out.single("falcosecurity_falco_duration_seconds_total", Type::counter, kHelp,
               static_cast<double>(engine.running) / 1e9);
    out.single("falcosecurity_falco_host_boot_timestamp_nanoseconds", Type::gauge, kHelp,
               static_cast<std::uint64_t>((seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME)) * 1e9));
    out.single("falcosecurity_falco_host_num_cpus_total", Type::gauge, kHelp,
               static_cast<std::uint64_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
    resources(out, state, engine);
    events(out, engine);
    programs(out, agent.program_runs());
    rules(out, agent, state);
}

} // namespace gyr::app
