#pragma once
// Looks into file systems that are somebody else's, an outer container's or an ordinary user's: with FUSE or a
// network's below them they may never come back. Each place has a thread of its own while there is something to look
// for in it. One that hangs holds up its own place alone: what was asked about it is told to have timed out, what is
// asked while it hangs at once.

#include "containers/metadata.h"
#include "containers/runtime_client.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gyr {

class PatientLooks {
  public:
    // May hang, and then outlives this object: it must own all that it uses.
    using Look = std::function<CallStatus(ContainerInfo&)>;
    struct Answer {
        std::string key; // this and round: as given to ask()
        std::uint64_t round = 0;
        CallStatus status = CallStatus::timeout;
        ContainerInfo info;
    };

    // patience: how long one look may take. most_places: looked into at once; beyond, or when no
    // thread can be had, a look has timed out at once.
    PatientLooks(std::chrono::milliseconds patience, std::size_t most_places);
    ~PatientLooks(); // does not wait
    PatientLooks(const PatientLooks&) = delete;
    PatientLooks& operator=(const PatientLooks&) = delete;

    // Any thread. Every look has one answer; one that comes after its time is dropped.
    void ask(const std::string& place, std::string key, std::uint64_t round, Look look);
    // Readable when take() has an answer that came by itself.
    [[nodiscard]] int fd() const;
    [[nodiscard]] std::vector<Answer> take();
    // Until a look will have taken too long, and take() should be called; a long time when there is none.
    [[nodiscard]] std::chrono::milliseconds until_next() const;

  private:
    struct Shared;
    static void run(const std::shared_ptr<Shared>& shared, const std::string& place);
    std::shared_ptr<Shared> shared_;
};

} // namespace gyr
