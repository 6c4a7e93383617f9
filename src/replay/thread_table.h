#pragma once
// Threads, thread groups and parenthood as a capture's events tell them.
//
// A thread of which only a number is known (an event named it, nothing told of its birth) has an incomplete image: name
// "<NA>", pid -1, no group and no parent, until a clone or exec tells more.
//
// A thread that exits is dead at once (it no longer counts) and is removed when the next event comes. The main thread
// of a group stays, dead, while other threads of it live. Children of the removed go to the reaper that the exit named,
// else to another thread of the group, else to the nearest ancestor that reaps (init of a pid namespace, a subreaper),
// else to nobody.

#include "replay/fd_table.h"
#include "replay/flat_map.h"
#include "replay/images.h"
#include "replay/origins.h"
#include "state/process_view.h"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace gyr::replay {

struct Thread;

struct ThreadGroup {
    std::int64_t pid = 0;
    Thread* leader = nullptr; // null: its entry is not there
    Thread* first = nullptr;  // members, by Thread::next_member
    std::uint32_t alive = 0;
    bool reaper = false;
};

struct Thread {
    std::int64_t tid = 0, pid = -1, ptid = -1;
    std::int64_t named_reaper = 0; // by the exit event; 0: none
    ThreadGroup* group = nullptr;  // null: incomplete
    Thread *previous_member = nullptr, *next_member = nullptr;
    Thread *parent = nullptr, *first_child = nullptr, *previous_sibling = nullptr, *next_sibling = nullptr;
    std::uint32_t children = 0;
    OriginPtr creator; // of the process that made this one, whoever its parent is now; null: not known
    OriginPtr origin;  // its own, once it has made another
    std::uint32_t shared_version =
        0; // of what all threads of a process share (directory, limits); of a thread: what its image has
    bool dead = false;
    Nanos clone_time = 0;  // 0: was there before the capture
    ProcessImagePtr image; // never null
    FdTable fds;
    std::string exec_path; // what an execveat was asked to run, until it ends
    std::uint64_t vm_size_kb = 0, vm_rss_kb = 0, vm_swap_kb = 0, major_faults = 0, minor_faults = 0;

    [[nodiscard]] bool incomplete() const { return tid < 0 || pid < 0 || ptid < 0; }
    [[nodiscard]] bool is_main() const { return tid == pid; }
    [[nodiscard]] Thread* leader() { return group ? group->leader : nullptr; }
    // Whose working directory and descriptors it uses.
    [[nodiscard]] Thread& owner() { return group && group->leader ? *group->leader : *this; }
};

class ThreadTable final : public ProcessView {
  public:
    struct Options {
        std::size_t max_threads = 131'072;
        std::size_t fd_budget_bytes = 64U << 20;
    };

    ThreadTable(Options options, ImageMaker& images);
    ~ThreadTable() override;
    ThreadTable(const ThreadTable&) = delete;
    ThreadTable& operator=(const ThreadTable&) = delete;

    [[nodiscard]] Thread* find_tid(std::int64_t tid) const { return by_tid_.find(tid); }
    // A new entry, with an incomplete image unless one is given; null when the table is full. The tid must not be
    // there.
    [[nodiscard]] Thread* add(std::int64_t tid, ProcessImagePtr image = nullptr);
    // Joins a thread that has got pid and ptid to its group and parent.
    void link(Thread& thread);
    // To its parent only; after a list was read, in which children may come before parents.
    void link_parent(Thread& thread);
    // Another parent than it was known to have, by its number; nothing when nobody has it.
    void adopt(Thread& thread, std::int64_t ptid);

    void mark_dead(Thread& thread);
    void revive(Thread& thread);
    void remove(Thread& thread);
    // At once and whatever it is, with all threads of its process when it is the main one: its number has a new owner.
    void discard(Thread& thread);
    // At once; its children become the heir's.
    void discard(Thread& thread, Thread& heir);
    void clear();

    // A changed copy of the image becomes the thread's.
    template <class F>
    void change(Thread& thread, F&& edit) const {
        const std::shared_ptr<ProcessImage> image = images_.copy(*thread.image);
        edit(*image);
        thread.image = image;
    }

    // The image as it is now, after its parent may have become another one.
    const ProcessImagePtr& image_of(Thread& thread) const {
        if (thread.image->parent.pid != static_cast<Pid>(thread.ptid)) take_parent(thread);
        return thread.image;
    }

    [[nodiscard]] ImageMaker& images() { return images_; }
    [[nodiscard]] FdPool& fd_pool() { return pool_; }
    [[nodiscard]] std::size_t size() const { return by_tid_.size(); }
    [[nodiscard]] std::size_t groups() const { return by_pid_.size(); }
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

    // ProcessView. A process is found by the number of any of its threads; the start time of a key is not looked at, as
    // events of a capture name their parents by number only. Of incomplete ones nothing is known, so they are not
    // found.
    [[nodiscard]] const ProcessImage* find(const ProcessKey& key) const override;
    [[nodiscard]] const ProcessImage* find_pid(Pid pid) const override;
    [[nodiscard]] const ProcessImage* find_vpid(std::uint32_t pidns_inode, Pid vpid) const override;
    [[nodiscard]] const ProcessImage* find_creator(const ProcessKey& key) const override;
    [[nodiscard]] bool is_but_a_number(Pid pid) const override;
    [[nodiscard]] bool numbers_unknown_parents() const override { return false; }

  private:
    [[nodiscard]] ProcessImagePtr incomplete_image(std::int64_t tid) const;
    void set_creator(Thread& parent, Thread& child);
    [[nodiscard]] ThreadGroup& group_of(std::int64_t pid);
    void add_child(Thread& parent, Thread& child);
    void leave_parent(Thread& child);
    void set_parent(Thread& child, Thread* parent); // null: nobody
    void take_parent(Thread& thread) const;
    void leave_group(Thread& thread);
    void give_away_children(Thread& thread);
    [[nodiscard]] Thread* find_reaper(Thread& thread);
    void erase(Thread& thread);

    Options options_;
    ImageMaker& images_;
    FdPool pool_;
    Origins origins_; // before what points to them
    FlatMap<Thread> by_tid_;
    FlatMap<ThreadGroup> by_pid_;
    std::deque<Thread> threads_;
    std::vector<Thread*> free_threads_;
    std::deque<ThreadGroup> groups_;
    std::vector<ThreadGroup*> free_groups_;
    std::uint64_t refused_ = 0;
};

} // namespace gyr::replay
