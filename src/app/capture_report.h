#pragma once
// What of a capture could not be used: the same words from every command that reads one.

#include "app/console.h"
#include "capfile/reader.h"
#include "replay/state.h"

#include <optional>
#include <string>

namespace gyr::app {

// On standard error: blocks and events of types that are not known, which were skipped, what found no room in the
// bounded state, and where the file is damaged. Exit::bad when it is.
[[nodiscard]] Exit report_capture(const std::string& path, const capfile::ReaderStats& read,
                                  const replay::ReplayState::Stats& state,
                                  const std::optional<capfile::Damage>& damage);

} // namespace gyr::app
