#include "replay/thread_table.h"

namespace gyr::replay {

namespace {

constexpr int kMaxSteps = 1024; // up a line of parents, which hostile events can make a circle

} // namespace

ThreadTable::ThreadTable(Options options, ImageMaker& images)
    : options_(options), images_(images), pool_(options.fd_budget_bytes) {}

ThreadTable::~ThreadTable() { clear(); }

ProcessImagePtr ThreadTable::incomplete_image(std::int64_t tid) const {
    const std::shared_ptr<ProcessImage> image = images_.make();
    image->key.pid = -1;
    image->tid = static_cast<Tid>(tid);
    image->parent.pid = -1;
    image->comm = "<NA>";
    image->pgid = image->sid = image->vpid = image->vtid = image->vppid = image->vpgid = image->vsid = -1;
    image->credentials.uid = image->credentials.euid = image->credentials.suid = image->credentials.fsuid = kNoId;
    image->credentials.gid = image->credentials.egid = image->credentials.sgid = image->credentials.fsgid = kNoId;
    image->incomplete = true;
    return image;
}

Thread* ThreadTable::add(std::int64_t tid, ProcessImagePtr image) {
    if (by_tid_.size() >= options_.max_threads) {
        ++refused_;
        return nullptr;
    }
    Thread* thread = nullptr;
    if (free_threads_.empty()) {
        thread = &threads_.emplace_back();
    } else {
        thread = free_threads_.back();
        free_threads_.pop_back();
        FdTable fds = std::move(thread->fds); // empty, with its memory
        *thread = Thread{};
        thread->fds = std::move(fds);
    }
    thread->tid = tid;
    thread->image = image ? std::move(image) : incomplete_image(tid);
    by_tid_.insert(tid, thread);
    return thread;
}

ThreadGroup& ThreadTable::group_of(std::int64_t pid) {
    if (ThreadGroup* group = by_pid_.find(pid)) return *group;
    ThreadGroup* group = nullptr;
    if (free_groups_.empty()) {
        group = &groups_.emplace_back();
    } else {
        group = free_groups_.back();
        free_groups_.pop_back();
        *group = ThreadGroup{};
    }
    group->pid = pid;
    by_pid_.insert(pid, group);
    return *group;
}

void ThreadTable::link(Thread& thread) {
    if (thread.incomplete() || thread.group) return;
    ThreadGroup& group = group_of(thread.pid);
    thread.group = &group;
    thread.next_member = group.first;
    if (group.first) group.first->previous_member = &thread;
    group.first = &thread;
    if (!thread.dead) ++group.alive;
    if (thread.is_main()) {
        group.leader = &thread;
        if (thread.pid == 1 || thread.image->vpid == 1) group.reaper = true;
    } else if (group.leader) {
        thread.shared_version = group.leader->shared_version - 1; // its image takes the leader's when it is looked at
    }
    link_parent(thread);
}

void ThreadTable::link_parent(Thread& thread) {
    if (thread.incomplete() || thread.parent) return;
    if (Thread* parent = by_tid_.find(thread.ptid); parent && parent != &thread) add_child(*parent, thread);
}

void ThreadTable::set_creator(Thread& parent, Thread& child) {
    if (!parent.origin) {
        parent.origin = std::make_shared<Origin>(origins_, parent);
        parent.origin->creator = parent.creator;
    }
    // One that has made others may be among those it is said to come from.
    if (child.origin && Origins::leads_to(parent.origin.get(), *child.origin)) return;
    child.creator = parent.origin;
    if (child.origin) child.origin->creator = child.creator;
}

void ThreadTable::adopt(Thread& thread, std::int64_t ptid) {
    if (thread.ptid == ptid) return;
    if (Thread* parent = by_tid_.find(ptid); parent && parent != &thread) set_parent(thread, parent);
}

void ThreadTable::add_child(Thread& parent, Thread& child) {
    child.parent = &parent;
    child.previous_sibling = nullptr;
    child.next_sibling = parent.first_child;
    if (parent.first_child) parent.first_child->previous_sibling = &child;
    parent.first_child = &child;
    ++parent.children;
    if (!child.creator && child.is_main()) set_creator(parent.owner(), child);
}

void ThreadTable::leave_parent(Thread& child) {
    if (!child.parent) return;
    if (child.previous_sibling)
        child.previous_sibling->next_sibling = child.next_sibling;
    else
        child.parent->first_child = child.next_sibling;
    if (child.next_sibling) child.next_sibling->previous_sibling = child.previous_sibling;
    --child.parent->children;
    child.parent = child.previous_sibling = child.next_sibling = nullptr;
}

void ThreadTable::leave_group(Thread& thread) {
    ThreadGroup* group = thread.group;
    if (!group) return;
    if (thread.previous_member)
        thread.previous_member->next_member = thread.next_member;
    else
        group->first = thread.next_member;
    if (thread.next_member) thread.next_member->previous_member = thread.previous_member;
    thread.previous_member = thread.next_member = nullptr;
    if (!thread.dead) --group->alive;
    if (group->leader == &thread) group->leader = nullptr;
    thread.group = nullptr;
    if (!group->first) {
        by_pid_.erase(group->pid);
        free_groups_.push_back(group);
    }
}

void ThreadTable::mark_dead(Thread& thread) {
    if (thread.dead) return;
    thread.dead = true;
    if (thread.group) --thread.group->alive;
}

void ThreadTable::revive(Thread& thread) {
    if (!thread.dead) return;
    thread.dead = false;
    if (thread.group) ++thread.group->alive;
}

// The image follows when somebody looks at it: whoever has many children may die often.
void ThreadTable::set_parent(Thread& child, Thread* parent) {
    leave_parent(child);
    child.ptid = parent ? parent->tid : 0;
    if (parent) add_child(*parent, child);
}

void ThreadTable::take_parent(Thread& thread) const {
    change(thread, [&](ProcessImage& image) {
        image.parent = {static_cast<Pid>(thread.ptid), thread.parent ? thread.parent->image->key.start_boottime_ns : 0};
    });
}

Thread* ThreadTable::find_reaper(Thread& thread) {
    if (thread.named_reaper > 0) {
        Thread* named = by_tid_.find(thread.named_reaper);
        if (named && named != &thread) return named;
    }
    if (thread.group)
        for (Thread* member = thread.group->first; member; member = member->next_member)
            if (member != &thread && !member->dead) return member;
    Thread* up = by_tid_.find(thread.ptid);
    for (int step = 0; up && step < kMaxSteps; ++step, up = by_tid_.find(up->ptid)) {
        if (up == &thread) return nullptr;
        if (!up->group || !up->group->reaper) continue;
        for (Thread* member = up->group->first; member; member = member->next_member)
            if (!member->dead) return member;
    }
    return nullptr;
}

void ThreadTable::give_away_children(Thread& thread) {
    if (!thread.first_child) return;
    Thread* reaper = find_reaper(thread);
    while (thread.first_child) {
        Thread& child = *thread.first_child;
        // A thread that reaps itself would never be left.
        set_parent(child, reaper != &child ? reaper : nullptr);
    }
}

void ThreadTable::remove(Thread& thread) {
    mark_dead(thread);
    give_away_children(thread);
    ThreadGroup* group = thread.group;
    if (group && group->leader == &thread && group->alive > 0) return;
    erase(thread);
    // The main thread had only been waiting for the others.
    if (group && group->alive == 0 && group->first && group->leader == group->first && group->first->dead &&
        !group->first->next_member) {
        Thread& last = *group->first;
        give_away_children(last);
        erase(last);
    }
}

void ThreadTable::discard(Thread& thread) {
    if (ThreadGroup* group = thread.group; group && group->leader == &thread) {
        while (group->first != &thread || thread.next_member)
            discard(group->first == &thread ? *thread.next_member : *group->first, thread);
    }
    mark_dead(thread);
    give_away_children(thread);
    erase(thread);
}

void ThreadTable::discard(Thread& thread, Thread& heir) {
    mark_dead(thread);
    while (thread.first_child) {
        Thread& child = *thread.first_child;
        set_parent(child, &child == &heir ? nullptr : &heir);
    }
    erase(thread);
}

void ThreadTable::erase(Thread& thread) {
    leave_parent(thread);
    leave_group(thread);
    thread.fds.clear(pool_);
    if (thread.origin) origins_.end(std::move(thread.origin), thread.image);
    thread.origin.reset();
    thread.creator.reset();
    thread.image.reset();
    std::string().swap(thread.exec_path);
    by_tid_.erase(thread.tid);
    free_threads_.push_back(&thread);
}

void ThreadTable::clear() {
    by_tid_.for_each([&](Thread& thread) { thread.fds.clear(pool_); });
    by_tid_.clear();
    by_pid_.clear();
    threads_.clear();
    free_threads_.clear();
    groups_.clear();
    free_groups_.clear();
}

const ProcessImage* ThreadTable::find(const ProcessKey& key) const { return find_pid(key.pid); }

const ProcessImage* ThreadTable::find_pid(Pid pid) const {
    Thread* thread = by_tid_.find(pid);
    return thread && !thread->image->incomplete ? image_of(*thread).get() : nullptr;
}

bool ThreadTable::is_but_a_number(Pid pid) const {
    const Thread* thread = by_tid_.find(pid);
    return thread && thread->image->incomplete;
}

const ProcessImage* ThreadTable::find_vpid(std::uint32_t, Pid vpid) const { return find_pid(vpid); }

const ProcessImage* ThreadTable::find_creator(const ProcessKey& key) const {
    Thread* thread = by_tid_.find(key.pid);
    const Origin* ended = thread && thread->image->key == key ? nullptr : origins_.find_ended(key);
    if (!ended && !thread) return nullptr;
    if (!ended && !thread->owner().is_main()) return find_pid(static_cast<Pid>(thread->ptid));
    const Origin* creator = ended ? ended->creator.get() : thread->owner().creator.get();
    if (!creator || (creator->living && creator->living->image->incomplete)) return nullptr;
    return creator->living ? image_of(*creator->living).get() : creator->image.get();
}

} // namespace gyr::replay
