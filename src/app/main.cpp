// The gyr program: finds the command, runs it, and turns every mistake of usage into one line and exit code 2.

#include "app/commands.h"
#include "app/usage.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <new>

int main(int argc, char** argv) {
    using namespace gyr::app;
    guard_standard_streams();
    // A reader that goes away shows as an error of write(2), which every writer looks at.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return static_cast<int>(run_command_line({argv + 1, argv + argc}));
    } catch (const std::bad_alloc&) {
        return static_cast<int>(complain(Exit::host, "out of memory"));
    } catch (const std::exception& e) {
        return static_cast<int>(complain(Exit::usage, e.what()));
    }
}
