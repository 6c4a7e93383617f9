#pragma once
// Asking a runtime over its socket. One client per socket, used by one thread; a call takes at most the time given,
// whatever is at the other end, and cancel() ends it from another thread.

#include "containers/resolver.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace gyr {

enum class RuntimeKind : std::uint8_t { docker, podman, containerd, cri };
[[nodiscard]] std::string_view to_string(RuntimeKind kind);

enum class CallStatus : std::uint8_t {
    found,
    found_part, // found, but not all of it could be asked for: worth asking again
    unknown_id, // answered: no such container
    timeout,
    denied,     // not permitted to connect
    absent,     // nobody listens
    unreadable, // an answer that is none
};
[[nodiscard]] std::string_view to_string(CallStatus status);
[[nodiscard]] constexpr bool is_found(CallStatus status) {
    return status == CallStatus::found || status == CallStatus::found_part;
}

class RuntimeClient {
  public:
    virtual ~RuntimeClient() = default;
    // Fills info (full_id is set) with what this runtime says, when it is found or found_part.
    virtual CallStatus ask(const ResolverHints& hints, ContainerInfo& info) = 0;
    // Any thread; ends the call under way and all later ones.
    virtual void cancel() = 0;
};

// socket: host path, host_root included. max_bytes bounds an answer.
[[nodiscard]] std::unique_ptr<RuntimeClient> make_http_client(RuntimeKind kind, std::string socket,
                                                              std::chrono::milliseconds timeout, std::size_t max_bytes);
[[nodiscard]] std::unique_ptr<RuntimeClient> make_grpc_client(RuntimeKind kind, std::string socket,
                                                              std::chrono::milliseconds timeout, std::size_t max_bytes);

} // namespace gyr
