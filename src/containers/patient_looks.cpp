#include "containers/patient_looks.h"

#include "base/fd.h"
#include "base/thread_start.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace gyr {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct PatientLooks::Shared {
    struct Job {
        std::string key;
        std::uint64_t round = 0;
        Look look;
    };
    struct Place {
        std::deque<Job> queue;
        std::string key; // what its thread is looking for
        std::uint64_t round = 0;
        Clock::time_point since{};
        bool looking = false, given_up = false;
    };

    milliseconds patience{};
    std::size_t most_places = 0;
    UniqueFd fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    mutable std::mutex mutex; // guards what follows
    std::map<std::string, Place> places;
    std::vector<Answer> answers;
    bool stopping = false;

    void answer(std::string key, std::uint64_t round, CallStatus status, ContainerInfo info) {
        answers.push_back({std::move(key), round, status, std::move(info)});
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t ignored = ::write(fd.get(), &one, sizeof one);
    }
    void give_up(Place& place) {
        place.given_up = true;
        answer(place.key, place.round, CallStatus::timeout, {});
        for (Job& job : std::exchange(place.queue, {})) answer(job.key, job.round, CallStatus::timeout, {});
    }
};

PatientLooks::PatientLooks(milliseconds patience, std::size_t most_places) : shared_(std::make_shared<Shared>()) {
    shared_->patience = patience;
    shared_->most_places = most_places;
}

PatientLooks::~PatientLooks() {
    const std::scoped_lock lock(shared_->mutex);
    shared_->stopping = true;
    for (auto& [name, place] : shared_->places) place.queue.clear();
}

void PatientLooks::run(const std::shared_ptr<Shared>& shared, const std::string& name) {
    std::unique_lock lock(shared->mutex);
    const auto at = shared->places.find(name);
    Shared::Place& place = at->second;
    while (!place.queue.empty() && !shared->stopping) {
        Shared::Job job = std::move(place.queue.front());
        place.queue.pop_front();
        place.key = job.key;
        place.round = job.round;
        place.since = Clock::now();
        place.looking = true;
        place.given_up = false;
        lock.unlock();
        ContainerInfo info;
        const CallStatus status = job.look(info);
        lock.lock();
        place.looking = false;
        if (!place.given_up) shared->answer(std::move(job.key), job.round, status, std::move(info));
    }
    shared->places.erase(at);
}

void PatientLooks::ask(const std::string& place, std::string key, std::uint64_t round, Look look) {
    const std::scoped_lock lock(shared_->mutex);
    const auto found = shared_->places.find(place);
    const bool known = found != shared_->places.end();
    if (known ? found->second.looking && found->second.given_up : shared_->places.size() >= shared_->most_places) {
        shared_->answer(std::move(key), round, CallStatus::timeout, {});
        return;
    }
    Shared::Place& its = shared_->places[place];
    its.queue.push_back({std::move(key), round, std::move(look)});
    if (known) return;
    auto thread = start_thread([shared = shared_, place] { run(shared, place); });
    if (thread) {
        thread->detach();
        return;
    }
    shared_->answer(std::move(its.queue.front().key), round, CallStatus::timeout, {});
    shared_->places.erase(place);
}

int PatientLooks::fd() const { return shared_->fd.get(); }

std::vector<PatientLooks::Answer> PatientLooks::take() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t ignored = ::read(shared_->fd.get(), &count, sizeof count);
    const std::scoped_lock lock(shared_->mutex);
    const Clock::time_point now = Clock::now();
    for (auto& [name, place] : shared_->places) {
        if (place.looking && !place.given_up && now - place.since >= shared_->patience) shared_->give_up(place);
    }
    return std::exchange(shared_->answers, {});
}

milliseconds PatientLooks::until_next() const {
    const std::scoped_lock lock(shared_->mutex);
    milliseconds wait{3'600'000};
    const Clock::time_point now = Clock::now();
    for (const auto& [name, place] : shared_->places) {
        if (place.given_up) continue;
        // Its thread may only be about to begin.
        const auto left = place.looking ? place.since + shared_->patience - now : Clock::duration(shared_->patience);
        wait =
            std::min(wait, std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(left)) + milliseconds{1});
    }
    return wait;
}

} // namespace gyr
