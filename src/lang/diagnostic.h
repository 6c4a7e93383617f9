#pragma once
// Problems in something a person wrote (a condition, a rule file, a configuration): where, what, and a hint.
// Collected, all of them, never thrown.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

enum class Severity : std::uint8_t { warning, error };

struct Place {
    std::string file;       // as given by the user; empty when there is none
    std::size_t line = 0;   // from 1; 0: unknown
    std::size_t column = 0; // from 1, in bytes
    std::size_t offset = 0; // bytes from the start of the file
};

// What the problem is in, outermost first: rule 'X', condition …
struct DiagnosticItem {
    std::string type; // "rule", "macro", "list", "exception", "condition expression", "required_engine_version", …
    std::string name;
    Place place;
};

struct Diagnostic {
    Severity severity = Severity::error;
    std::string code;    // LOAD_ERR_…/LOAD_… of reference/rule-language.md §9; empty for configuration
    std::string message; // one sentence
    std::string hint;    // "did you mean proc.name?"; empty when there is none
    Place place;         // the exact spot
    std::vector<DiagnosticItem> context;
    std::string snippet;         // source line(s) with a caret line below; empty when there is no text
    bool against_schema = false; // of a rule file: a key or a type that no item of one has
};

// "file:line:col: error: message (hint)\n  snippet"
[[nodiscard]] std::string to_text(const Diagnostic& diagnostic);
[[nodiscard]] bool has_errors(const std::vector<Diagnostic>& diagnostics);

// The line of text that holds offset, with a caret below it; long lines are cut around the spot.
[[nodiscard]] std::string make_snippet(std::string_view text, std::size_t offset, std::size_t length = 1);

// The candidate that is closest to word (edit distance at most a third of its length), or empty.
[[nodiscard]] std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates);
// "did you mean X?", or nothing when no candidate is close.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates);

} // namespace gyr
