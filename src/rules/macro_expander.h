#pragma once
// Macro references replaced by the macros' trees, which are shared, not copied.

#include "lang/ast.h"
#include "rules/definitions.h"
#include "rules/list_text.h"
#include "rules/problems.h"
#include "rules/source.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gyr::rules {

// Bounds of an expanded condition: small files can name very large trees.
inline constexpr std::size_t kMaxExpandedDepth = 1000;
inline constexpr std::size_t kMaxExpandedNodes = 500'000;

class ConditionBuilder {
  public:
    ConditionBuilder(Definitions& definitions, SourceTable& sources, Problems& problems);

    // All macros, in definition order.
    void build_macros();
    // The expanded tree of a macro; null when it is broken.
    [[nodiscard]] lang::ExprPtr macro(std::string_view name) const;

    // Parses text (lists are replaced first) and expands the macros in it; all are visible. The item the text belongs
    // to is named by type, name and context, for messages. Null after an error; why then says it in one sentence.
    [[nodiscard]] lang::ExprPtr build(ComposedText text, std::string type, std::string name, const Context& context,
                                      std::string& why);

  private:
    struct Measure {
        std::size_t depth = 1, nodes = 1;
    };
    struct Macro {
        MacroDef* def = nullptr;
        lang::ExprPtr parsed, expanded;
        Measure measure;
        enum class State { waiting, open, done, broken } state = State::waiting;
        Context context;
    };
    // While one text is expanded.
    struct Job {
        const MacroDef* viewer = nullptr; // the macro whose text it is; null: a rule, which sees all
        const Context* context = nullptr;
        std::string why; // first problem
    };

    [[nodiscard]] lang::ExprPtr parse(ComposedText text, std::string type, std::string name, const Context& context,
                                      std::string& why);
    void finish(Macro& macro);
    [[nodiscard]] lang::ExprPtr expand(const lang::ExprPtr& expr, Job& job, Measure& measure);
    template <class Node>
    [[nodiscard]] lang::ExprPtr expand_children(const lang::ExprPtr& expr, const Node& node, Job& job,
                                                Measure& measure);
    [[nodiscard]] lang::ExprPtr expand_reference(const lang::Expr& expr, const std::string& name, Job& job,
                                                 Measure& measure);
    [[nodiscard]] lang::ExprPtr refuse(Job& job, std::string message, lang::Span span, std::string hint = {});
    [[nodiscard]] lang::ExprPtr with_external_lists(const lang::ExprPtr& expr) const;

    Definitions& definitions_;
    SourceTable& sources_;
    Problems& problems_;
    ListExpander lists_;
    bool has_external_lists_ = false;
    std::vector<Macro> macros_;
    std::unordered_map<std::string_view, std::size_t> by_name_;
    std::vector<const Macro*> open_; // being expanded, outermost first
};

} // namespace gyr::rules
