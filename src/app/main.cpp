// The gyr program: finds the command, runs it, and turns every mistake of usage into one line and exit code 2.

#include "app/canary.h"
#include "app/commands.h"
#include "app/falco_command.h"
#include "app/usage.h"

#include <CLI/CLI.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <exception>
#include <memory>
#include <new>
#include <string_view>

int main(int argc, char** argv) {
    using namespace gyr::app;
    if (argc > 1 && std::string_view(argv[1]) == kCanaryCommand) return 0; // to be seen is all it does
    guard_standard_streams();
    // A reader that goes away shows as an error of write(2), which every writer looks at.
    std::signal(SIGPIPE, SIG_IGN);
    // What the modules have to say goes where the log goes; standard output is for alerts.
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("gyr", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
    spdlog::set_pattern("gyr: %l: %v");
    try {
        if (argc > 0 && is_called_falco(argv[0])) return run_falco_command_line({argv + 1, argv + argc});
        return static_cast<int>(run_command_line({argv + 1, argv + argc}));
    } catch (const std::bad_alloc&) {
        return static_cast<int>(complain(Exit::host, "out of memory"));
    } catch (const std::exception& e) {
        return static_cast<int>(complain(Exit::usage, e.what()));
    }
}
