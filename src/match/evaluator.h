#pragma once
// Evaluation of one event: values and nodes are computed when first asked for, once, and remembered until the next
// event. What is decided by the process image alone is remembered with the image, from event to event.

#include "base/arena.h"
#include "fields/context.h"
#include "match/expression.h"
#include "match/graph.h"

#include <cstdint>
#include <vector>

namespace gyr::match {

// Results of lasting nodes by image: a table of fixed size, one image an entry, the newest wins. Two bits a slot.
// An entry is good for one generation of the image, of its container and of its session. Only definite results are
// kept: a value that was pending may come, a definite truth does not change with it.
class ImageResults {
  public:
    static constexpr std::size_t kEntries = 2048;
    void resize(std::size_t slots);
    // Chooses the entry of an image; none (get and set then do nothing) for a process without generation.
    void select(const ProcessImage* image);
    void deselect() { current_ = nullptr; }
    [[nodiscard]] bool get(std::uint32_t slot, bool& result) const;
    void set(std::uint32_t slot, bool result);

  private:
    struct Tag {
        std::uint64_t generation = 0;
        const Container* container = nullptr;
        std::uint32_t container_generation = 0, session_generation = 0;
    };
    std::vector<Tag> tags_;
    std::vector<std::uint64_t> bits_;
    std::size_t words_ = 0;
    std::uint64_t* current_ = nullptr;
};

class Evaluator final : public ValueSource {
  public:
    Evaluator(const Expressions& expressions, const Graph& graph, std::size_t slots);

    void begin(const Event& event, const EvalWorld& world, bool use_image_results, bool pending_is_missing);
    const fields::Value& value(ExprId id) override;
    Truth truth(NodeId id);
    [[nodiscard]] bool pending_is_missing() const { return pending_is_missing_; }

  private:
    [[nodiscard]] fields::Value compute_value(const Expression& e);
    Truth compute(NodeId id);
    Truth test(const Predicate& p);

    const Expressions& expressions_;
    const Graph& graph_;
    Arena arena_;
    std::vector<fields::Value> values_;
    std::vector<std::uint32_t> value_round_;
    std::vector<Truth> truths_;
    std::vector<std::uint32_t> truth_round_;
    ImageResults images_;
    std::uint32_t round_ = 0;
    const Event* event_ = nullptr;
    const EvalWorld* world_ = nullptr;
    bool pending_is_missing_ = false;
};

} // namespace gyr::match
