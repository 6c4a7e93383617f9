#pragma once
// How a parameter reads: its plain text, and the word that stands for it where there is one ("-2" and "ENOENT",
// "3" and "<f>/etc/passwd"). Texts are views of the event or made in the arena.

#include "fields/context.h"
#include "fields/value.h"
#include "fields/wire_params.h"

#include <string_view>

namespace gyr::fields {

// Plain text of a value of this type; for a missing value "<NA>", or "NULL" for the kinds that say so.
[[nodiscard]] std::string_view plain_text(const Context& c, const WireParam& param, const Value& value);
// User, group, process, signal, error, flag names; the absolute path of a relative one; a descriptor's label. Empty
// when there is none; missing (pending) when it is on its way. base: what a relative path begins at.
[[nodiscard]] Value word_for(const Context& c, const WireParam& param, const Value& value);

// Names of the flags set in value, joined by "|": exact for enumerations.
[[nodiscard]] std::string_view flag_names(std::uint64_t value, std::string_view table, bool exact, Arena& arena);

// The directory a relative path of this parameter begins at: the working directory, or for paths with a directory
// descriptor what that stands for. Empty when it is not known.
[[nodiscard]] std::string_view base_of(const Context& c, const WireParam& param);
// path below base, shortened. path itself when it is absolute already.
[[nodiscard]] std::string_view absolute_path(std::string_view base, std::string_view path, Arena& arena);

} // namespace gyr::fields
