#pragma once
// What the language needs to know of fields, without knowing how they are computed: names, types, arguments, limits.
// fields/ provides the real catalog; tests of the language bring a small one of their own.
// A catalog is immutable and lives as long as the program; the views in FieldInfo point into it.

#include "lang/ast.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::lang {

// The type of a field's value, as exact as a comparison of two fields needs it. The names are those of the reference
// (fields.tsv, param-types.tsv) in lower case.
enum class FieldType : std::uint8_t {
    none,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    charbuf,
    bytebuf,
    fspath,
    fsrelpath,
    boolean,
    reltime,
    abstime,
    floating,
    port,
    ipv4addr,
    ipv6addr,
    ipaddr,
    ipv4net,
    ipv6net,
    ipnet,
    fd,
    pid,
    errno_code,
    syscallid,
    sigtype,
    flags8,
    flags16,
    flags32,
    enumflags8,
    enumflags16,
    enumflags32,
    mode,
    uid,
    gid,
    sockaddr,
    socktuple,
    fdlist,
    sigset,
    dyn, // evt.rawarg: decided by the argument
};

// What operators make of a type: reference §3.
enum class TypeClass : std::uint8_t { none, string, buffer, number, boolean, ip, net };

[[nodiscard]] std::string_view to_string(FieldType type); // "CHARBUF", "UINT64", …
[[nodiscard]] TypeClass class_of(FieldType type);

enum class ArgKind : std::uint8_t { none, optional, required };

struct FieldInfo {
    std::string_view name = {};
    FieldType type = FieldType::none;
    bool is_list = false;
    ArgKind arg = ArgKind::none;
    bool suffix_arg = false;     // the argument may stand behind a dot: evt.arg.path
    bool bracket_arg = true;     // the argument may stand in brackets: proc.aname[2]
    bool no_transformer = false; // transformers refuse it
    bool no_rhs = false;         // may not be compared with another field
    bool filter_only = false;    // not in output templates
    bool print_only = false;     // not in conditions
    bool deprecated = false;
    std::string_view source = {}; // event source that has it ("syscall"); empty: all
};

// A name as found: info is null when there is no such field; suffix is what followed the field's own name
// ("path" of evt.arg.path).
struct FieldMatch {
    const FieldInfo* info = nullptr;
    std::string_view suffix;
};

class FieldCatalog {
  public:
    virtual ~FieldCatalog() = default;
    // name as parsed, without a bracketed argument; aliases give the field they stand for. suffix points into name.
    [[nodiscard]] virtual FieldMatch find(std::string_view name) const = 0;
    [[nodiscard]] virtual std::vector<std::string_view> names() const = 0; // for suggestions; aliases included
    // Whether the field exists and takes its argument, which find does not look at.
    [[nodiscard]] virtual bool takes(const Field& field) const;
};

// What is wrong with the way an existing field got its argument (none where one is needed, one where none is taken, in
// the wrong form); empty when nothing is. Whether the argument makes sense to the field is for the field to say.
[[nodiscard]] std::string check_argument(const FieldMatch& match, const Field& field);

} // namespace gyr::lang
