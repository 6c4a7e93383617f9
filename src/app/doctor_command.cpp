// gyr doctor: what works on this host, what does not, and why.

#include "app/commands.h"
#include "app/sandbox.h"
#include "app/settings.h"
#include "sources/live_bpf/probe.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>

namespace gyr::app {
namespace {

Exit doctor(const CommonOptions& options, bool json) {
    const auto settings = load_settings(options);
    if (!settings) return settings.error();
    const std::vector<ProbeResult> results = probe_host();
    const bool usable = std::ranges::none_of(results, [](const ProbeResult& r) { return r.required && !r.ok; });
    std::vector<std::pair<std::string, bool>> sockets;
    const config::Config::Containers& c = settings->config.containers;
    for (const auto* list : {&c.docker.sockets, &c.podman.sockets, &c.containerd.sockets, &c.cri.sockets}) {
        for (const std::string& path : *list) {
            std::error_code ignored;
            if (std::ranges::find(sockets, path, &std::pair<std::string, bool>::first) != sockets.end()) continue;
            sockets.emplace_back(path, std::filesystem::exists(settings->config.host.root + "/" + path, ignored));
        }
    }
    if (json) {
        nlohmann::ordered_json out{{"usable", usable},
                                   {"checks", nlohmann::ordered_json::array()},
                                   {"runtime_sockets", nlohmann::ordered_json::array()}};
        for (const ProbeResult& r : results)
            out["checks"].push_back({{"name", r.name},
                                     {"ok", r.ok},
                                     {"required", r.required},
                                     {"detail", r.detail},
                                     {"coverage_lost", r.coverage_lost}});
        for (const auto& [name, list] : {std::pair{"capabilities_kept", kept_capabilities()},
                                         std::pair{"capabilities_at_start", start_capabilities()}}) {
            out[name] = nlohmann::ordered_json::array();
            for (const KeptCapability& kept : list) out[name].push_back({{"name", kept.name}, {"why", kept.why}});
        }
        out["calls_refused"] = refused_calls();
        for (const auto& [path, there] : sockets)
            out["runtime_sockets"].push_back({{"path", path}, {"present", there}});
        const Exit printed = print(out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
        return usable ? printed : complain(Exit::host, "live detection does not work on this host");
    }
    std::string text;
    for (const ProbeResult& r : results) {
        text += fmt::format("{:<8} {}: {}\n", r.ok ? "ok" : r.required ? "MISSING" : "absent", r.name, r.detail);
        if (!r.ok && !r.coverage_lost.empty()) text += fmt::format("         lost: {}\n", r.coverage_lost);
    }
    for (const auto& [path, there] : sockets)
        text += fmt::format("{:<8} runtime socket {}\n", there ? "ok" : "absent", path);
    for (const KeptCapability& kept : kept_capabilities())
        text += fmt::format("{:<8} {}: {}\n", settings->config.sandbox ? "keeps" : "needs", kept.name, kept.why);
    for (const KeptCapability& kept : start_capabilities())
        text += fmt::format("{:<8} {}: {}; only until it is armed\n", "needs", kept.name, kept.why);
    if (settings->config.sandbox)
        text += fmt::format("{:<8} {} system calls, once it is armed\n", "gives up", refused_calls().size());
    text += usable ? "live detection works on this host\n" : "";
    const Exit printed = print(text);
    return usable ? printed : complain(Exit::host, "live detection does not work on this host");
}

} // namespace

void add_doctor_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("doctor", "What works on this host, what does not, and what that costs");
    auto options = std::make_shared<CommonOptions>();
    auto format = std::make_shared<std::string>("text");
    options->add_config(*command);
    command->add_option("--format", *format, "text or json")->check(CLI::IsMember({"text", "json"}));
    command->footer("Example:\n  sudo gyr doctor");
    command->callback(
        [&action, options, format] { action = [options, format] { return doctor(*options, *format == "json"); }; });
}

} // namespace gyr::app
