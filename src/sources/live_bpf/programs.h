#pragma once
// The BPF object while it is loaded: its programs and maps, and nothing of it outside this process (no pins), so it
// goes with the process however that ends.

#include "abi/counters.h"
#include "base/result.h"
#include "sources/source.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gyr {

struct ProgramOptions {
    std::uint32_t ring_bytes = 16U << 20; // rounded up to a power of two
    std::uint32_t env_bytes = 8192;       // of each environment, at most 32 KiB
    bool exit_by_count = false;           // use the older kernels' way of telling exits, where either would do
};

class Programs {
  public:
    // Loads all programs that this kernel has hooks for. Errors: unsupported when a required one cannot be loaded.
    static Result<std::unique_ptr<Programs>> load(const ProgramOptions& options);
    ~Programs();
    Programs(const Programs&) = delete;
    Programs& operator=(const Programs&) = delete;

    Result<> attach();
    void detach();

    [[nodiscard]] const std::vector<Hook>& hooks() const { return hooks_; }
    [[nodiscard]] bool has_iterator() const;
    // A descriptor to read struct gyr_iter_item from; over all tasks, or the one named. The caller closes it.
    Result<int> open_iterator(std::int32_t tid = 0);

    [[nodiscard]] int ring_fd() const;
    [[nodiscard]] std::uint32_t ring_bytes() const { return ring_bytes_; }
    [[nodiscard]] gyr_control& control() const;
    [[nodiscard]] gyr_loss* losses() const;      // GYR_KINDS of them
    [[nodiscard]] const gyr_u64* errors() const; // GYR_ERRORS of them
    // Instructions that the verifier looked at, by program.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> verified_instructions() const;

  private:
    struct Object;
    explicit Programs(std::unique_ptr<Object> object);

    std::unique_ptr<Object> object_;
    std::vector<Hook> hooks_;
    std::uint32_t ring_bytes_ = 0;
};

} // namespace gyr
