#pragma once
// Which process rules have fired for which program image. A process rule fires once for what an exec made, however many
// threads and forked processes share it, and however many events they cause.

#include "match/matcher.h"
#include "state/process.h"

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace gyr::playback {

class FiredRules {
  public:
    // Whether process rules are to be asked about the image: it is another version than the last one of its process.
    // Not for a process that was only forked and still runs its parent's program: nothing has started. Nor for the
    // runtime's helper that is on its way into a container, as long as it runs the runtime's own program: what it may
    // do is not what the container may. Now and then true for one that was asked about, never false for one that was
    // not.
    [[nodiscard]] bool is_due(const ProcessImage& image);
    // The bits of the image's program.
    [[nodiscard]] RuleBits& bits(const ProcessImage& image);
    void clear();

  private:
    static constexpr std::size_t kFirstSweep = 1024, kMostProcesses = 1U << 16;
    struct Entry {
        std::weak_ptr<const ExecImage> exec; // expired: the address may mean another one now
        RuleBits bits;
    };
    struct Running {
        const ExecImage* exec = nullptr;
        bool forked = false; // its parent's program
    };
    [[nodiscard]] bool is_started(const ProcessImage& image);
    void sweep();

    std::array<std::uint64_t, 4096> asked_{}; // generations, by their low bits
    std::unordered_map<const ExecImage*, Entry> by_exec_;
    std::unordered_map<Pid, Running> running_; // what each process was last seen to run
    std::size_t sweep_at_ = kFirstSweep;
};

} // namespace gyr::playback
