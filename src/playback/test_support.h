#pragma once
// For tests of playback: rule files loaded and compiled as the commands do it.

#include "fields/registry.h"
#include "match/event_names.h"
#include "match/matcher.h"
#include "playback/playback.h"
#include "rules/loader.h"

#include <zlib.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace gyr::test {

// All of a packed file; empty when there is none.
inline std::string read_gzip(const std::string& path) {
    std::string out;
    gzFile file = gzopen(path.c_str(), "rb");
    if (file == nullptr) return out;
    std::string piece(1 << 16, '\0');
    for (int n = 0; (n = gzread(file, piece.data(), static_cast<unsigned>(piece.size()))) > 0;)
        out.append(piece, 0, static_cast<std::size_t>(n));
    gzclose(file);
    return out;
}

struct RuleSet {
    rules::LoadedRules loaded;
    std::shared_ptr<const Matcher> matcher;
};

inline RuleSet compile_loaded(rules::LoadedRules loaded, const std::function<void(Rule&)>& change = {},
                              const Matcher::Options& options = {}) {
    RuleSet out{.loaded = std::move(loaded), .matcher = nullptr};
    if (change)
        for (Rule& rule : out.loaded.rules) change(rule);
    out.matcher = Matcher::compile(out.loaded.rules, options, out.loaded.diagnostics);
    return out;
}

inline rules::LoadOptions load_options() {
    rules::LoadOptions options;
    options.fields = &fields::catalog();
    options.events = &match::event_names();
    options.sources = {"syscall", "k8s_audit"};
    return options;
}

// change sees every rule before it is compiled.
inline RuleSet load_files(const std::vector<std::string>& paths, const std::function<void(Rule&)>& change = {},
                          const Matcher::Options& options = {}) {
    return compile_loaded(rules::load_rules(paths, load_options()), change, options);
}

inline RuleSet load_text(const std::string& text, const Matcher::Options& options = {}) {
    rules::RuleLoader loader(load_options());
    loader.add_text("rules.yaml", text);
    return compile_loaded(loader.finish(), {}, options);
}

} // namespace gyr::test
