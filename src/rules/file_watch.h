#pragma once
// Tells when one of a few files has become another one: by what stat(2) says, looked at now and then, never on the path
// of events. A file that is being written is waited for: a change counts once two looks in a row see the same.

#include <cstdint>
#include <string>
#include <vector>

namespace gyr::rules {

class FileWatch {
  public:
    explicit FileWatch(std::vector<std::string> paths);
    // True once for every change since the last time (or since construction) that has come to rest.
    [[nodiscard]] bool changed();

  private:
    struct State {
        std::uint64_t dev = 0, ino = 0, size = 0;  // all 0: not there
        std::int64_t seconds = 0, nanoseconds = 0; // of the last modification
        friend bool operator==(const State&, const State&) = default;
    };
    [[nodiscard]] std::vector<State> look() const;

    std::vector<std::string> paths_;
    std::vector<State> known_, last_; // as acted on; as seen by the last look
};

} // namespace gyr::rules
