#pragma once
// The abstract syntax of conditions (reference/rule-language.md §2). Immutable trees, shared by shared_ptr: macro
// bodies are spliced, not copied. Every node knows where its text came from.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gyr::lang {

// Where a node was written: an offset in one source text (a condition string). origin tells which text: the loader
// keeps a table origin → file, place, macro or rule name; 0 is "the text at hand".
struct Span {
    std::uint32_t origin = 0;
    std::uint32_t offset = 0; // bytes
    std::uint32_t length = 0;
};

enum class Op : std::uint8_t {
    exists,
    eq,
    ne,
    lt,
    le,
    gt,
    ge,
    contains,
    icontains,
    bcontains,
    startswith,
    bstartswith,
    endswith,
    glob,
    iglob,
    regex,
    in,
    intersects,
    pmatch,
};
enum class Modifier : std::uint8_t { none, oneof, anyof, allof };

[[nodiscard]] std::string_view to_string(Op op); // as written: "=", "!=", "contains", …; "==" reads back as "="
[[nodiscard]] std::string_view to_string(Modifier modifier);

struct Operand;

// proc.aname[2]: name "proc.aname", arg "2". evt.arg.path: the whole text is the name; the field catalog splits it.
struct Field {
    std::string name;
    std::optional<std::string> arg;
    bool arg_quoted = false;
};
// tolower(x), getopt(proc.args, "nt:")[t], val(x)
struct Transformer {
    std::string name;
    std::vector<Operand> args;
    std::optional<std::string> key;
};
struct Literal {
    std::string text; // unescaped
    bool quoted = false;
    bool number = false; // lexed as a number
};
// A list whose entries live in a file of their own (items_file of a rule file): shared by all conditions that name it,
// never copied into a tree. Immutable.
struct ExternalList {
    std::string name;
    std::string blob;                   // the entries, one after the other, nothing between them
    std::vector<std::uint32_t> offsets; // where each begins, and one past the last: size() + 1 numbers
    std::string path;                   // of the file
    // Where the numbers of entries and lines come apart (comments, empty lines): entry, and the line it stands on.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> line_marks;

    [[nodiscard]] std::size_t size() const { return offsets.empty() ? 0 : offsets.size() - 1; }
    [[nodiscard]] std::string_view operator[](std::size_t i) const {
        return std::string_view(blob).substr(offsets[i], offsets[i + 1] - offsets[i]);
    }
    [[nodiscard]] std::size_t line_of(std::size_t entry) const {
        std::size_t from = 0, line = 1; // without a mark before it, entry 0 is on line 1
        for (const auto& [first, on] : line_marks)
            if (first <= entry) from = first, line = on;
        return line + (entry - from);
    }
};
struct ListLiteral {
    std::vector<Operand> items;
    bool bare_identifier = false;                              // a lone name where a list was expected
    std::vector<std::shared_ptr<const ExternalList>> external; // members beside items
};
struct Operand {
    std::variant<Field, Transformer, Literal, ListLiteral> value;
    Span span;
};

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

struct And {
    std::vector<ExprPtr> children;
};
struct Or {
    std::vector<ExprPtr> children;
};
struct Not {
    ExprPtr child;
};
struct MacroRef {
    std::string name;
};
struct Check {
    Operand left; // Field or Transformer
    Op op = Op::exists;
    Modifier modifier = Modifier::none;
    std::optional<Operand> right; // absent for exists
};

struct Expr {
    std::variant<And, Or, Not, MacroRef, Check> node;
    Span span;
};

// Canonical text, as Falco prints a filter: "(evt.type = open and proc.name in (a, b))". Strings inside transformers
// stand without quotes there ("join(-,(a.b,c.d))"), so it is a name to show and to compare, not always a source.
[[nodiscard]] std::string to_string(const Expr& expr);
[[nodiscard]] std::string to_string(const Operand& operand);
// Text that parses back to an equal tree.
[[nodiscard]] std::string to_source(const Expr& expr);
[[nodiscard]] std::string to_source(const Operand& operand);
[[nodiscard]] bool equal(const Expr& a, const Expr& b); // spans ignored
[[nodiscard]] bool equal(const Operand& a, const Operand& b);

} // namespace gyr::lang
