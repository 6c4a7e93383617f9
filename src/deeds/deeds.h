#pragma once
// The steps of a simulated action, done by the program that main.cpp makes of this: in its place (simulate/stage.h) it
// runs the steps of one action, and a step may be a program of the host or a deed of ours, a system call or a role that
// no program of the host can be trusted to play. Everything here runs in processes of its own, below the place's first.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::deeds {

using Words = std::span<const std::string>;

// Does what the words say in this process, by running a program over it or by a deed; the exit status. 125 and a line
// on standard error: it could not be done.
int do_words(Words words);

// Runs steps as children, one after the other; the number of the step that failed, from 1, or 0.
int perform(const std::vector<std::string>& steps);

// A deed by name; null when there is none. Its words are those after its name.
using Deed = int (*)(Words);
[[nodiscard]] Deed find_deed(std::string_view name);

struct NamedDeed {
    std::string_view name;
    Deed deed;
};
[[nodiscard]] std::span<const NamedDeed> role_deeds();    // other programs, users, terminals, standard streams
[[nodiscard]] std::span<const NamedDeed> file_deeds();    // opens in a certain way
[[nodiscard]] std::span<const NamedDeed> kernel_deeds();  // one system call each
[[nodiscard]] std::span<const NamedDeed> network_deeds(); // connections

// For deeds: a line on standard error with errno, and 125.
int cannot(const std::string& what);
int wrong_use(const std::string& what);
// The status of a child that was waited for, as a shell tells it.
[[nodiscard]] int wait_for(int pid);

} // namespace gyr::deeds
