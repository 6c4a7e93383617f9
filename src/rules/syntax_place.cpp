#include "rules/syntax_place.h"

#include "lang/quote.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace gyr::rules {

namespace {

class Locator {
  public:
    Locator(const lang::ParseError& error, const ComposedText& text)
        : error_(error), text_(text), offsets_(text.file_offsets()) {}

    SyntaxPlace run() {
        SyntaxPlace out;
        out.message = error_.message;
        out.hint = error_.hint;
        const std::size_t size = text_.size();
        const std::size_t at = std::min<std::size_t>(error_.span.offset, size == 0 ? 0 : size - 1);
        const std::size_t after = error_.after;
        file_ = text_.file(at);
        const bool at_end = error_.span.offset >= size;
        const bool never_closed = error_.unclosed == error_.span.offset && error_.span.length == 1;
        if (error_.quote && same_file(*error_.quote) && line(*error_.quote) < line(after - 1)) {
            put(out, *error_.quote, 1);
            out.message = "the quote that opens here is closed only in a later line";
            out.hint = "close it where the string ends";
        } else if (never_closed) {
            unclosed(out, at);
        } else if (error_.message.starts_with("this ')'")) {
            unopened(out, at);
        } else if (after > 0 && (at_end || (error_.missing && same_file(after - 1) && line(after - 1) < line(at)))) {
            behind(out, after - 1);
        } else {
            put(out, at, std::max<std::size_t>(error_.span.length, 1));
        }
        if (after > 0 && !at_end && text_.scalar(after - 1) != text_.scalar(at) && text_.site(at) == nullptr &&
            text_.site(after - 1) == nullptr && error_.message.starts_with("unexpected"))
            out.hint = "what is appended to a condition begins with 'and' or 'or'";
        return out;
    }

  private:
    [[nodiscard]] bool same_file(std::size_t offset) const {
        return text_.file(offset) == file_ && text_.site(offset) == nullptr;
    }
    [[nodiscard]] std::size_t line(std::size_t offset) const { return file_->place(offsets_[offset]).line; }
    [[nodiscard]] std::size_t indent(std::size_t number) const {
        const std::string_view text = file_->line(number);
        return std::min(text.find_first_not_of(' '), text.size());
    }

    // At the byte, or at the list's name that brought it in: what stands around the name is wrong then, unless the
    // item itself is no plain value.
    void put(SyntaxPlace& out, std::size_t at, std::size_t length) const {
        const ComposedText::Site* site = text_.site(at);
        if (site == nullptr || !plain(text_.scalar(at)->value)) {
            out.file = text_.file(at);
            out.place = text_.place(at);
            out.length = length;
            return;
        }
        out.file = site->file;
        out.place = site->place;
        out.message += ", inside the items of a list";
    }
    static bool plain(const std::string& value) {
        if (value.find_first_of("(),=") != std::string::npos) return false;
        const std::size_t quotes =
            static_cast<std::size_t>(std::ranges::count_if(value, [](char c) { return c == '"' || c == '\''; }));
        return quotes == 0 || (quotes == 2 && value.size() > 1 && value.front() == value.back());
    }
    void behind(SyntaxPlace& out, std::size_t last) const {
        put(out, last, 1);
        if (text_.site(last) != nullptr) return;
        out.place.column += 1;
        out.place.offset += 1;
    }

    // Offsets in the text at which a new line of the file begins, from offset on.
    template <class Visit>
    void each_line(std::size_t from, Visit visit) const {
        std::size_t current = line(from);
        for (std::size_t i = from; i < text_.size(); ++i) {
            if (lang::is_blank(text_.text()[i]) || !same_file(i)) continue;
            const std::size_t number = line(i);
            if (number == current) continue;
            current = number;
            if (!visit(i, number)) return;
        }
    }
    [[nodiscard]] std::size_t last_word_before(std::size_t offset) const {
        while (offset > 0 && lang::is_blank(text_.text()[offset - 1])) --offset;
        return offset == 0 ? 0 : offset - 1;
    }

    // A '(' without its ')'. What is indented more than its line belongs to it; the ')' should have come before the
    // first line that is not.
    void unclosed(SyntaxPlace& out, std::size_t at) const {
        if (!same_file(at)) return put(out, at, 1);
        const std::size_t open_line = line(at);
        const std::size_t base = indent(open_line);
        std::size_t last = last_word_before(text_.size());
        each_line(at, [&](std::size_t offset, std::size_t number) {
            if (indent(number) > base) return true;
            last = last_word_before(offset);
            return false;
        });
        if (!same_file(last) || line(last) <= open_line) return put(out, at, 1);
        behind(out, last);
        out.message = "a ')' is missing: the '(' in line " + std::to_string(open_line) + " is never closed";
    }

    // A ')' without its '('. A line after which the text is indented more, though it opens nothing, has lost one.
    void unopened(SyntaxPlace& out, std::size_t at) const {
        put(out, at, 1);
        if (!same_file(at)) return;
        std::optional<std::size_t> first;
        for (std::size_t i = 0; i < at && !first; ++i)
            if (same_file(i) && !lang::is_blank(text_.text()[i])) first = i;
        if (!first) return;
        std::size_t begin = *first;
        std::size_t suspect = 0;
        bool found = false;
        each_line(begin, [&](std::size_t offset, std::size_t number) {
            if (offset > at) return false;
            const std::size_t previous = line(begin);
            const bool key_line = file_->line(previous).find("condition:") != std::string_view::npos;
            if (!key_line && indent(number) > indent(previous) && balance(begin, offset) <= 0 && !found) {
                suspect = begin;
                found = true;
            }
            begin = offset;
            return true;
        });
        if (!found) return;
        const std::size_t close_line = out.place.line;
        put(out, suspect, 1);
        out.message = "a '(' is missing: the ')' in line " + std::to_string(close_line) + " closes nothing";
    }
    [[nodiscard]] int balance(std::size_t from, std::size_t to) const {
        int out = 0;
        for (std::size_t i = from; i < to; ++i) out += text_.text()[i] == '(' ? 1 : text_.text()[i] == ')' ? -1 : 0;
        return out;
    }

    const lang::ParseError& error_;
    const ComposedText& text_;
    std::vector<std::size_t> offsets_;
    SourceFilePtr file_;
};

} // namespace

SyntaxPlace place_of(const lang::ParseError& error, const ComposedText& text) { return Locator(error, text).run(); }

} // namespace gyr::rules
