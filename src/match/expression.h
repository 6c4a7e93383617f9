#pragma once
// What gives a value: fields, transformers over them, constants and list literals, hash-consed: the same expression
// written in forty rules is one entry, and is computed once per event.

#include "fields/registry.h"
#include "lang/ast.h"
#include "lang/transformer.h"

#include <cstdint>
#include <expected>
#include <string>
#include <unordered_map>
#include <vector>

namespace gyr::match {

using ExprId = std::uint32_t;

struct Expression {
    enum class Kind : std::uint8_t { field, constant, list, transform };
    Kind kind = Kind::constant;
    fields::BoundField field;            // kind field
    lang::TransformerKind transformer{}; // kind transform
    std::vector<ExprId> args;            // kind transform and list
    std::string constant;                // kind constant; optstring options are constants too
    std::string key;                     // getopt(…)[key]
    bool has_key = false;
    lang::FieldType type = lang::FieldType::none;
    bool is_list = false;
    bool any_of = false;
    fields::Scope scope = fields::Scope::constant;
    std::string text; // canonical form, the identity
};

struct TypeError {
    std::string message, hint;
    lang::Span span;
    bool unknown_field = false;
};

// Computes values, each at most once per round, and keeps them for it. See matcher.cpp's Scratch.
class ValueSource {
  public:
    virtual ~ValueSource() = default;
    virtual const fields::Value& value(ExprId id) = 0;
};

class Expressions {
  public:
    // Checks and adds an operand as the left side of a check, an output field, or (as_right) the right side.
    [[nodiscard]] std::expected<ExprId, TypeError> add(const lang::Operand& operand, bool as_right);
    [[nodiscard]] const Expression& operator[](ExprId id) const { return all_[id]; }
    [[nodiscard]] std::size_t size() const { return all_.size(); }
    [[nodiscard]] bool needs(ExprId id, std::string_view field) const;
    // Fields that an expression needs, itself included.
    void collect_fields(ExprId id, std::vector<const fields::BoundField*>& out) const;

  private:
    ExprId intern(Expression e);
    [[nodiscard]] std::expected<ExprId, TypeError> add_field(const lang::Field& field, const lang::Span& span);
    [[nodiscard]] std::expected<ExprId, TypeError> add_transformer(const lang::Transformer& t, const lang::Span& span,
                                                                   bool as_right);
    [[nodiscard]] std::expected<ExprId, TypeError> add_argument(const lang::Operand& operand);
    ExprId add_constant(const std::string& text);

    std::vector<Expression> all_;
    std::unordered_map<std::string, ExprId> by_text_;
};

// Applies a transformer to computed arguments. Text and lists go to the arena.
[[nodiscard]] fields::Value transform(const Expression& e, std::span<const fields::Value> args, Arena& arena);

} // namespace gyr::match
