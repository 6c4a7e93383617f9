// Drives the outputs of a configuration with alerts of its own making, for tests against real servers:
//
//   output_probe CONFIG
//
// Commands on standard input, one a line: "push N" hands in N alerts more; "wait" answers "delivered" when every output
// has everything; "hostile N" hands in an alert with all that could do harm, in two texts of N bytes; "apply FILE" uses
// the outputs of another configuration; "stats" answers with a line of JSON; the end of the input ends it as a signal
// ends the agent.

#include "alerts/test_support.h"
#include "app/outputs_setup.h"
#include "config/loader.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

using namespace gyr;

namespace {

constexpr Nanos kClosePatience = 2'000'000'000;

config::Config load(const std::string& path) {
    std::ifstream in(path);
    config::LoadRequest request;
    request.text.assign(std::istreambuf_iterator<char>(in), {});
    request.file = path;
    config::Loaded loaded = config::load_config(request);
    for (const Diagnostic& problem : loaded.problems) {
        std::cerr << to_text(problem) << "\n";
        std::exit(2);
    }
    return std::move(loaded.config);
}

std::vector<outputs::OutputOptions> options_of(const config::Config& config) {
    auto options = app::output_options(config);
    if (!options) {
        std::cerr << options.error().message << "\n";
        std::exit(2);
    }
    return std::move(*options);
}

std::string stats(const journal::Journal& journal, const app::OutputSet& outputs) {
    nlohmann::json j;
    for (const auto& state : outputs.states()) {
        j["outputs"][state.options.name] = {
            {"delivered", state.stats.delivered}, {"failures", state.stats.failures},
            {"refused", state.stats.refused},     {"filtered", state.stats.filtered},
            {"problem", state.stats.problem},     {"behind", journal.lag(state.position).count}};
    }
    j["lost"] = journal.status().lost;
    return j.dump();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    std::signal(SIGPIPE, SIG_IGN);
    const config::Config config = load(argv[1]);
    std::vector<outputs::OutputOptions> wanted = options_of(config);
    journal::Options options = app::journal_options(config, false, wanted);
    options.max_age = 0; // the alerts are old
    options.on_problem = [](const std::string& problem) { std::cerr << problem << std::endl; };
    journal::Journal journal(std::move(options));
    app::OutputSet outputs(journal,
                           {[](const std::string& problem) { std::cerr << problem << std::endl; }, nullptr, nullptr});
    if (auto ok = outputs.apply(std::move(wanted)); !ok) {
        std::cerr << ok.error().message << "\n";
        return 2;
    }
    journal.outputs_complete();
    std::string command;
    std::uint64_t number = 0;
    while (std::cin >> command) {
        if (command == "push") {
            std::uint64_t count = 0;
            std::cin >> count;
            for (std::uint64_t i = 0; i < count; ++i)
                journal.push(std::make_shared<const AlertRecord>(test_alert(++number)));
            journal.flush();
            std::cout << "pushed" << std::endl;
        } else if (command == "hostile") {
            std::size_t length = 0;
            std::cin >> length;
            Alert alert = test_alert(++number);
            alert.message = kHostile + std::string(length, 'y');
            alert.output_fields.push_back({"proc.cmdline", {kHostile + std::string(length, 'x')}});
            journal.push(std::make_shared<const AlertRecord>(std::move(alert)));
            journal.flush();
            std::cout << "pushed" << std::endl;
        } else if (command == "wait") {
            const auto all = [&] {
                for (const auto& state : outputs.states()) {
                    if (journal.lag(state.position).count > 0) return false;
                }
                return true;
            };
            while (!all()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
            std::cout << "delivered" << std::endl;
        } else if (command == "apply") {
            std::string file;
            std::cin >> file;
            const auto ok = outputs.apply(options_of(load(file)));
            std::cout << (ok ? "applied" : ok.error().message) << std::endl;
        } else if (command == "stats") {
            std::cout << stats(journal, outputs) << std::endl;
        }
    }
    outputs.close(kClosePatience);
    journal.close();
    return 0;
}
