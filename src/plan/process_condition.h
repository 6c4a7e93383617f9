#pragma once
// What a rule asks of the process alone, so that the kernel can leave out its events for processes that it can never
// match: proc.name, user.uid and their like, which the kernel can tell to be still what they were when it was decided.
// Everything else of the rule counts as perhaps true.

#include "fields/context.h"
#include "match/matcher.h"
#include "plan/clauses.h"
#include "state/process.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gyr::match {
class Evaluator;
}

namespace gyr::plan {

// Gives each different process condition a number.
class ProcessConditions {
  public:
    explicit ProcessConditions(const Matcher& matcher) : matcher_(matcher) {}
    // What the condition asks of the process; none: nothing, or there are too many already.
    [[nodiscard]] Sets of(std::uint32_t node);
    // By number, a condition to decide it by.
    [[nodiscard]] const std::vector<std::uint32_t>& nodes() const { return nodes_; }

  private:
    // The formula with all that is not decidable left out: conditions with the same one have one bit.
    [[nodiscard]] std::string skeleton(std::uint32_t node, bool negated) const;
    const Matcher& matcher_;
    std::vector<std::uint32_t> nodes_;
    std::map<std::string, Sets> known_;
};

// Decides them for processes.
class ProcessMasks {
  public:
    // nodes: EventPlan::process_nodes
    ProcessMasks(std::shared_ptr<const Matcher> matcher, std::vector<std::vector<std::uint32_t>> nodes);
    ~ProcessMasks();
    [[nodiscard]] bool empty() const { return nodes_.empty(); }
    // A bit for each of which a condition may hold for the process; others cannot while its image is the same.
    [[nodiscard]] std::uint64_t of(const ProcessImagePtr& image, const EvalWorld& world);

  private:
    std::shared_ptr<const Matcher> matcher_;
    std::vector<std::vector<std::uint32_t>> nodes_;
    std::unique_ptr<match::Evaluator> evaluator_;
    std::vector<bool> decidable_; // by node: something in it is
    bool by_pid_ = false;         // a condition asks for the process's id
    struct Known {
        std::shared_ptr<const ExecImage> exec;
        std::string comm;
        Uid uid = 0;
        std::uint64_t bits = 0;
    };
    std::array<Known, 64> known_; // some that were asked for before
};

} // namespace gyr::plan
