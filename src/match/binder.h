#pragma once
// Conditions into the predicate graph: every field, operator and constant is checked and typed here.

#include "lang/ast.h"
#include "match/expression.h"
#include "match/graph.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gyr::match {

struct Problem {
    bool warning = false;
    bool unknown = false; // an unknown field or event type: skip-if-unknown-filter forgives it
    std::string message, hint;
    lang::Span span;
};

class Binder {
  public:
    Binder(Expressions& expressions, Graph& graph) : expressions_(expressions), graph_(graph) {}
    // The node of a condition without macros. Problems are appended; on an error the node is meaningless.
    [[nodiscard]] NodeId bind(const lang::Expr& condition, std::vector<Problem>& problems);

  private:
    NodeId check(const lang::Check& check, const lang::Span& span, std::vector<Problem>& problems);
    bool bind_items(Predicate& p, const Expression& left, const lang::Check& check, std::vector<Problem>& problems);
    bool bind_right_field(Predicate& p, const Expression& left, const lang::Check& check,
                          std::vector<Problem>& problems);
    const Result<std::shared_ptr<const ExternalSet>>&
    external_set(const std::shared_ptr<const lang::ExternalList>& list, lang::TypeClass type_class);

    Expressions& expressions_;
    Graph& graph_;
    // One index each, as texts or as addresses.
    std::map<std::pair<const lang::ExternalList*, bool>, Result<std::shared_ptr<const ExternalSet>>> external_;
};

// Whether a type takes an operator.
[[nodiscard]] bool supports(lang::Op op, lang::TypeClass type_class, bool is_list);

} // namespace gyr::match
