#include "lang/diagnostic.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace gyr {

namespace {

constexpr std::size_t kSnippetWidth = 160;
constexpr std::size_t kMaxSuggestedLength = 64;

// Levenshtein distance, given up (anything above limit) as soon as it must exceed limit.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
    if (a.size() > b.size()) std::swap(a, b);
    if (b.size() - a.size() > limit) return limit + 1;
    std::vector<std::size_t> row(a.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t j = 1; j <= b.size(); ++j) {
        std::size_t diagonal = std::exchange(row[0], j);
        std::size_t best = row[0];
        for (std::size_t i = 1; i <= a.size(); ++i) {
            const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[i];
            row[i] = std::min({substituted, row[i] + 1, row[i - 1] + 1});
            best = std::min(best, row[i]);
        }
        if (best > limit) return limit + 1;
    }
    return row.back();
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

} // namespace

std::string to_text(const Diagnostic& diagnostic) {
    std::string out;
    const Place& place = diagnostic.place;
    if (!place.file.empty()) {
        out += place.file;
        if (place.line != 0) {
            out += ':' + std::to_string(place.line);
            if (place.column != 0) out += ':' + std::to_string(place.column);
        }
        out += ": ";
    }
    out += diagnostic.severity == Severity::error ? "error: " : "warning: ";
    out += diagnostic.message;
    if (!diagnostic.hint.empty()) out += " (" + diagnostic.hint + ")";
    std::string_view rest = diagnostic.snippet;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        out += "\n  ";
        out += rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
    return std::ranges::any_of(diagnostics, [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string make_snippet(std::string_view text, std::size_t offset, std::size_t length) {
    if (text.empty()) return {};
    offset = std::min(offset, text.size());
    const std::size_t newline = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
    std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    std::size_t end = std::min(text.find('\n', offset), text.size());
    if (end > begin && text[end - 1] == '\r') --end;
    offset = std::min(offset, end);
    if (end - begin > kSnippetWidth) {
        if (offset - begin > kSnippetWidth / 2) begin = offset - kSnippetWidth / 2;
        end = std::min(end, begin + kSnippetWidth);
    }
    std::string line;
    std::string below;
    for (std::size_t i = begin; i < end; ++i) {
        const char c = text[i];
        const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\t';
        line += control || c == 0x7f ? '?' : c;
        if (i >= offset) continue;
        // Continuation bytes of UTF-8 take no column.
        if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) below += c == '\t' ? '\t' : ' ';
    }
    below += '^';
    below.append(std::min(length == 0 ? 0 : length - 1, end > offset ? end - offset - 1 : 0), '~');
    return line + '\n' + below;
}

std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (word.size() < 2 || word.size() > kMaxSuggestedLength) return {};
    // As written first, then without regard to capitals.
    for (const bool fold : {false, true}) {
        const std::string wanted = fold ? lower(word) : std::string(word);
        std::size_t limit = std::max<std::size_t>(1, word.size() / 3);
        std::string_view best;
        for (const std::string_view candidate : candidates) {
            const std::size_t d = distance(wanted, fold ? lower(candidate) : std::string(candidate), limit);
            if (d > limit || (!best.empty() && d == limit)) continue;
            best = candidate;
            limit = d;
            if (d == 0) break;
        }
        if (!best.empty()) return best;
    }
    return {};
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
    const std::string_view near = closest(word, candidates);
    return near.empty() ? std::string() : "did you mean " + std::string(near) + "?";
}

} // namespace gyr
