#include "rules/source.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace gyr::rules {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Length in the file of one escape sequence of a double-quoted scalar, backslash included.
std::size_t escape_length(std::string_view text, std::size_t at) {
    if (at + 1 >= text.size()) return 1;
    switch (text[at + 1]) {
    case 'x': return 4;
    case 'u': return 6;
    case 'U': return 10;
    default: return 2;
    }
}

// Behind the indicator of a block scalar: its text begins on the next line.
std::size_t block_text(std::string_view text, std::size_t at) {
    const std::size_t newline = text.find('\n', at);
    return newline == std::string_view::npos ? text.size() : newline + 1;
}

} // namespace

SourceFile::SourceFile(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
    line_starts_.push_back(0);
    for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1))
        line_starts_.push_back(at + 1);
}

Place SourceFile::place(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const auto next = std::ranges::upper_bound(line_starts_, offset);
    const auto line = static_cast<std::size_t>(next - line_starts_.begin());
    return {name_, line, offset - *(next - 1) + 1, offset};
}

std::string_view SourceFile::line(std::size_t number) const {
    if (number == 0 || number > line_starts_.size()) return {};
    const std::size_t begin = line_starts_[number - 1];
    std::string_view rest = std::string_view(text_).substr(begin);
    rest = rest.substr(0, rest.find('\n'));
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    return rest;
}

std::vector<std::size_t> Scalar::align() const {
    const std::string_view text = file->text();
    const std::string& as_written = written.empty() ? value : written;
    std::vector<std::size_t> map;
    map.reserve(as_written.size());
    std::size_t at = std::min(offset, text.size());
    const char first = at < text.size() ? text[at] : '\0';
    const bool quoted = !plain && (first == '"' || first == '\'');
    if (quoted)
        ++at;
    else if (!plain && (first == '>' || first == '|'))
        at = block_text(text, at);
    for (std::size_t i = 0; i < as_written.size(); ++i) {
        const char c = as_written[i];
        if (quoted && first == '"' && at < text.size() && text[at] == '\\' &&
            !(at + 1 < text.size() && text[at + 1] == '\n')) {
            map.push_back(at);
            // One escape may give several bytes of UTF-8: all of them point at it.
            while (i + 1 < as_written.size() && (static_cast<unsigned char>(as_written[i + 1]) & 0xC0U) == 0x80U &&
                   (static_cast<unsigned char>(c) & 0x80U) != 0) {
                map.push_back(at);
                ++i;
            }
            at += escape_length(text, at);
            continue;
        }
        if (!is_space(c)) {
            while (at < text.size() && text[at] != c) ++at; // indentation and folded line ends
            map.push_back(std::min(at, text.size()));
            at += quoted && first == '\'' && c == '\'' ? 2 : 1;
            continue;
        }
        map.push_back(std::min(at, text.size()));
        if (at < text.size() && is_space(text[at])) ++at;
    }
    return map;
}

void ComposedText::add(Piece piece, std::string_view text) {
    if (text.empty()) return;
    piece.begin = text_.size();
    if (site_ != nullptr) piece.site = site_;
    pieces_.push_back(std::move(piece));
    text_ += text;
}

void ComposedText::append(const ScalarPtr& scalar, std::size_t from, std::size_t length) {
    add(Piece{0, scalar, from, true, nullptr}, std::string_view(scalar->value).substr(from, length));
}

void ComposedText::append_for(const ScalarPtr& scalar, std::string_view text) {
    add(Piece{0, scalar, 0, false, nullptr}, text);
}

void ComposedText::append_range(const ComposedText& other, std::size_t from, std::size_t length) {
    const std::size_t end = std::min(from + length, other.text_.size());
    for (const Piece* piece = other.piece_at(from); piece != nullptr && from < end;) {
        const auto index = static_cast<std::size_t>(piece - other.pieces_.data());
        const bool last = index + 1 == other.pieces_.size();
        const std::size_t piece_end = last ? other.text_.size() : other.pieces_[index + 1].begin;
        const std::size_t stop = std::min(end, piece_end);
        Piece copy = *piece;
        if (copy.verbatim) copy.from += from - piece->begin;
        add(std::move(copy), std::string_view(other.text_).substr(from, stop - from));
        from = stop;
        piece = last ? nullptr : &other.pieces_[index + 1];
    }
}

