#pragma once
// The BPF object while it is loaded: its programs and maps, and nothing of it outside this process (no pins), so it
// goes with the process however that ends.

#include "abi/counters.h"
#include "abi/syscall_wire.h"
#include "base/result.h"
#include "sources/source.h"

#include <array>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr {

struct ProgramOptions {
    std::uint32_t ring_bytes = 16U << 20; // rounded up to a power of two
    std::uint32_t network_ring_bytes = 4U << 20, bulk_ring_bytes = 8U << 20;
    std::uint32_t buffer_bytes = 80; // of what is read and written, at most 4 KiB
    std::uint32_t env_bytes = 8192;  // of each environment, at most 32 KiB
    bool exit_by_count = false;      // use the older kernels' way of telling exits, where either would do
};

// Until every program that runs at this moment has ended.
void wait_for_programs();

class Programs {
  public:
    // Of system calls. Attached only while something of them is wanted: their tracepoints tax every call on the host.
    using Numbers = std::array<std::uint64_t, GYR_CALLS / 64>; // of calls, as bits
    // What the program for the end of calls is made for.
    struct Ends {
        Numbers numbers{}; // that are told
        Numbers not_tcp{}; // GYR_NOT_TCP of the 64-bit table at most: about a TCP socket they are passed over at once,
                           // neither counted nor checked
    };
    struct OnDemand {
        bool calls = false, enter = false, connections = false, uring = false, signals = false, page_faults = false;
        Ends ends{};
    };
    // Loads all programs that this kernel has hooks for, those on demand excepted. Beside that it begins to load what
    // first wants, in threads of their own. Errors: unsupported when a required program cannot be loaded.
    static Result<std::unique_ptr<Programs>> load(const ProgramOptions& options, const OnDemand& first);
    ~Programs();
    Programs(const Programs&) = delete;
    Programs& operator=(const Programs&) = delete;

    Result<> attach();
    void detach();

    [[nodiscard]] bool can_trace_calls() const;
    // Programs that are wanted for the first time are loaded, which takes some 100 ms.
    Result<> attach_on_demand(const OnDemand& wanted);
    // Loads it here and now, without attaching any. Any thread, so that whoever reads events need not stand still for
    // it.
    Result<> load_beforehand(const OnDemand& wanted);

    [[nodiscard]] const std::vector<Hook>& hooks() const { return hooks_; }
    [[nodiscard]] bool has_iterator() const;
    // A descriptor to read struct gyr_iter_item from; over all tasks, or the one named. The caller closes it.
    Result<int> open_iterator(std::int32_t tid = 0);

    // By lane, GYR_LANES of them.
    [[nodiscard]] int ring_fd(std::size_t lane = GYR_LANE_CRITICAL) const;
    [[nodiscard]] std::uint32_t ring_bytes(std::size_t lane = GYR_LANE_CRITICAL) const;
    [[nodiscard]] gyr_wanted& wanted() const;     // programs read it at any time: to be written by atomic stores
    [[nodiscard]] gyr_loss* event_losses() const; // GYR_CLASSES of them, by event code
    [[nodiscard]] int clause_counters_fd() const;
    [[nodiscard]] int stopped_events_fd() const;
    [[nodiscard]] int losses_by_cgroups_fd() const;
    [[nodiscard]] int losses_by_processes_fd() const;
    [[nodiscard]] int names_fd() const;
    [[nodiscard]] int host_cgroups_fd() const;
    [[nodiscard]] int networks_fd() const;
    [[nodiscard]] int process_masks_fd() const;
    [[nodiscard]] int files_fd() const;
    // The file that a descriptor of this process stands for. One thread at a time.
    Result<gyr_identity> identify(int fd);
    [[nodiscard]] gyr_control& control() const;
    [[nodiscard]] gyr_loss* losses() const;      // GYR_KINDS of them
    [[nodiscard]] const gyr_u64* errors() const; // GYR_ERRORS of them
    // Instructions that the verifier looked at, by program.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> verified_instructions() const;
    // Of programs that ran while the kernel counted. Any thread.
    [[nodiscard]] std::vector<ProgramRuns> program_runs() const;

  private:
    struct Object;
    explicit Programs(std::unique_ptr<Object> object);
    template <class F>
    void for_each_loaded(F visit) const; // with name and bpf_prog_info
    [[nodiscard]] std::vector<std::string_view> missing_calls(const OnDemand& wanted) const;
    [[nodiscard]] bool has_hook(std::string_view program) const; // the kernel has what it hangs on

    // Begins to load what attach_on_demand() will want, in a thread of its own.
    void prepare(const OnDemand& wanted);
    Result<> load_missing(const OnDemand& wanted);

    std::unique_ptr<Object> object_;
    std::mutex calls_mutex_; // guards the programs of system calls, and what hooks_ says of them
    std::vector<Hook> hooks_;
    std::future<Result<>> preparing_;
};

} // namespace gyr
