#include "containers/users.h"

#include "base/thread_start.h"
#include "containers/classify.h"
#include "containers/user_files.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace gyr {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint32_t kInitialUserNamespace = 0xEFFFFFFDU; // PROC_USER_INIT_INO
constexpr milliseconds kLookAgain{1'000};                    // at an id that is not in the files
constexpr milliseconds kStuck{1'000};                        // all workers busy for so long: one more
constexpr std::size_t kMaxWorkers = 16;

struct Key {
    std::uint32_t mnt = 0, user = 0; // namespaces; both 0: the host. Their numbers are given again to others …
    std::string place;               // … so the container's full id, and the root of a chrooted process
    friend bool operator==(const Key&, const Key&) = default;
};
struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
        return std::hash<std::uint64_t>{}((static_cast<std::uint64_t>(key.mnt) << 32) ^ key.user) ^
               (std::hash<std::string>{}(key.place) << 1);
    }
};

struct Job {
    Key key;
    UserFilesWanted wanted;
};
struct Done {
    Key key;
    std::shared_ptr<const UserFiles> files;
};

// What owner and workers share; a worker stuck in a file system may outlive the owner.
struct Shared {
    std::mutex mutex;
    std::condition_variable wake, idle;
    std::deque<Job> jobs;
    std::vector<Done> done;
    std::size_t workers = 0, busy = 0;
    bool stopping = false;
    int fd = -1;
    ~Shared() {
        if (fd >= 0) ::close(fd);
    }
};

void run_worker(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    for (;;) {
        shared->wake.wait(lock, [&] { return shared->stopping || !shared->jobs.empty(); });
        if (shared->stopping) break;
        Job job = std::move(shared->jobs.front());
        shared->jobs.pop_front();
        ++shared->busy;
        lock.unlock();
        auto files = load_user_files(job.wanted);
        lock.lock();
        --shared->busy;
        shared->done.push_back({std::move(job.key), std::move(files)});
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t ignored = ::write(shared->fd, &one, sizeof one);
    }
    --shared->workers;
    shared->idle.notify_all();
}

const UserEntry& default_root() {
    static const UserEntry root{.uid = 0, .gid = 0, .name = "root", .home = "/root", .shell = {}};
    return root;
}
const GroupEntry& default_root_group() {
    static const GroupEntry root{.gid = 0, .name = "root"};
    return root;
}

} // namespace