const ComposedText::Piece* ComposedText::piece_at(std::size_t offset) const {
    const auto next = std::ranges::upper_bound(pieces_, offset, {}, &Piece::begin);
    return next == pieces_.begin() ? nullptr : &*(next - 1);
}

Place ComposedText::place(std::size_t offset) const {
    const Piece* piece = piece_at(offset);
    if (piece == nullptr) return {};
    const Scalar& scalar = *piece->scalar;
    if (!piece->verbatim) return scalar.file->place(scalar.offset);
    const std::vector<std::size_t> map = scalar.align();
    const std::size_t in_value = piece->from + (offset - piece->begin);
    if (in_value < map.size()) return scalar.file->place(map[in_value]);
    return scalar.file->place(map.empty() ? scalar.offset : map.back() + 1);
}

SourceFilePtr ComposedText::file(std::size_t offset) const {
    const Piece* piece = piece_at(offset);
    return piece == nullptr ? nullptr : piece->scalar->file;
}

ScalarPtr ComposedText::scalar(std::size_t offset) const {
    const Piece* piece = piece_at(offset);
    return piece == nullptr ? nullptr : piece->scalar;
}

const ComposedText::Site* ComposedText::site(std::size_t offset) const {
    const Piece* piece = piece_at(offset);
    return piece == nullptr ? nullptr : piece->site.get();
}

void ComposedText::begin_site(const ComposedText& other, std::size_t offset, const std::string& list) {
    const Piece* piece = other.piece_at(offset);
    if (piece == nullptr) return;
    site_ = piece->site;
    if (site_ == nullptr) site_ = std::make_shared<const Site>(Site{piece->scalar->file, other.place(offset), list});
}

std::vector<std::size_t> ComposedText::file_offsets() const {
    std::vector<std::size_t> out;
    out.reserve(text_.size());
    std::unordered_map<const Scalar*, std::vector<std::size_t>> maps;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        const Piece& piece = pieces_[i];
        const std::size_t end = i + 1 < pieces_.size() ? pieces_[i + 1].begin : text_.size();
        if (piece.site != nullptr || !piece.verbatim) {
            out.resize(end, piece.site != nullptr ? piece.site->place.offset : piece.scalar->offset);
            continue;
        }
        auto [known, fresh] = maps.try_emplace(piece.scalar.get());
        if (fresh) known->second = piece.scalar->align();
        for (std::size_t at = piece.begin; at < end; ++at) out.push_back(known->second[piece.from + at - piece.begin]);
    }
    return out;
}

std::uint32_t SourceTable::add(Entry entry) {
    entries_.push_back(std::move(entry));
    return static_cast<std::uint32_t>(entries_.size()); // 0 means "no table"
}

const SourceTable::Entry* SourceTable::find(std::uint32_t origin) const {
    return origin == 0 || origin > entries_.size() ? nullptr : &entries_[origin - 1];
}

Place SourceTable::place(lang::Span span) const {
    const Entry* entry = find(span.origin);
    return entry == nullptr ? Place{} : entry->text.place(span.offset);
}

std::string SourceTable::snippet(lang::Span span) const {
    const Entry* entry = find(span.origin);
    if (entry == nullptr) return {};
    const SourceFilePtr file = entry->text.file(span.offset);
    if (file == nullptr) return {};
    return make_snippet(file->text(), entry->text.place(span.offset).offset, span.length);
}

Diagnostic SourceTable::diagnose(Severity severity, std::string_view code, std::string message, lang::Span span,
                                 std::string hint) const {
    Diagnostic d;
    d.severity = severity;
    d.code = code;
    d.message = std::move(message);
    d.hint = std::move(hint);
    d.place = place(span);
    d.snippet = snippet(span);
    if (const Entry* entry = find(span.origin); entry != nullptr)
        d.context.push_back({entry->type, entry->name, entry->item});
    return d;
}

} // namespace gyr::rules
