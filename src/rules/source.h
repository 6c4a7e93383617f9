#pragma once
// Where every byte of a condition comes from. Rule files are kept as text; a scalar of a file knows where it was
// written; a text that is put together (a condition with its appends, lists replaced) keeps which piece came from
// where, so that a problem found in it is shown in the file the author edits.

#include "lang/ast.h"
#include "lang/diagnostic.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

// One rule file as read. Immutable and shared by everything that points into it.
class SourceFile {
  public:
    SourceFile(std::string name, std::string text);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::string_view text() const { return text_; }
    [[nodiscard]] Place place(std::size_t offset) const;
    [[nodiscard]] std::string_view line(std::size_t number) const; // from 1, without its end
    [[nodiscard]] std::size_t line_start(std::size_t number) const { return line_starts_[number - 1]; }

  private:
    std::string name_;
    std::string text_;
    std::vector<std::size_t> line_starts_;
};
using SourceFilePtr = std::shared_ptr<const SourceFile>;

// A YAML scalar: its value and where it was written. offset is that of its first byte (of the quote or the block
// indicator, when it has one).
struct Scalar {
    SourceFilePtr file;
    std::size_t offset = 0;
    std::string value;
    bool plain = false;       // without quotes and not a block
    std::string written = {}; // as the file has it, when value has blanks in place of comments; else empty

    // The file offset of each byte of value. Folding, indentation and escapes make the two differ.
    [[nodiscard]] std::vector<std::size_t> align() const;
};
using ScalarPtr = std::shared_ptr<const Scalar>;

// A text of pieces.
class ComposedText {
  public:
    // A part of a scalar's value, as it stands.
    void append(const ScalarPtr& scalar, std::size_t from, std::size_t length);
    void append(const ScalarPtr& scalar) { append(scalar, 0, scalar->value.size()); }
    // Text that stands for a scalar but is not a copy of it (quotes put around an item, brackets, a blank between).
    void append_for(const ScalarPtr& scalar, std::string_view text);
    void append_range(const ComposedText& other, std::size_t from, std::size_t length);
    // What is appended from now on stands in place of other's byte at offset (a list's name); end_site ends it.
    void begin_site(const ComposedText& other, std::size_t offset, const std::string& list);
    void end_site() { site_ = nullptr; }

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] std::size_t size() const { return text_.size(); }
    [[nodiscard]] std::size_t pieces() const { return pieces_.size(); }
    // Where the byte at offset was written, and where the last one of a run from there was; offset may be size().
    [[nodiscard]] Place place(std::size_t offset) const;
    [[nodiscard]] SourceFilePtr file(std::size_t offset) const;
    // The scalar the byte at offset is of, and, for a byte that stands in another's place, that place.
    [[nodiscard]] ScalarPtr scalar(std::size_t offset) const;
    struct Site {
        SourceFilePtr file;
        Place place;
        std::string list; // its name
    };
    [[nodiscard]] const Site* site(std::size_t offset) const;
    // The file offset of every byte, as place() has it.
    [[nodiscard]] std::vector<std::size_t> file_offsets() const;

  private:
    struct Piece {
        std::size_t begin = 0; // in text_
        ScalarPtr scalar;
        std::size_t from = 0; // in the scalar's value
        bool verbatim = true;
        std::shared_ptr<const Site> site = nullptr;
    };
    [[nodiscard]] const Piece* piece_at(std::size_t offset) const;
    void add(Piece piece, std::string_view text);

    std::string text_;
    std::vector<Piece> pieces_;
    std::shared_ptr<const Site> site_;
};

// All parsed texts of one load by the origin number that the spans of their trees carry.
class SourceTable {
  public:
    struct Entry {
        std::string type; // "rule", "macro", "exception"
        std::string name;
        ComposedText text;
        Place item; // where the rule, macro or exception itself begins
    };
    // Gives the origin to parse entry's text with.
    std::uint32_t add(Entry entry);

    [[nodiscard]] const Entry* find(std::uint32_t origin) const;
    [[nodiscard]] Place place(lang::Span span) const; // where span begins
    [[nodiscard]] std::string snippet(lang::Span span) const;
    // A problem at span: placed, with the snippet, and in the context of what span was written in (a macro, say).
    [[nodiscard]] Diagnostic diagnose(Severity severity, std::string_view code, std::string message, lang::Span span,
                                      std::string hint = {}) const;

  private:
    std::vector<Entry> entries_;
};

} // namespace gyr::rules
