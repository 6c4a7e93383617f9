#pragma once
// Every field of the rule language: one entry each, with name, type, argument, scope, documentation and extractor in
// one place. The compiler checks and extracts by it, the language asks it (FieldCatalog), `gyr list fields` prints it.
//
// A new field is a new entry in the table of its family (proc.cpp, user.cpp, …); nothing else changes.

#include "base/result.h"
#include "fields/context.h"
#include "fields/value.h"
#include "lang/field_catalog.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::fields {

// When a value can change. Ordered from the most to the least lasting.
enum class Scope : std::uint8_t {
    constant,  // the same for every event of a type; where a type has several, pending for the event number 0
    image,     // decided by the process image alone
    container, // by the image and what is known of its container
    world,     // by other processes (parents, leaders) and user databases
    event,     // by the event
    time,      // by the clock
};
// Whether the value belongs to the process rather than to what it did: what process rules may ask.
[[nodiscard]] constexpr bool is_process_scope(Scope s) {
    return s == Scope::image || s == Scope::container || s == Scope::world;
}
[[nodiscard]] std::string_view to_string(Scope scope); // "constant", "process", "event", "time"

enum class Format : std::uint8_t { none, decimal, id, hex, octal, padded };
enum class ArgForm : std::uint8_t { none, index, key, index_or_key, name, index_or_name };

using Extractor = Value (*)(const Context&, const Argument&);
// Checks an argument and prepares it; a message when it is wrong. May change the type (evt.rawarg).
using Prepare = Result<> (*)(Argument&, lang::FieldType& type);

struct Field {
    lang::FieldInfo info;
    ArgForm arg_form = ArgForm::none;
    Scope scope = Scope::event;
    Format format = Format::none;
    bool any_of = false; // several values without being a list: a comparison holds when it holds for any of them
    bool hidden = false; // works, but is left out of listings
    bool own = false;    // not in Falco's language
    std::string_view prints = {}; // in output without an argument another field stands for it, or itself with one
    std::optional<std::string> prints_arg = {};
    bool captures_only = false; // live nobody tells it
    bool at_most = false;       // "= n" holds up to n, and there is no other comparison
    std::string_view doc;       // one sentence without the full stop
    Extractor extract = nullptr;
    Prepare prepare = nullptr;

    // For the tables: changes of one entry, in the order of reading.
    [[nodiscard]] Field arg(lang::ArgKind kind, ArgForm form, Prepare p = nullptr) const;
    [[nodiscard]] Field suffix(lang::ArgKind kind, Prepare p, bool bracket = false) const;
    [[nodiscard]] Field any() const; // also forbids transformers and the right side, as for all such fields
    [[nodiscard]] Field list() const;
    [[nodiscard]] Field as(Format f) const;
    [[nodiscard]] Field hide() const;
    [[nodiscard]] Field ours() const;
    [[nodiscard]] Field old() const;        // deprecated
    [[nodiscard]] Field plain() const;      // no transformer, no right side
    [[nodiscard]] Field printing() const;   // only in output
    [[nodiscard]] Field filtering() const;  // only in conditions
    [[nodiscard]] Field everywhere() const; // all event sources have it
    [[nodiscard]] Field printed_as(std::string_view other, std::optional<std::string> arg = {}) const;
    [[nodiscard]] Field of_audit() const; // only events of the Kubernetes audit log have it
    [[nodiscard]] Field captures() const; // live nobody tells it
    [[nodiscard]] Field up_to() const;    // sets at_most
};

[[nodiscard]] Field make_field(std::string_view name, lang::FieldType type, Scope scope, std::string_view doc,
                               Extractor extract);

// The families.
[[nodiscard]] std::span<const Field> evt_fields();
[[nodiscard]] std::span<const Field> evt_io_fields();
[[nodiscard]] std::span<const Field> proc_fields();
[[nodiscard]] std::span<const Field> proc_state_fields();
[[nodiscard]] std::span<const Field> thread_fields();
[[nodiscard]] std::span<const Field> user_fields();
[[nodiscard]] std::span<const Field> group_fields();
[[nodiscard]] std::span<const Field> container_fields();
[[nodiscard]] std::span<const Field> k8s_fields();
[[nodiscard]] std::span<const Field> fd_fields();
[[nodiscard]] std::span<const Field> fd_socket_fields();
[[nodiscard]] std::span<const Field> fs_path_fields();
[[nodiscard]] std::span<const Field> kube_audit_fields();
[[nodiscard]] std::span<const Field> kube_audit_pod_fields();
[[nodiscard]] std::span<const Field> json_event_fields();

struct Alias {
    std::string_view name, stands_for;
};
[[nodiscard]] std::span<const Alias> aliases();

[[nodiscard]] const std::vector<const Field*>& all_fields(); // by family, in table order
// By exact name or alias.
[[nodiscard]] const Field* find_field(std::string_view name);
// For names the language once had: what became of them; empty for all others.
[[nodiscard]] std::string_view removed_field(std::string_view name);

// A field with its argument, ready to extract.
struct BoundField {
    const Field* field = nullptr;
    Argument arg;
    lang::FieldType type = lang::FieldType::none;
    bool is_list = false;
    bool any_of = false;
    Scope scope = Scope::event;
    Format format = Format::none;
    std::string text; // canonical: proc.aname[2], evt.arg.path
};
struct BindError {
    std::string message, hint;
    bool unknown_field = false; // what skip-if-unknown-filter forgives
};
// name as parsed (a dotted argument still in it), arg the bracketed argument.
[[nodiscard]] std::expected<BoundField, BindError> bind_field(std::string_view name,
                                                              const std::optional<std::string>& arg);

// The registry as the language sees it.
[[nodiscard]] const lang::FieldCatalog& catalog();

// A value as text, as output templates and "all values joined" have it. type and format decide how numbers look.
void append_text(std::string& out, const Value& value, lang::FieldType type, Format format);

} // namespace gyr::fields
