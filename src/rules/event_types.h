#pragma once
// Which event types a condition can be true for (reference/rule-language.md §10): set algebra over the resolved tree,
// with negation pushed down to the leaves.

#include "lang/ast.h"

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

// All event codes there are, and what codes a name in a condition stands for (every version of an event; a system call
// without an event of its own is the generic one). Supplied by who knows the event table.
class EventNames {
  public:
    virtual ~EventNames() = default;
    [[nodiscard]] virtual const std::vector<std::uint16_t>& all_codes() const = 0;
    // Empty: there is no such event.
    [[nodiscard]] virtual std::vector<std::uint16_t> codes(std::string_view name) const = 0;
    [[nodiscard]] virtual std::vector<std::string_view> names() const = 0; // for suggestions
};

class EventSet {
  public:
    void insert(std::uint16_t code) { word(code) |= bit(code); }
    [[nodiscard]] bool contains(std::uint16_t code) const {
        return code / 64U < words_.size() && (words_[code / 64U] & bit(code)) != 0;
    }
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] std::vector<std::uint16_t> codes() const;
    EventSet& operator|=(const EventSet& other);
    EventSet& operator&=(const EventSet& other);
    EventSet& operator-=(const EventSet& other);
    friend bool operator==(const EventSet& a, const EventSet& b) { return a.codes() == b.codes(); }

  private:
    std::uint64_t& word(std::uint16_t code) {
        if (code / 64U >= words_.size()) words_.resize(code / 64U + 1U);
        return words_[code / 64U];
    }
    static std::uint64_t bit(std::uint16_t code) { return std::uint64_t{1} << (code % 64U); }
    std::vector<std::uint64_t> words_;
};

struct EventTypeError {
    std::string message;
    std::string hint;
    lang::Span span;
    bool unknown_name = false; // no such event; otherwise a comparison that event types do not allow
};

[[nodiscard]] std::expected<EventSet, std::vector<EventTypeError>> event_types(const lang::Expr& condition,
                                                                               const EventNames& names);

} // namespace gyr::rules
