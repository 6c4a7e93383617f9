#pragma once
// For tests of fields and match: a small world of processes, users and a container, and an event.

#include "fields/context.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gyr::test {

inline ItemList items(const std::vector<std::string>& words) {
    ItemList list;
    for (const std::string& w : words) {
        if (!list.offsets.empty()) list.bytes += '\0';
        list.offsets.push_back(static_cast<std::uint32_t>(list.bytes.size()));
        list.bytes += w;
    }
    list.total_bytes = list.bytes.size();
    return list;
}

// Processes by key; a creator is a parent that is remembered.
class FakeProcesses final : public ProcessView {
  public:
    std::map<ProcessKey, std::shared_ptr<ProcessImage>> all;
    std::map<ProcessKey, ProcessKey> creators;
    bool of_capture = false;

    bool numbers_unknown_parents() const override { return !of_capture; }
    const ProcessImage* find(const ProcessKey& key) const override {
        const auto it = all.find(key);
        return it == all.end() ? nullptr : it->second.get();
    }
    const ProcessImage* find_pid(Pid pid) const override {
        for (const auto& [key, image] : all)
            if (key.pid == pid) return image.get();
        return nullptr;
    }
    const ProcessImage* find_vpid(std::uint32_t ns, Pid vpid) const override {
        for (const auto& [key, image] : all)
            if (image->namespaces.pid == ns && image->vpid == vpid) return image.get();
        return nullptr;
    }
    const ProcessImage* find_creator(const ProcessKey& key) const override {
        const auto it = creators.find(key);
        return it == creators.end() ? nullptr : find(it->second);
    }
};

class FakeUsers final : public UserView {
  public:
    std::map<Uid, UserEntry> users{{0, {0, 0, "root", "/root", "/bin/sh"}}};
    std::map<Gid, GroupEntry> groups{{0, {0, "root"}}};
    Missing why = Missing::not_applicable; // of ids that are not there

    UserAnswer user(const ProcessImage&, Uid uid) const override {
        const auto it = users.find(uid);
        return it == users.end() ? UserAnswer{nullptr, why, {}} : UserAnswer{&it->second, Missing::none, "host"};
    }
    GroupAnswer group(const ProcessImage&, Gid gid) const override {
        const auto it = groups.find(gid);
        return it == groups.end() ? GroupAnswer{nullptr, why, {}} : GroupAnswer{&it->second, Missing::none, "host"};
    }
};

struct World {
    FakeProcesses processes;
    FakeUsers users;
    std::string hostname = "box";
    std::uint64_t generation = 0;

    [[nodiscard]] EvalWorld view() const { return {&processes, &users, &hostname, 0}; }

    // A process with the usual properties; the caller changes what matters.
    std::shared_ptr<ProcessImage> process(Pid pid, const std::string& exe, const std::vector<std::string>& argv,
                                          const ProcessImage* parent = nullptr) {
        auto exec = std::make_shared<ExecImage>();
        exec->exe_path = exe;
        exec->argv = items(argv);
        exec->exe_file.ino = 100 + static_cast<std::uint64_t>(pid);
        auto p = std::make_shared<ProcessImage>();
        p->exec = exec;
        p->key = {pid, 1000u + static_cast<std::uint64_t>(pid)};
        p->generation = ++generation;
        p->start_time = 5'000'000'000;
        p->tid = p->vpid = p->vtid = p->pgid = p->vpgid = p->sid = p->vsid = pid;
        p->namespaces.pid = 1;
        p->comm = exe.substr(exe.rfind('/') + 1).substr(0, 15);
        p->cwd = "/root", p->root = "/";
        p->cgroups = std::make_shared<const std::vector<CgroupInfo>>();
        if (parent) {
            p->parent = parent->key;
            processes.creators[p->key] = parent->key;
        }
        processes.all[p->key] = p;
        return p;
    }
};

inline std::shared_ptr<Container> make_container(bool complete) {
    auto c = std::make_shared<Container>();
    c->id = "3ad7b26ded6d";
    c->full_id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    c->chain = {c->id};
    if (complete) {
        auto info = std::make_shared<ContainerInfo>();
        info->full_id = c->full_id;
        info->type = ContainerType::docker;
        info->name = "my-busybox-container";
        info->image = "busybox:latest";
        info->image_repository = "busybox", info->image_tag = "latest";
        info->privileged = false;
        info->mounts = {{"/var/run/docker.sock", "/sock", "rw", "rprivate", true},
                        {"/etc", "/host/etc", "ro", "", false}};
        info->labels = {{"a", "1"}, {"io.kubernetes.x", "2"}, {"z", "3"}};
        c->info = info, c->why = Missing::none, c->generation = 1;
    }
    return c;
}

inline Event exec_event(const std::shared_ptr<ProcessImage>& process) {
    Event e;
    e.code = kExecve;
    e.number = 7;
    e.time = 6'000'000'000;
    e.tid = process->key.pid;
    e.cpu = 1;
    e.has_result = true;
    e.process = process;
    e.record = RecordKind::exec;
    return e;
}

} // namespace gyr::test
