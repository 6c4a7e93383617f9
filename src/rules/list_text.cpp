#include "rules/list_text.h"

#include "lang/quote.h"

#include <algorithm>
#include <set>
#include <utility>

namespace gyr::rules {

namespace {

constexpr std::size_t kMaxPieces = 2'000'000; // of one condition: a million entries

// What may stand on either side of a list's name.
bool is_delimiter(char c) {
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '\v':
    case '\f':
    case '(':
    case ')':
    case ',':
    case '=': return true;
    default: return false;
    }
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

template <class Visit>
void each_word(std::string_view text, Visit visit) {
    for (std::size_t at = 0; at < text.size();) {
        if (is_delimiter(text[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && !is_delimiter(text[end])) ++end;
        visit(text.substr(at, end - at));
        at = end;
    }
}

std::string item_text(const std::string& value) {
    if (value.empty()) return "\"\"";
    const bool needs_quotes = value.find(' ') != std::string::npos && value.front() != '"' && value.front() != '\'';
    return needs_quotes ? '"' + value + '"' : value;
}

} // namespace

ListExpander::ListExpander(Definitions& definitions) : broken_(definitions.broken_lists) {
    for (const auto& def : definitions.lists.all()) {
        // One with errors stays a name in the text, to be found by broken_in.
        if (broken_.contains(def->name->value)) {
            def->used = true;
            continue;
        }
        Resolved list;
        list.def = def.get();
        list.odd_name = !std::ranges::none_of(def->name->value, is_delimiter);
        for (const ScalarPtr& item : def->items) {
            ListDef* inner = definitions.lists.find(item->value);
            const bool broken = inner != nullptr && broken_.contains(item->value);
            if (inner == nullptr || broken || inner->index >= def->visibility || inner == def.get()) {
                list.items.push_back(item);
                continue;
            }
            inner->used = true;
            // External entries cannot be copied in: the name stays and becomes a reference.
            if (!inner->external.empty()) list.items.push_back(item);
            list.items.insert(list.items.end(), inner->items.begin(), inner->items.end());
        }
        by_name_.emplace(def->name->value, lists_.size());
        lists_.push_back(std::move(list));
    }
}

const ListDef* ListExpander::external(std::string_view name) const {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) return nullptr;
    ListDef* def = lists_[it->second].def;
    return def->external.empty() ? nullptr : def;
}

std::string_view ListExpander::broken_in(std::string_view text) const {
    std::string_view found;
    if (broken_.empty()) return found;
    each_word(text, [&](std::string_view word) {
        if (found.empty() && broken_.contains(word)) found = word;
    });
    return found;
}

std::optional<ComposedText> ListExpander::expand(ComposedText text) const {
    // Lists to try, by position: the words of the text, and of what replaces them, that name one.
    std::set<std::size_t> due;
    const auto collect = [&](std::string_view part, std::size_t after) {
        each_word(part, [&](std::string_view word) {
            if (const auto it = by_name_.find(word); it != by_name_.end() && it->second >= after)
                due.insert(it->second);
        });
    };
    collect(text.text(), 0);
    for (std::size_t i = 0; i < lists_.size(); ++i)
        if (lists_[i].odd_name) due.insert(i);
    while (!due.empty()) {
        const std::size_t index = *due.begin();
        due.erase(due.begin());
        const Resolved& list = lists_[index];
        if (!list.def->external.empty()) {
            list.def->used = true;
            continue;
        }
        bool found = false;
        std::optional<ComposedText> replaced = replace(text, list, found);
        if (!replaced) return std::nullopt;
        if (!found) continue;
        list.def->used = true;
        text = std::move(*replaced);
        for (const ScalarPtr& item : list.items) collect(item->value, index + 1);
    }
    return text;
}

std::optional<ComposedText> ListExpander::replace(const ComposedText& text, const Resolved& list, bool& found) const {
    const std::string_view from = text.text();
    const std::string& name = list.def->name->value;
    ComposedText out;
    std::size_t copied = 0;
    for (std::size_t at = from.find(name); at != std::string_view::npos; at = from.find(name, at)) {
        const std::size_t end = at + name.size();
        const bool alone = (at == 0 || is_delimiter(from[at - 1])) && (end == from.size() || is_delimiter(from[end]));
        if (!alone) {
            ++at;
            continue;
        }
        found = true;
        std::size_t until = at;
        std::size_t resume = end;
        if (list.items.empty()) {
            // An empty list takes one comma beside it along: behind it, or else before it.
            std::size_t next = end;
            while (next < from.size() && is_blank(from[next])) ++next;
            if (next < from.size() && from[next] == ',') {
                resume = next + 1;
            } else {
                std::size_t before = at;
                while (before > copied && is_blank(from[before - 1])) --before;
                if (before > copied && from[before - 1] == ',') until = before - 1;
            }
        }
        out.append_range(text, copied, until - copied);
        out.begin_site(text, at, name);
        for (std::size_t i = 0; i < list.items.size(); ++i) {
            const ScalarPtr& item = list.items[i];
            if (i != 0) out.append_for(item, ", ");
            if (const std::string shown = item_text(item->value); shown == item->value)
                out.append(item);
            else
                out.append_for(item, shown);
        }
        if (out.pieces() > kMaxPieces) return std::nullopt;
        out.end_site();
        copied = resume;
        at = resume;
    }
    out.append_range(text, copied, from.size() - copied);
    return out;
}

} // namespace gyr::rules
