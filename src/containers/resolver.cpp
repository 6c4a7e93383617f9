#include "containers/resolver.h"

#include "base/fd.h"
#include "base/thread_start.h"
#include "containers/cgroup_id.h"
#include "containers/container_folders.h"
#include "containers/disk_lookup.h"
#include "containers/metadata.h"
#include "containers/nested_lookup.h"
#include "containers/patient_looks.h"
#include "containers/runtime_sockets.h"
#include "containers/sockets_to_ask.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace gyr {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kMaxPlaces = 32;     // outer containers and users that are looked at at once
constexpr std::size_t kRoundsPending = 4;  // after these a container that nobody knows is no_runtime
constexpr std::size_t kRoundsUnasked = 5;  // for one that only a watched folder has told of
constexpr milliseconds kLookAround{2'000}; // folders that were not there yet

void signal_fd(int fd) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(fd, &one, sizeof one);
}
void clear_fd(int fd) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t ignored = ::read(fd, &count, sizeof count);
}

// A key without what tells its namespace.
std::string_view id_of(std::string_view key) { return key.substr(key.rfind('/') + 1); }

} // namespace

class Resolver::Impl {
  public:
    explicit Impl(ResolverOptions options)
        : options_(std::move(options)), disk_(options_), looks_(options_.call_timeout, kMaxPlaces),
          folders_(
              options_, disk_,
              {.described = [this](const std::string& id, ContainerInfo info) { take_docker(id, std::move(info)); },
               .bundle = [this](const std::string& folder, const std::string& name_space,
                                const std::string& id) { expect_bundle(folder, name_space, id); },
               .gone = [this](const std::string& id) { end_unasked(id); }}),
          answers_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          sockets_(options_,
                   {.still_wants = [this](const RuntimeSockets::Question& asked) { return still_wants(asked); },
                    .answer =
                        [this](const RuntimeSockets::Question& asked, CallStatus status, ContainerInfo* info) {
                            const std::scoped_lock lock(mutex_);
                            answer(asked.key, asked.round, status, info);
                        }}) {
        if (options_.retry.empty()) options_.retry.push_back(milliseconds{1'000});
    }
    ~Impl() {
        stopping_ = true;
        signal_fd(wake_fd_.get());
        if (disk_thread_.joinable()) disk_thread_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<> start() {
        if (!answers_fd_ || !wake_fd_) return fail_errno("eventfd", errno);
        auto thread = start_thread([this] { run_disk(); });
        if (!thread) return std::unexpected(thread.error());
        disk_thread_ = std::move(*thread);
        return {};
    }

    std::shared_ptr<const ContainerInfo> cached(const std::string& key) const {
        const std::scoped_lock lock(mutex_);
        const auto found = entries_.find(key);
        // A name that can be given again may mean another container by now.
        if (found == entries_.end() || (found->second.ended && !is_hex_id(key))) return nullptr;
        return found->second.info;
    }

    bool request(const std::string& key, ContainerType guess, const std::string& cgroup_path, ResolverHints hints) {
        const std::scoped_lock lock(mutex_);
        auto found = entries_.find(key);
        if (found == entries_.end()) {
            if (!make_room()) {
                ++stats_.refused;
                return false;
            }
            found = entries_.emplace(key, Entry{}).first;
        }
        Entry& entry = found->second;
        if (entry.ended && !is_hex_id(key)) {
            Entry anew;
            anew.round = ++rounds_;
            entry = std::move(anew);
        }
        const bool again = !entry.requested || entry.ended || (entry.hints.bundle.empty() && !hints.bundle.empty());
        entry.requested = true;
        entry.ended = false;
        entry.guess = guess;
        entry.cgroup_path = cgroup_path;
        if (entry.hints.bundle.empty() || !hints.bundle.empty()) entry.hints = std::move(hints);
        if (entry.info != nullptr) publish(key, entry);
        if (again && !is_complete(entry)) {
            entry.attempt = 0;
            enqueue(key, entry);
        }
        return true;
    }

    void forget(const std::string& key) {
        const std::scoped_lock lock(mutex_);
        const auto found = entries_.find(key);
        if (found == entries_.end()) return;
        found->second.ended = true;
        found->second.ended_at = Clock::now();
        signal_fd(wake_fd_.get());
    }

    [[nodiscard]] int fd() const { return answers_fd_.get(); }

    void drain(const std::function<void(const ResolverAnswer&)>& take) {
        clear_fd(answers_fd_.get());
        std::vector<ResolverAnswer> answers;
        {
            const std::scoped_lock lock(mutex_);
            answers.reserve(answered_.size());
            for (const std::string& id : answered_) {
                const auto found = entries_.find(id);
                if (found == entries_.end()) continue;
                found->second.published = false;
                answers.push_back({id, found->second.info, found->second.why});
            }
            answered_.clear();
        }
        for (const ResolverAnswer& answer : answers) take(answer);
    }

    Stats stats() const {
        const std::scoped_lock lock(mutex_);
        Stats out = stats_;
        const RuntimeSockets::Counts sockets = sockets_.counts();
        out.timeouts += sockets.timeouts;
        out.socket_hits = sockets.found;
        out.unreadable = sockets.unreadable;
        out.known = entries_.size();
        out.pending = static_cast<std::size_t>(std::ranges::count_if(
            entries_, [](const auto& item) { return item.second.requested && !is_complete(item.second); }));
        out.watched = watched_;
        return out;
    }

    std::vector<std::string> describe_sockets() const { return sockets_.describe(); }

  private:
    struct Entry {
        ContainerType guess = ContainerType::unknown;
        std::string cgroup_path;
        ResolverHints hints;
        std::shared_ptr<const ContainerInfo> info;
        Missing why = Missing::pending;
        bool requested = false; // by the caller; else only seen in a watched folder
        bool ended = false;
        bool queued = false;    // in disk_queue_
        bool published = false; // in answered_
        Clock::time_point ended_at{}, next_try{};
        std::size_t attempt = 0;
        std::uint64_t round = 0; // of all entries; answers to an earlier round's question count for nothing
        int outstanding = 0;     // sockets and places still to answer in this round
        bool any_timeout = false, any_denied = false, any_absent = false;
    };

    static bool is_complete(const Entry& entry) { return entry.info != nullptr && entry.info->complete; }

    // --- all below with mutex_ held unless said otherwise

    bool make_room() {
        if (entries_.size() < options_.max_containers) return true;
        auto victim = entries_.end();
        for (auto it = entries_.begin(); it != entries_.end(); ++it) {
            const bool spare = it->second.ended || !it->second.requested;
            if (spare && (victim == entries_.end() || it->second.ended_at < victim->second.ended_at)) victim = it;
        }
        if (victim == entries_.end()) return false;
        entries_.erase(victim);
        return true;
    }

    void enqueue(const std::string& key, Entry& entry) {
        if (entry.queued) return;
        entry.queued = true;
        disk_queue_.push_back(key);
        signal_fd(wake_fd_.get());
    }

    void publish(const std::string& key, Entry& entry) {
        if (!entry.requested || entry.published) return;
        entry.published = true;
        answered_.push_back(key);
        signal_fd(answers_fd_.get());
    }

    // Takes what a source says; publishes it when that told anything new.
    void take_info(const std::string& key, Entry& entry, ContainerInfo fresh) {
        if (entry.info != nullptr) fresh = merge_info(*entry.info, std::move(fresh));
        fresh.full_id = std::string(id_of(key));
        const Missing why = fresh.complete ? Missing::none : entry.why == Missing::none ? Missing::pending : entry.why;
        if (entry.info != nullptr && *entry.info == fresh && entry.why == why) return;
        entry.info = std::make_shared<const ContainerInfo>(std::move(fresh));
        entry.why = why;
        publish(key, entry);
    }

    // All that could be asked has been asked in this round.
    void finish_round(const std::string& key, Entry& entry) {
        ++entry.attempt;
        if (is_complete(entry)) return;
        const std::size_t step = std::min(entry.attempt - 1, options_.retry.size() - 1);
        entry.next_try = Clock::now() + options_.retry[step];
        signal_fd(wake_fd_.get()); // the disk thread plans its sleep by it
        Missing why = Missing::pending;
        if (entry.any_timeout)
            why = Missing::runtime_timeout;
        else if (entry.any_denied)
            why = Missing::denied;
        else if (entry.attempt >= kRoundsPending)
            why = Missing::no_runtime;
        // The disk has told and there is nobody else to ask, or nobody who knows more: that is all there will be. A
        // socket that has not answered (its runtime starts again, say) may know more.
        const bool all_answered = !entry.any_timeout && !entry.any_denied && !entry.any_absent;
        if (entry.info != nullptr && all_answered && !entry.info->name.empty() && !entry.info->image.empty()) {
            auto whole = std::make_shared<ContainerInfo>(*entry.info);
            whole->complete = true;
            entry.info = std::move(whole);
            why = Missing::none;
        }
        if (why != entry.why) {
            entry.why = why;
            publish(key, entry);
        }
    }

    // --- the sockets

    void ask(const RuntimeSocket& socket, const std::string& key, Entry& entry) {
        using enum RuntimeSockets::Asked;
        const auto& [kind, path] = socket;
        switch (sockets_.ask(kind, path, {key, entry.round, std::string(id_of(key)), entry.hints})) {
        case yes: ++entry.outstanding; break;
        case resting:
        case not_now: entry.any_timeout = true; break;
        case never: break;
        }
    }

    // Not under the mutex.
    bool still_wants(const RuntimeSockets::Question& asked) {
        const std::scoped_lock lock(mutex_);
        const auto found = entries_.find(asked.key);
        return found != entries_.end() && found->second.round == asked.round;
    }

    void answer(const std::string& key, std::uint64_t round, CallStatus status, ContainerInfo* info) {
        const auto found = entries_.find(key);
        if (found == entries_.end() || found->second.round != round) return;
        Entry& entry = found->second;
        --entry.outstanding;
        if (status == CallStatus::timeout || status == CallStatus::found_part) entry.any_timeout = true;
        if (status == CallStatus::denied) entry.any_denied = true;
        if (status == CallStatus::absent) entry.any_absent = true;
        if (info != nullptr) take_info(key, entry, std::move(*info));
        if (entry.outstanding == 0) finish_round(key, entry);
    }

    // --- the disk thread

    void run_disk() {
        folders_.look_around();
        count_watched();
        Clock::time_point next_look = Clock::now() + kLookAround;
        while (!stopping_) {
            std::string key;
            milliseconds wait{0};
            {
                const std::scoped_lock lock(mutex_);
                if (disk_queue_.empty()) wait = due_entries();
                if (!disk_queue_.empty()) {
                    key = std::move(disk_queue_.front());
                    disk_queue_.pop_front();
                }
            }
            if (!key.empty()) {
                resolve(key);
                continue;
            }
            wait = std::min(wait, std::chrono::duration_cast<milliseconds>(next_look - Clock::now()) + milliseconds{1});
            wait = std::min(wait, looks_.until_next());
            pollfd fds[3] = {{wake_fd_.get(), POLLIN, 0}, {folders_.fd(), POLLIN, 0}, {looks_.fd(), POLLIN, 0}};
            ::poll(fds, 3, static_cast<int>(std::max<std::int64_t>(wait.count(), 0)));
            if ((fds[0].revents & POLLIN) != 0) clear_fd(wake_fd_.get());
            if ((fds[1].revents & POLLIN) != 0) folders_.take_events();
            take_looks();
            if (Clock::now() >= next_look) {
                folders_.look_around();
                next_look = Clock::now() + kLookAround;
            }
            count_watched();
        }
    }

    void count_watched() {
        const std::scoped_lock lock(mutex_);
        watched_ = folders_.size();
    }

    void take_looks() {
        std::vector<PatientLooks::Answer> answers = looks_.take();
        if (answers.empty()) return;
        const std::scoped_lock lock(mutex_);
        for (PatientLooks::Answer& look : answers) {
            if (look.status == CallStatus::timeout) ++stats_.timeouts;
            if (is_found(look.status)) ++stats_.disk_hits;
            answer(look.key, look.round, look.status, is_found(look.status) ? &look.info : nullptr);
        }
    }

    // What the outer container, or the user, keeps of it.
    void ask_there(const std::string& place, const std::string& key, Entry& entry) {
        ++entry.outstanding;
        looks_.ask(place, key, entry.round,
                   [options = shared_options_, id = std::string(id_of(key)), hints = entry.hints,
                    cgroup_path = entry.cgroup_path](ContainerInfo& info) {
                       info.full_id = id;
                       if (hints.supervisor != 0) return look_in_container(*options, hints, cgroup_path, info);
                       auto found = DiskLookup(*options).find(id, cgroup_path, hints);
                       if (!found) return CallStatus::unknown_id;
                       info = std::move(found->info);
                       return CallStatus::found;
                   });
    }

    // Queues what is due, forgets what has been over for long; how long until the next.
    milliseconds due_entries() {
        const Clock::time_point now = Clock::now();
        milliseconds wait = milliseconds{3'600'000};
        const auto until = [&](Clock::time_point then) {
            wait = std::min(wait, std::chrono::duration_cast<milliseconds>(then - now) + milliseconds{1});
        };
        for (auto it = entries_.begin(); it != entries_.end();) {
            Entry& entry = it->second;
            if (entry.ended) {
                if (now - entry.ended_at >= options_.keep_ended) {
                    it = entries_.erase(it);
                    continue;
                }
                until(entry.ended_at + options_.keep_ended);
            } else if (!is_complete(entry) && !entry.queued && entry.outstanding == 0 && entry.attempt > 0 &&
                       (entry.requested || entry.attempt < kRoundsUnasked)) {
                if (entry.next_try <= now)
                    enqueue(it->first, entry);
                else
                    until(entry.next_try);
            }
            ++it;
        }
        return disk_queue_.empty() ? wait : milliseconds{0};
    }

    // Not under the mutex.
    void resolve(const std::string& key) {
        ResolverHints hints;
        std::string cgroup_path;
        std::uint64_t round = 0;
        ContainerType type = ContainerType::unknown;
        {
            const std::scoped_lock lock(mutex_);
            const auto found = entries_.find(key);
            if (found == entries_.end()) return;
            Entry& entry = found->second;
            entry.queued = false;
            entry.any_timeout = entry.any_denied = entry.any_absent = false;
            entry.outstanding = 0;
            round = entry.round = ++rounds_;
            hints = entry.hints;
            cgroup_path = entry.cgroup_path;
            if (entry.info != nullptr)
                type = entry.info->type;
            else if (entry.guess == ContainerType::docker || entry.guess == ContainerType::podman ||
                     entry.guess == ContainerType::crio)
                type = entry.guess;
        }
        const std::string id(id_of(key));
        if (!is_safe_id(id)) { // nothing to look up by such a name
            const std::scoped_lock lock(mutex_);
            if (const auto found = entries_.find(key); found != entries_.end()) {
                found->second.attempt = options_.retry.size();
                finish_round(key, found->second);
            }
            return;
        }
        std::optional<DiskLookup::Found> on_disk;
        const bool nested = hints.supervisor != 0;
        std::string elsewhere, docker_root;
        if (options_.use_disk && nested) {
            elsewhere = "container " + std::to_string(hints.supervisor_mnt);
        } else if (options_.use_disk) {
            if (const auto owner = disk_.find_owner(cgroup_path, hints)) elsewhere = "user " + std::to_string(*owner);
        }
        if (options_.use_disk && elsewhere.empty()) on_disk = disk_.find(id, cgroup_path, hints);
        if (on_disk) {
            type = on_disk->info.type;
            docker_root = on_disk->docker_root;
        }
        const bool complete = on_disk && on_disk->info.complete;
        std::vector<RuntimeSocket> sockets;
        if (options_.use_sockets && !complete && !nested)
            sockets = sockets_to_ask({id, cgroup_path, type, hints, on_disk ? &*on_disk : nullptr}, options_, disk_);
        {
            const std::scoped_lock lock(mutex_);
            const auto found = entries_.find(key);
            if (found == entries_.end() || found->second.round != round) return;
            Entry& entry = found->second;
            if (on_disk) {
                ++stats_.disk_hits;
                take_info(key, entry, std::move(on_disk->info));
            }
            if (!is_complete(entry)) {
                if (!elsewhere.empty()) ask_there(elsewhere, key, entry);
                for (const RuntimeSocket& socket : sockets) ask(socket, key, entry);
            }
            if (entry.outstanding == 0) finish_round(key, entry);
        }
        if (!docker_root.empty()) folders_.learn_docker_root(docker_root);
    }

    // --- what the watched folders tell (disk thread, not under the mutex)

    void take_docker(const std::string& id, ContainerInfo info) {
        const std::scoped_lock lock(mutex_);
        auto found = entries_.find(id);
        if (found == entries_.end()) {
            if (!make_room()) return;
            found = entries_.emplace(id, Entry{}).first;
        }
        take_info(id, found->second, std::move(info));
    }

    // A new bundle: its metadata is asked for before its first process runs.
    void expect_bundle(const std::string& folder, const std::string& name_space, const std::string& id) {
        const std::string key = container_key(id, name_space);
        const std::scoped_lock lock(mutex_);
        auto found = entries_.find(key);
        if (found == entries_.end()) {
            if (!make_room()) return;
            found = entries_.emplace(key, Entry{}).first;
        }
        Entry& entry = found->second;
        if (!is_hex_id(id)) entry.info = nullptr; // a name given again
        entry.ended = false;
        entry.why = Missing::pending;
        entry.attempt = 0;
        entry.hints.bundle = folder + "/" + id;
        entry.hints.containerd_namespace = name_space;
        enqueue(key, entry);
    }

    // Its folder is gone; nobody has asked for it, so nobody will tell us that it has ended.
    void end_unasked(const std::string& id) {
        const std::scoped_lock lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end() || found->second.requested) return;
        found->second.ended = true;
        found->second.ended_at = Clock::now();
    }

    ResolverOptions options_;
    const std::shared_ptr<const ResolverOptions> shared_options_{std::make_shared<const ResolverOptions>(options_)};
    DiskLookup disk_;
    PatientLooks looks_;
    ContainerFolders folders_; // disk thread
    UniqueFd answers_fd_, wake_fd_;
    std::atomic<bool> stopping_{false};
    std::thread disk_thread_;

    mutable std::mutex mutex_; // guards what follows
    std::unordered_map<std::string, Entry> entries_;
    std::deque<std::string> disk_queue_;
    std::vector<std::string> answered_;
    std::uint64_t rounds_ = 0;
    Stats stats_;
    std::size_t watched_ = 0;

    RuntimeSockets sockets_; // the last: its threads use the others until their end
};

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::create(ResolverOptions options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    if (auto started = impl->start(); !started) return std::unexpected(started.error());
    return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));
}

std::shared_ptr<const ContainerInfo> Resolver::cached(const std::string& key) const { return impl_->cached(key); }
bool Resolver::request(const std::string& key, ContainerType guess, const std::string& cgroup_path,
                       ResolverHints hints) {
    return impl_->request(key, guess, cgroup_path, std::move(hints));
}
void Resolver::forget(const std::string& key) { impl_->forget(key); }
int Resolver::fd() const { return impl_->fd(); }
void Resolver::drain(const std::function<void(const ResolverAnswer&)>& take) { impl_->drain(take); }
Resolver::Stats Resolver::stats() const { return impl_->stats(); }
std::vector<std::string> Resolver::describe_sockets() const { return impl_->describe_sockets(); }

} // namespace gyr
