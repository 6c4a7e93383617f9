#pragma once
// The runtimes' sockets, each with a thread that asks it one question after the other: a runtime that hangs holds up
// nobody else. One that has not answered in time is left alone for a while, the longer the more often it happens; all
// that waited for it is answered with timeout.

#include "containers/resolver.h"
#include "containers/runtime_client.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gyr {

class RuntimeSockets {
  public:
    struct Question {
        std::string key; // this and round: given back with the answer
        std::uint64_t round = 0;
        std::string full_id;
        ResolverHints hints;
    };
    // Called by the threads of the sockets, never from ask().
    struct Asker {
        std::function<bool(const Question&)> still_wants; // just before it is asked; false: no answer is given
        // info: what was found, else null.
        std::function<void(const Question&, CallStatus, ContainerInfo* info)> answer;
    };
    // options is kept by reference.
    RuntimeSockets(const ResolverOptions& options, Asker asker);
    ~RuntimeSockets(); // ends the calls under way
    RuntimeSockets(const RuntimeSockets&) = delete;
    RuntimeSockets& operator=(const RuntimeSockets&) = delete;

    enum class Asked : std::uint8_t {
        yes,     // there will be an answer, unless it is not wanted any more
        resting, // it has not answered in time lately
        never,   // there are too many sockets already
        not_now, // no thread could be started for it
    };
    // One thread, which may hold a lock that the callbacks take.
    Asked ask(RuntimeKind kind, const std::string& path, Question question);

    struct Counts {
        std::uint64_t found = 0, timeouts = 0, unreadable = 0;
    };
    [[nodiscard]] Counts counts() const;                     // any thread
    [[nodiscard]] std::vector<std::string> describe() const; // any thread; a line for each socket

  private:
    struct Endpoint {
        RuntimeKind kind = RuntimeKind::docker;
        std::string path;
        std::unique_ptr<RuntimeClient> client;
        std::deque<Question> queue;
        std::condition_variable wake;
        std::thread thread;
        bool asked = false;
        CallStatus last = CallStatus::absent;
        std::chrono::steady_clock::time_point rest_until{};
        int timeouts = 0; // in a row
    };
    void run(Endpoint& endpoint);

    const ResolverOptions& options_;
    const Asker asker_;
    mutable std::mutex mutex_; // guards what follows; never held while the asker is called
    bool stopping_ = false;
    std::vector<std::unique_ptr<Endpoint>> endpoints_;
    std::size_t learnt_ = 0; // of them
    Counts counts_;
};

} // namespace gyr