class UserDirectory::Impl {
  public:
    explicit Impl(UserOptions options) : options_(std::move(options)), shared_(std::make_shared<Shared>()) {
        shared_->fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    ~Impl() {
        std::unique_lock lock(shared_->mutex);
        shared_->stopping = true;
        shared_->wake.notify_all();
        // Those that do not hang end at once; the others are left behind with what they hold.
        shared_->idle.wait_for(lock, milliseconds{500}, [&] { return shared_->workers == 0; });
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<> start() {
        if (shared_->fd < 0) return fail_errno("eventfd", errno);
        // The host's own files: local, and wanted before the first alert.
        Entry& host = entries_[Key{}];
        host.files = load_user_files(wanted_for(nullptr));
        host.looked_at = Clock::now();
        struct stat name_space {};
        if (::stat((options_.proc + "/1/ns/mnt").c_str(), &name_space) == 0)
            host_mnt_ = static_cast<std::uint32_t>(name_space.st_ino);
        return {};
    }

    struct Entry {
        std::shared_ptr<const UserFiles> files; // null until first read
        bool pending = false;
        bool tried_image = false; // the last look knew where the container's image lies
        Clock::time_point looked_at{};
        std::uint64_t used = 0;
    };

    // The entry for a process; a lookup is under way when it has no files.
    Entry& entry_for(const ProcessImage& process) {
        const bool host = is_host(process);
        const Key key = host ? Key{} : key_of(process);
        auto found = entries_.find(key);
        const bool added = found == entries_.end();
        // As many again as are kept may be under way. A place costs a container no more than a chroot.
        if (added && entries_.size() >= 2 * options_.max_containers) return not_looked_at_;
        if (added) found = entries_.emplace(key, Entry{}).first;
        Entry& entry = found->second;
        entry.used = ++clock_;
        if (added || (!entry.pending && Clock::now() - entry.looked_at >= options_.refresh))
            look(found->first, entry, host ? nullptr : &process);
        return entry;
    }

    // An id is not in the files: perhaps they have changed since. True when an answer is on its way.
    bool look_again(const ProcessImage& process, Entry& entry) {
        if (entry.pending) return true;
        // Its processes have gone, and only now the place of its image is known: worth a look at once.
        const bool image_is_news = entry.files->why != Missing::none && knows_image(process) && !entry.tried_image;
        if (!image_is_news && Clock::now() - entry.looked_at < kLookAgain) return false;
        const bool host = is_host(process);
        look(host ? Key{} : key_of(process), entry, host ? nullptr : &process);
        return true;
    }

    void drain(const std::function<void(std::uint32_t)>& take) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t ignored = ::read(shared_->fd, &count, sizeof count);
        std::vector<Done> done;
        {
            const std::scoped_lock lock(shared_->mutex);
            done.swap(shared_->done);
        }
        for (Done& item : done) {
            const auto found = entries_.find(item.key);
            if (found == entries_.end()) continue;
            Entry& entry = found->second;
            entry.pending = false;
            entry.looked_at = Clock::now();
            // What was read once stays when the container has gone.
            if (entry.files == nullptr || item.files->why == Missing::none) entry.files = std::move(item.files);
        }
        evict();
        for (const Done& item : done) take(item.key.mnt);
    }

    [[nodiscard]] int fd() const { return shared_->fd; }

    [[nodiscard]] std::string_view source_of(const ProcessImage& process) {
        return is_host(process) ? "host" : "container";
    }

  private:
    // A program of the host (a runtime's helper) may be in the container's mount namespace before it has changed the
    // root: what it would see there is the host's.
    [[nodiscard]] bool is_host(const ProcessImage& process) const {
        if (process.container == nullptr || process.namespaces.mnt == 0) return true;
        const std::uint32_t executed_in = process.exec->mnt_ns;
        return executed_in != 0 && host_mnt_ != 0 ? executed_in == host_mnt_
                                                  : is_runtime_helper(process.exec->exe_path, process.comm);
    }
    static bool knows_image(const ProcessImage& process) {
        return process.container != nullptr && process.container->info != nullptr &&
               (!process.container->info->rootfs.empty() || !process.container->info->rootfs_layers.empty());
    }
    static Key key_of(const ProcessImage& process) {
        Key key{process.namespaces.mnt, process.namespaces.user, process.container->full_id};
        if (process.root != "/") key.place += process.root;
        return key;
    }

    [[nodiscard]] UserFilesWanted wanted_for(const ProcessImage* process) const {
        UserFilesWanted wanted;
        wanted.proc = options_.proc;
        wanted.host_root = options_.host_root;
        wanted.max_bytes = options_.max_file_bytes;
        if (process == nullptr) return wanted;
        wanted.pid = process->key.pid;
        wanted.mnt = process->namespaces.mnt;
        wanted.map_ids = process->namespaces.user != 0 && process->namespaces.user != kInitialUserNamespace;
        if (knows_image(*process) && (process->root.empty() || process->root == "/")) {
            wanted.rootfs = process->container->info->rootfs;
            wanted.layers = process->container->info->rootfs_layers;
        }
        return wanted;
    }

    void look(const Key& key, Entry& entry, const ProcessImage* process) {
        entry.pending = true;
        entry.looked_at = Clock::now();
        entry.tried_image = process != nullptr && knows_image(*process);
        const std::scoped_lock lock(shared_->mutex);
        shared_->jobs.push_back({key, wanted_for(process)});
        const bool stuck =
            shared_->busy == shared_->workers && Clock::now() - last_spawn_ > kStuck && shared_->workers < kMaxWorkers;
        if (shared_->workers < options_.workers || stuck) {
            last_spawn_ = Clock::now();
            // Without one the job waits for the next attempt.
            if (auto worker = start_thread([shared = shared_] { run_worker(shared); })) {
                ++shared_->workers;
                worker->detach();
            }
        }
        shared_->wake.notify_one();
    }

    void evict() {
        while (entries_.size() > options_.max_containers) {
            auto oldest = entries_.end();
            for (auto it = entries_.begin(); it != entries_.end(); ++it) {
                if (it->first == Key{} || it->second.pending) continue;
                if (oldest == entries_.end() || it->second.used < oldest->second.used) oldest = it;
            }
            if (oldest == entries_.end()) return;
            entries_.erase(oldest);
        }
    }

    UserOptions options_;
    std::shared_ptr<Shared> shared_;
    std::unordered_map<Key, Entry, KeyHash> entries_; // references stay valid until drain()
    Entry not_looked_at_{.files = nullptr, .pending = true, .tried_image = false, .looked_at = {}, .used = 0};
    std::uint64_t clock_ = 0;
    std::uint32_t host_mnt_ = 0; // mount namespace of the host's first process; 0: not known
    Clock::time_point last_spawn_{};
};

UserDirectory::UserDirectory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UserDirectory::~UserDirectory() = default;

Result<std::unique_ptr<UserDirectory>> UserDirectory::create(UserOptions options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    if (auto started = impl->start(); !started) return std::unexpected(started.error());
    return std::unique_ptr<UserDirectory>(new UserDirectory(std::move(impl)));
}

UserAnswer UserDirectory::user(const ProcessImage& process, Uid uid) const {
    Impl::Entry& entry = impl_->entry_for(process);
    if (entry.files == nullptr) return {nullptr, Missing::pending, {}};
    const auto inside = entry.files->uids.to_inside(uid);
    if (!inside) return {nullptr, Missing::not_applicable, {}};
    if (const UserEntry* found = entry.files->table.find_user(*inside))
        return {found, Missing::none, impl_->source_of(process)};
    if (impl_->look_again(process, entry)) return {nullptr, Missing::pending, {}};
    if (*inside == 0) return {&default_root(), Missing::none, "default"};
    return {nullptr, entry.files->why == Missing::none ? Missing::not_applicable : entry.files->why, {}};
}

GroupAnswer UserDirectory::group(const ProcessImage& process, Gid gid) const {
    Impl::Entry& entry = impl_->entry_for(process);
    if (entry.files == nullptr) return {nullptr, Missing::pending, {}};
    const auto inside = entry.files->gids.to_inside(gid);
    if (!inside) return {nullptr, Missing::not_applicable, {}};
    if (const GroupEntry* found = entry.files->table.find_group(*inside))
        return {found, Missing::none, impl_->source_of(process)};
    if (impl_->look_again(process, entry)) return {nullptr, Missing::pending, {}};
    if (*inside == 0) return {&default_root_group(), Missing::none, "default"};
    return {nullptr, entry.files->why == Missing::none ? Missing::not_applicable : entry.files->why, {}};
}

void UserDirectory::prefetch(const ProcessImage& process) const { static_cast<void>(impl_->entry_for(process)); }
int UserDirectory::fd() const { return impl_->fd(); }
void UserDirectory::drain(const std::function<void(std::uint32_t mnt)>& take) { impl_->drain(take); }

} // namespace gyr
