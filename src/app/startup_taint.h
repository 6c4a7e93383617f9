#pragma once
// The taint that keeps pods off a node until it is watched: whoever makes nodes gives it to them, and the agent, once
// armed, takes it away. This is all that it ever asks of the Kubernetes API.

#include "base/result.h"
#include "config/config.h"

#include <memory>
#include <string>

namespace gyr::app {

struct StartupTaint {
    std::string key, node;
    std::string api;         // https://HOST:PORT
    std::string credentials; // folder with token and ca.crt, of a service account
};
// Empty key: nothing is to be taken away. Error: something that is needed for it is not known.
[[nodiscard]] Result<StartupTaint> startup_taint(const config::Config& config);

// Takes it away on a thread of its own, trying with growing pauses until it is gone or the object ends, which any call
// under way does not hold up for long. Says in the log what comes of it.
class TaintRemoval {
  public:
    explicit TaintRemoval(StartupTaint taint);
    ~TaintRemoval();
    TaintRemoval(const TaintRemoval&) = delete;
    TaintRemoval& operator=(const TaintRemoval&) = delete;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr::app
