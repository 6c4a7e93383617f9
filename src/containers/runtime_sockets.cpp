#include "containers/runtime_sockets.h"

#include "base/thread_start.h"
#include "containers/sockets_to_ask.h"

#include <algorithm>
#include <utility>

namespace gyr {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxLearnt = 32; // sockets that are not among the options
constexpr int kMostRest = 6;           // times the timeout

} // namespace

RuntimeSockets::RuntimeSockets(const ResolverOptions& options, Asker asker)
    : options_(options), asker_(std::move(asker)) {}

RuntimeSockets::~RuntimeSockets() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    for (const auto& endpoint : endpoints_) {
        endpoint->client->cancel();
        endpoint->wake.notify_all();
    }
    for (const auto& endpoint : endpoints_) endpoint->thread.join();
}

RuntimeSockets::Asked RuntimeSockets::ask(RuntimeKind kind, const std::string& path, Question question) {
    const std::scoped_lock lock(mutex_);
    const auto same = [&](const auto& endpoint) { return endpoint->path == path && endpoint->kind == kind; };
    auto found = std::ranges::find_if(endpoints_, same);
    if (found == endpoints_.end()) {
        // Users make sockets of their own; however many, those of the options have their place.
        const bool learnt = !is_among_options(options_, path);
        if (learnt && learnt_ == kMaxLearnt) return Asked::never;
        auto endpoint = std::make_unique<Endpoint>();
        endpoint->kind = kind;
        endpoint->path = path;
        const bool http = kind == RuntimeKind::docker || kind == RuntimeKind::podman;
        endpoint->client = http ? make_http_client(kind, path, options_.call_timeout, options_.max_bytes)
                                : make_grpc_client(kind, path, options_.call_timeout, options_.max_bytes);
        auto thread = start_thread([this, raw = endpoint.get()] { run(*raw); });
        if (!thread) return Asked::not_now;
        endpoint->thread = std::move(*thread);
        learnt_ += learnt ? 1 : 0;
        found = endpoints_.insert(endpoints_.end(), std::move(endpoint));
    }
    Endpoint& endpoint = **found;
    if (endpoint.rest_until > Clock::now()) return Asked::resting;
    endpoint.queue.push_back(std::move(question));
    endpoint.wake.notify_one();
    return Asked::yes;
}

// The thread of one socket.
void RuntimeSockets::run(Endpoint& endpoint) {
    std::unique_lock lock(mutex_);
    for (;;) {
        endpoint.wake.wait(lock, [&] { return stopping_ || !endpoint.queue.empty(); });
        if (stopping_) return;
        const Question question = std::move(endpoint.queue.front());
        endpoint.queue.pop_front();
        lock.unlock();
        if (!asker_.still_wants(question)) {
            lock.lock();
            continue;
        }
        ContainerInfo info;
        info.full_id = question.full_id;
        const CallStatus status = endpoint.client->ask(question.hints, info);
        lock.lock();
        if (stopping_) return;
        endpoint.asked = true;
        endpoint.last = status;
        std::deque<Question> given_up;
        if (status == CallStatus::timeout) {
            ++counts_.timeouts;
            // Every question that waits would wait as long.
            endpoint.timeouts = std::min(endpoint.timeouts + 1, kMostRest);
            endpoint.rest_until = Clock::now() + options_.call_timeout * endpoint.timeouts;
            given_up.swap(endpoint.queue);
        } else {
            endpoint.timeouts = 0;
        }
        if (status == CallStatus::unreadable) ++counts_.unreadable;
        if (is_found(status)) ++counts_.found;
        lock.unlock();
        for (const Question& other : given_up) asker_.answer(other, CallStatus::timeout, nullptr);
        asker_.answer(question, status, is_found(status) ? &info : nullptr);
        lock.lock();
    }
}

RuntimeSockets::Counts RuntimeSockets::counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
}

std::vector<std::string> RuntimeSockets::describe() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> lines;
    for (const auto& endpoint : endpoints_) {
        lines.push_back(std::string(to_string(endpoint->kind)) + " " + endpoint->path + ": " +
                        std::string(endpoint->asked ? to_string(endpoint->last) : "not asked yet"));
    }
    return lines;
}

} // namespace gyr
