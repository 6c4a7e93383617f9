#pragma once
// The values that Falco computed for the events of a capture, read from a file of one JSON object a line, and the walk
// through capture and values side by side.

#include "replay/state.h"
#include "state/event.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace gyr::test {

struct ExpectedCapture {
    std::string name, capture_path, values_path;
};
// Captures that have values, by name. Empty: the material is not there.
[[nodiscard]] std::vector<ExpectedCapture> expected_captures();

// Falco knows a Podman container by its cgroup only on a host with Podman's socket, and it ran on one without: for such
// a process container.id and what depends on it (names of users and groups) are the host's in its values.
[[nodiscard]] bool of_podman(const nlohmann::json& values);
// Of an open below a directory's descriptor Falco names the directory instead of the file.
[[nodiscard]] bool of_open_below_descriptor(const nlohmann::json& values);
// Whether the value is a text that begins so.
[[nodiscard]] bool begins(const nlohmann::json& values, const char* name, std::string_view with);

struct Walk {
    std::size_t expected = 0;        // events with values
    std::size_t met = 0;             // of them found in the capture
    std::vector<std::string> missed; // the others: time, thread and type
};
// Replays the capture and calls visit for every event with values (each step-th of them).
Walk walk(const ExpectedCapture& capture, std::size_t step,
          const std::function<void(const Event&, const replay::ReplayState&, const nlohmann::json& values)>& visit);

} // namespace gyr::test
