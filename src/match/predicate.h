#pragma once
// One check of a condition, typed and prepared: what is compared, how, with what. Hash-consed by its canonical text.

#include "match/constant.h"
#include "match/expression.h"
#include "match/external_set.h"

#include <re2/re2.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gyr::match {

// True, false, or not decidable before a pending value comes (Kleene's logic).
enum class Truth : std::uint8_t { no, yes, undecided };

// For tables of what rules name, in which values are looked up: short texts mostly, a few words of the machine each.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept {
        constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
        const auto word = [&s](std::size_t at, std::size_t size) {
            std::uint64_t w = 0;
            std::memcpy(&w, s.data() + at, size);
            return w;
        };
        std::uint64_t h = s.size() * kOdd;
        const auto mix = [&h](std::uint64_t w) { h = (std::rotl(h, 29) ^ w) * kOdd; };
        std::size_t at = 0;
        for (; s.size() - at > 8; at += 8) mix(word(at, 8));
        if (s.size() >= 8)
            mix(word(s.size() - 8, 8));
        else if (s.size() >= 4)
            mix(word(0, 4) | word(s.size() - 4, 4) << 32);
        else if (!s.empty())
            mix(word(0, 1) | word(s.size() / 2, 1) << 8 | word(s.size() - 1, 1) << 16);
        return h ^ h >> 32;
    }
};
using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

// The lengths that the texts of a set have: most values are dismissed by theirs, without being hashed.
class Lengths {
  public:
    void add(std::string_view text) { bits_ |= bit(text); }
    [[nodiscard]] bool may_hold(std::string_view text) const { return (bits_ & bit(text)) != 0; }

  private:
    static std::uint64_t bit(std::string_view text) {
        return std::uint64_t{1} << std::min<std::size_t>(text.size(), 63);
    }
    std::uint64_t bits_ = 0;
};

// The four bytes that the texts of a list begin (or end) with: most values are dismissed by theirs.
class FourBytes {
  public:
    void add(const char* at) { bits_ |= bit(at); }
    [[nodiscard]] bool may_hold(const char* at) const { return (bits_ & bit(at)) != 0; }

  private:
    static std::uint64_t bit(const char* at) {
        std::uint32_t word = 0;
        std::memcpy(&word, at, sizeof word);
        return std::uint64_t{1} << (word * 0x9e3779b1u >> 26);
    }
    std::uint64_t bits_ = 0;
};

// One value on the right side.
struct Item {
    std::string text;     // string, buffer
    fields::Value number; // number, boolean, ip
    IpNet net;
    std::unique_ptr<RE2> regex;
};

struct Predicate {
    ExprId left = 0;
    lang::Op op = lang::Op::exists;
    lang::Modifier modifier = lang::Modifier::none;
    std::optional<ExprId> right; // field to field; else items
    std::vector<Item> items;     // as written, in order
    lang::TypeClass type_class = lang::TypeClass::none;
    bool left_list = false, left_any = false;
    bool all_differ = false;        // != of a connection's two ends: neither may be the value
    TextSet text_set;               // of items, for membership
    Lengths text_lengths;           // of text_set
    std::optional<FourBytes> edges; // of items, when all have them: what a value that begins or ends like one has
    std::unordered_set<std::uint64_t> number_set;
    std::vector<std::shared_ptr<const ExternalSet>> external; // further members
    fields::Scope scope = fields::Scope::event;
    unsigned cost = 1; // rough, to order conjuncts
    std::string text;  // identity

    // Whether membership of a scalar is all that is asked: what the rule index uses.
    [[nodiscard]] bool is_membership() const;
    // Builds the sets; once, after items are complete.
    void prepare();
    // left (and right, when it is a field) must be there.
    [[nodiscard]] bool test(const fields::Value& left_value, const fields::Value& right_value, Arena& arena) const;
    // One scalar value against everything on the right.
    [[nodiscard]] bool test_scalar(const fields::Value& v, Arena& arena) const;

  private:
    void prepare_edges();
    // No item can match the text.
    [[nodiscard]] bool dismisses(std::string_view text) const;
};

[[nodiscard]] bool compare_values(lang::Op op, const fields::Value& a, const fields::Value& b);
[[nodiscard]] std::uint64_t number_bits(const fields::Value& v); // of a number or boolean, for sets
[[nodiscard]] bool path_match(std::string_view pattern, std::string_view path);
// Invalid UTF-8 replaced by U+FFFD; the text itself when it is valid.
[[nodiscard]] std::string_view valid_utf8(std::string_view text, Arena& arena);

} // namespace gyr::match
