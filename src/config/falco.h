#pragma once
// Falco's configuration file (falco.yaml), as a Config of ours. Each of its keys is either mapped, ignored with a
// reason, or refused; the table in falco.cpp says which.

#include "config/loader.h"
#include "config/tree.h"

namespace gyr::config {

// Whether the document is one of Falco's: it has top-level keys that only Falco knows.
[[nodiscard]] bool is_falco_config(const Node& root);
// root: environment expanded, overrides applied, included files merged. What is ignored goes to out.notes.
void read_falco_config(Node& root, const Environment& environment, Loaded& out);
// The files and folders named by config_files.
[[nodiscard]] std::vector<std::string> falco_includes(Node& root);

} // namespace gyr::config
