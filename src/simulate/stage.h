#pragma once
// Where actions happen: for each a root file system laid over the host's (every change stays in memory and is gone with
// it), mount, network, IPC and host name namespaces of its own, for containers a process namespace too, and a cgroup.
// No container runtime is needed; what a runtime would tell about a container lies in files as Docker keeps them.

#include "base/fd.h"
#include "base/result.h"
#include "simulate/action.h"

#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace gyr::simulate {

// A place with its program running. The place stays, as a container does whose program goes on, until whoever keeps it
// is ended or swept away.
struct Started {
    pid_t pid;       // who keeps the place; a child to wait for
    UniqueFd status; // readable once the program has ended: a byte, its exit status
};

class Stage {
  public:
    // A folder in the directory for temporary files, with what the agent is to find there: docker_root(). One thread.
    [[nodiscard]] static Result<Stage> make();
    ~Stage(); // takes away the folder and the cgroups
    Stage(Stage&& other) noexcept
        : folder_(std::exchange(other.folder_, {})), id_(std::move(other.id_)), open_(other.open_),
          started_(other.started_) {}
    Stage(const Stage&) = delete;
    Stage& operator=(Stage&&) = delete;
    Stage& operator=(const Stage&) = delete;

    [[nodiscard]] const std::string& folder() const { return folder_; }
    [[nodiscard]] std::string docker_root() const { return folder_ + "/docker"; }
    // Goes into a mount namespace of its own and makes the cgroups; once, after the agent was started.
    [[nodiscard]] Result<> open();
    // Starts the program that does deeds as the first process of a place.
    [[nodiscard]] Result<Started> start(Where where, const std::vector<std::string>& argv, const std::string& mark);
    // What the last one wrote to standard error, and nothing of it stays.
    [[nodiscard]] std::string said() const;
    // Ends whatever runs in the place.
    void sweep(Where where) const;

  private:
    Stage() = default;
    [[nodiscard]] std::string cgroup(Where where) const;
    [[nodiscard]] std::string program() const { return folder_ + "/memory/program"; }
    std::string folder_;
    std::string id_; // of this run, hexadecimal
    bool open_ = false;
    int started_ = 0;
};

} // namespace gyr::simulate
