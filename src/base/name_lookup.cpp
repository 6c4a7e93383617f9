#include "base/name_lookup.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread_signals.h"
#include "base/thread_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/eventfd.h>

namespace gyr {
namespace {

constexpr Nanos kHold = 60LL * 1'000'000'000; // an answer that came late is still one

} // namespace

struct NameLookup::Question {
    std::string host, port;
    addrinfo hints{};
    UniqueFd answered{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    std::atomic<bool> done{false}; // what is below is there
    int code = 0, error = 0;
    Nanos at = 0;
    Addresses found;

    [[nodiscard]] bool same(const Question& other) const {
        return host == other.host && port == other.port && hints.ai_socktype == other.hints.ai_socktype &&
               hints.ai_flags == other.hints.ai_flags;
    }
    void ask(Resolver resolver) {
        addrinfo* list = nullptr;
        code = resolver(host.c_str(), port.c_str(), &hints, &list);
        error = errno;
        found.reset(list);
        at = steady_now();
        done.store(true, std::memory_order_release);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(answered.get(), &one, sizeof one);
    }
};

Result<Addresses> NameLookup::find(const std::string& host, const std::string& port, int socket_type, int flags,
                                   FunctionRef<bool(int)> wait) {
    const auto trouble = [&](const char* why) {
        return fail(ErrorKind::io, fmt::format("cannot find {}: {}", host, why));
    };
    auto question = std::make_shared<Question>();
    question->host = host;
    question->port = port;
    question->hints.ai_socktype = socket_type;
    question->hints.ai_flags = flags;

    addrinfo literal = question->hints;
    literal.ai_flags |= AI_NUMERICHOST;
    if (addrinfo* list = nullptr; ::getaddrinfo(host.c_str(), port.c_str(), &literal, &list) == 0)
        return Addresses(list);

    std::erase_if(open_, [](const auto& open) {
        return open->done.load(std::memory_order_acquire) && steady_now() - open->at > kHold;
    });
    const auto same = [&](const auto& open) { return open->same(*question); };
    if (const auto known = std::ranges::find_if(open_, same); known != open_.end()) {
        question = *known;
    } else {
        if (!question->answered) return fail_errno("look for " + host, errno);
        auto thread = start_thread([question, resolver = resolver_] {
            block_signals();
            question->ask(resolver);
        });
        if (!thread) return fail(ErrorKind::io, fmt::format("look for {}: {}", host, thread.error().message));
        thread->detach();
    }
    while (!question->done.load(std::memory_order_acquire)) {
        if (wait(question->answered.get())) continue;
        if (std::ranges::none_of(open_, same)) open_.push_back(question);
        return fail(ErrorKind::timeout, fmt::format("cannot find {}: the name server does not answer", host));
    }
    std::erase(open_, question);
    if (question->code == EAI_SYSTEM) return trouble(std::strerror(question->error));
    if (question->code != 0) return trouble(::gai_strerror(question->code));
    if (!question->found) return trouble("it has no address");
    return std::move(question->found);
}

} // namespace gyr
