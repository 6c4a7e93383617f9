#pragma once
// Processes as rules see them, in three layers:
//
//   ExecImage     what an exec fixed: executable, argv, environment. Immutable, shared by a process and the children it
//                 forks until they exec themselves.
//   ProcessImage  one version of a process: ids, credentials, terminal, cgroup, namespaces … plus its ExecImage.
//                 Immutable; any change makes a new one with the next generation. Events hold it by shared_ptr, so an
//                 alert can be finished after the process has moved on or died.
//   Process       the table's mutable entry: the current image, links and lineage (state/process_table.h).

#include "base/ids.h"
#include "event/process_record.h"
#include "state/container.h"
#include "state/kube_session.h"
#include "state/missing.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

// NUL-separated items kept in one allocation.
struct ItemList {
    std::string bytes;                  // items joined by NUL, no NUL at the end
    std::vector<std::uint32_t> offsets; // start of each item in bytes
    std::uint64_t total_bytes = 0;      // in the process; larger than bytes when truncated
    std::uint64_t hash = 0;             // of the whole block when truncated
    bool truncated = false;
    bool unreadable = false;

    [[nodiscard]] std::size_t size() const { return offsets.size(); }
    [[nodiscard]] std::string_view operator[](std::size_t i) const {
        const std::size_t end = i + 1 < offsets.size() ? offsets[i + 1] - 1 : bytes.size();
        return std::string_view(bytes).substr(offsets[i], end - offsets[i]);
    }
};

// A list that images which have it equal may share.
class SharedItems {
  public:
    SharedItems() = default;
    SharedItems(ItemList list) : list_(std::make_shared<const ItemList>(std::move(list))) {}
    SharedItems(std::shared_ptr<const ItemList> list) : list_(std::move(list)) {}

    [[nodiscard]] operator const ItemList&() const { return *list_; }
    const ItemList* operator->() const { return list_.get(); }
    [[nodiscard]] std::size_t size() const { return list_->size(); }
    [[nodiscard]] std::string_view operator[](std::size_t i) const { return (*list_)[i]; }

  private:
    inline static const std::shared_ptr<const ItemList> kNone = std::make_shared<const ItemList>();
    std::shared_ptr<const ItemList> list_ = kNone; // never null
};

struct ExecImage {
    std::string exe_path; // resolved by the kernel
    FileIdentity exe_file;
    std::string script_path; // of a "#!" script
    ItemList argv;           // argv[0] included
    SharedItems env;
    std::uint32_t exec_id = 0;
    Nanos exec_time = 0;      // wall clock; 0 when it was there before the agent
    std::uint32_t mnt_ns = 0; // mount namespace in which the exec took place; 0 when it was not seen
    bool compat = false;      // 32-bit image entry
};

struct StdioInfo {
    StdioKind kind = StdioKind::none;
    std::string name;
    std::uint64_t ino = 0;
};

struct CgroupInfo {
    std::string subsystem; // "" unified
    std::string path;
};

struct ProcessImage {
    std::shared_ptr<const ExecImage> exec; // never null (kernel threads share an empty one)
    ProcessKey key;
    std::uint64_t generation = 0; // table-wide, grows
    Nanos start_time = 0;         // wall clock of the fork that made the process
    Tid tid = 0;                  // the thread the last record came from
    ProcessKey parent;            // real parent as last told by the kernel
    Pid tracer = 0, pgid = 0, sid = 0;
    Pid vpid = 0, vtid = 0, vppid = 0, vpgid = 0, vsid = 0;
    Nanos pidns_init_start = 0;     // wall clock
    std::uint64_t pidns_number = 0; // tells pid namespaces apart, later ones are greater: start of pid 1 in ns since
                                    // boot, which nobody sets; of a capture by the wall clock; 0 unknown
    Credentials credentials;
    std::vector<Gid> groups;
    NamespaceInodes namespaces;
    std::uint32_t tty = 0;
    std::uint64_t cgroup_id = 0, cgroup_set = 0;            // as in ProcessRecord
    std::shared_ptr<const std::vector<CgroupInfo>> cgroups; // shared by all processes in the same cgroups; never null
    std::shared_ptr<Container> container;                   // null: host
    std::shared_ptr<Container> origin;    // the first one it, or who it descends from, was seen in; null: none so far
    std::shared_ptr<KubeSession> session; // begun over the Kubernetes API; null: none
    std::string comm;
    std::string cwd, root;
    std::array<StdioInfo, 3> stdio;
    std::uint32_t threads = 1;
    std::uint64_t fd_limit = 0, vm_size_kb = 0, vm_rss_kb = 0, vm_swap_kb = 0, major_faults = 0, minor_faults = 0;
    bool kernel_thread = false;
    bool incomplete = false; // seen only through a loss; fields without data are Missing::lost
    // What the exec that made this image changed, against the image before it.
    struct Gained {
        bool uid = false; // effective uid became another one by a set-user-id program
        bool gid = false;
        std::uint64_t caps = 0; // effective capabilities that were not there before
    } gained;
};

// The origin of a process that was of `before` and is in `now`. A container made inside of the one before is a place of
// its own: whoever is in it belongs there.
[[nodiscard]] inline std::shared_ptr<Container> first_container(const std::shared_ptr<Container>& before,
                                                                const std::shared_ptr<Container>& now) {
    if (now == nullptr) return before;
    const bool inside = before == nullptr || std::ranges::find(now->chain, before->id) != now->chain.end();
    return inside ? now : before;
}

// It is not in the container it came from, nor in one that was made inside of that.
[[nodiscard]] inline bool has_moved(const ProcessImage& p) {
    return p.origin && (!p.container || p.origin->id != p.container->id);
}

using ProcessImagePtr = std::shared_ptr<const ProcessImage>;

} // namespace gyr
