#pragma once
// Falco's configuration file (falco.yaml), as a Config of ours. Each of its keys is either mapped, ignored with a
// reason, or refused; the table in falco.cpp says which.

#include "config/loader.h"
#include "config/tree.h"

namespace gyr::config {

// Whether the document is one of Falco's: it has top-level keys that only Falco knows.
[[nodiscard]] bool is_falco_config(const Node& root);
// Every key it may have, "engine.kind" and so on; of a group that nothing is read of, the group.
[[nodiscard]] std::vector<std::string_view> falco_keys();
// root: environment expanded, overrides applied, included files merged. What is ignored goes to out.notes.
void read_falco_config(Node& root, const Environment& environment, Loaded& out);

// What config_files names, as far as it is there, in order.
struct FalcoInclude {
    std::string path;
    std::string strategy; // "append", "override", "add-only"
};
[[nodiscard]] std::vector<FalcoInclude> falco_includes(Node& root, const Environment& environment, Loaded& out);
// Puts a file that is included into what there is: only top-level keys are looked at.
void merge_falco(Node& root, Node more, std::string_view strategy);

} // namespace gyr::config
