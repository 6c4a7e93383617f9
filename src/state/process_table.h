#pragma once
// The process tree, fed by ProcessRecords only (no I/O, no clock: time is the record's). One owner thread.
//
// Identity is ProcessKey (pid and start time), so a reused pid is another process. Exec and change make a new immutable
// ProcessImage; a fork's child shares its parent's ExecImage. Ended processes stay for Options::lineage_keep so that
// parents and ancestors keep their names, longer while a living process descends from them, never beyond
// Options::lineage_max. Memory is counted in bytes; over Options::budget_bytes the ended ones go first, then new images
// are kept without environment and with a short argv. Both are counted in Stats and never silent.

#include "state/event.h"
#include "state/process_view.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace gyr {

// A process in the table. image is never null.
struct Process {
    ProcessImagePtr image;
    ProcessKey creator;                 // who forked it, as first seen
    std::uint64_t last_boottime_ns = 0; // of the newest record applied
    bool dead = false;
    Nanos death_time = 0;
    std::vector<std::uint64_t> fired; // process rules that have fired for this ExecImage (match/matcher.h, RuleBits)
};

class ProcessTable final : public ProcessView {
  public:
    struct Options {
        std::size_t budget_bytes = 64U << 20;
        Nanos lineage_keep = 60'000'000'000; // after exit
        std::size_t lineage_max = 32'768;    // ended processes kept at most
    };
    struct Stats {
        std::uint64_t records = 0, stale = 0; // stale: a snapshot older than what the table has
        std::uint64_t living = 0, ended = 0;  // entries now
        std::uint64_t bytes = 0;              // of images, now
        std::uint64_t evicted = 0;            // ended entries dropped before lineage_keep
        std::uint64_t trimmed = 0;            // images kept without environment for want of memory
        std::uint64_t missed_exits = 0;       // a pid came back without an exit in between
        std::uint64_t missed_forks = 0;       // a process turned up without a fork
        std::uint64_t missed_execs = 0;       // another image without an exec in between
    };
    // What a record came to. process is null when it told nothing new (stale).
    struct Applied {
        Process* process = nullptr;  // valid until the next apply() or expire()
        ProcessImagePtr image;       // after
        ProcessImagePtr before;      // exec, change: the image it had
        bool new_exec_image = false; // rules about the image are to be asked (exec, or a snapshot's first sight)
        bool changed = false;        // something a process rule could look at differs from before (a fork's
                                     // child: from its parent; an exit: the credentials it ended with)
        bool incomplete = false;     // the source should be asked to read the process again
    };
    // Called when an image's cgroups or namespaces are new: the container it belongs to, null for the host.
    using Classifier = std::function<std::shared_ptr<Container>(const ProcessImage&)>;

    // Called when a program begins to run, or is found running, that belongs to no session yet: the one it begins.
    // before: the process's image until now, null when not known.
    using OpenSession = std::function<std::shared_ptr<KubeSession>(const ProcessImage&, const ProcessImage* before)>;

    ProcessTable(Options options, Classifier classify);
    // The image as one that belongs to a session; null: to none. What a process with it starts belongs to the same.
    [[nodiscard]] ProcessImagePtr with_session(const ProcessImagePtr& image, std::shared_ptr<KubeSession> session);
    void set_open_session(OpenSession open) { open_session_ = std::move(open); }

    Applied apply(const ProcessRecord& record);
    // Drops ended processes whose time is over. now: wall clock of the newest record or of a timer.
    void expire(Nanos now);

    [[nodiscard]] const ProcessImage* find(const ProcessKey& key) const override;
    [[nodiscard]] const ProcessImage* find_pid(Pid pid) const override;
    [[nodiscard]] const ProcessImage* find_vpid(std::uint32_t pidns_inode, Pid vpid) const override;
    [[nodiscard]] const ProcessImage* find_creator(const ProcessKey& key) const override;
    [[nodiscard]] const ProcessImage*
    find_in_mount_namespace(std::uint32_t mnt_inode,
                            const std::function<bool(const ProcessImage&)>& wanted) const override;
    [[nodiscard]] Process* entry(const ProcessKey& key);
    // An image as it was with other ids than those it was last told with; not put into the table. The newest is kept,
    // so that a series of events makes one.
    [[nodiscard]] ProcessImagePtr with_ids(const ProcessImagePtr& image, Uid uid, Uid euid, Gid gid, Gid egid);
    // What a process does tells where it stands: true when that is not where it was thought to.
    bool set_cwd(Process& process, std::string_view cwd);
    void for_each_living(const std::function<void(Process&)>& visit);
    void for_each(const std::function<void(const Process&)>& visit) const; // ended ones included
    // Asks the classifier again for every process, ended ones included, of which pick says so (a runtime's word came
    // late).
    void reclassify(const std::function<bool(const ProcessImage&)>& pick);

    [[nodiscard]] Stats stats() const;

  private:
    struct VpidKey {
        std::uint32_t pidns;
        Pid vpid;
        friend bool operator==(const VpidKey&, const VpidKey&) = default;
    };
    struct VpidHash {
        std::size_t operator()(const VpidKey& k) const noexcept {
            return std::hash<std::uint64_t>{}((static_cast<std::uint64_t>(k.pidns) << 32) ^
                                              static_cast<std::uint32_t>(k.vpid));
        }
    };
    using Meter = std::shared_ptr<std::atomic<std::uint64_t>>;

    Process& insert(const ProcessRecord& record);
    void set_image(Process& process, ProcessImagePtr image);
    void mark_dead(Process& process, Nanos time);
    void drop(const ProcessKey& key);
    void hold(ProcessKey creator);
    void release(ProcessKey creator);
    [[nodiscard]] ProcessImagePtr make_image(const ProcessRecord& record, const ProcessImage* previous,
                                             std::shared_ptr<const ExecImage> exec);
    [[nodiscard]] std::shared_ptr<const ExecImage> make_exec(const ProcessRecord& record, bool by_exec);
    [[nodiscard]] std::shared_ptr<const std::vector<CgroupInfo>> intern_cgroups(std::span<const CgroupRecord> cgroups);
    void make_room();

    Options options_;
    Classifier classify_;
    OpenSession open_session_;
    Meter bytes_;
    std::unordered_map<ProcessKey, Process> processes_;
    std::unordered_map<Pid, ProcessKey> by_pid_;
    std::unordered_map<VpidKey, ProcessKey, VpidHash> by_vpid_;
    std::deque<std::pair<Nanos, ProcessKey>> ended_; // oldest first
    // By creator, also one that is not in the table (yet): its children that live or from which a living one descends.
    std::unordered_map<ProcessKey, std::uint32_t> descendants_;
    std::unordered_map<std::string, std::shared_ptr<const std::vector<CgroupInfo>>> cgroups_;
    std::shared_ptr<const ExecImage> no_exec_;
    std::string cgroup_key_;              // scratch
    ProcessImagePtr ids_from_, ids_made_; // of with_ids()
    std::uint64_t generation_ = 0;
    Stats stats_;
};

} // namespace gyr
