// Every field of every event of real captures against the value that Falco 0.44.1 computed for it.

#include "agreement.h"
#include "expected_fields.h"

#include "fields/registry.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

namespace gyr::test {
namespace {

using nlohmann::json;

constexpr double kShare = 0.999;

// Every step-th event: all of them would take too long where each access to memory is checked.
std::size_t step() {
#ifdef GYR_SANITIZED
    return 10;
#else
    return 1;
#endif
}

// ---- the state itself ----

json number_or_null(std::int64_t n) { return n; }

using FromState = json (*)(const Event&);

const std::map<std::string, FromState>& state_values() {
    static const std::map<std::string, FromState> table{
        {"proc.name", [](const Event& e) -> json { return e.process ? json(e.process->comm) : json(); }},
        {"proc.exepath", [](const Event& e) -> json { return e.process ? json(e.process->exec->exe_path) : json(); }},
        {"proc.exe",
         [](const Event& e) -> json { return e.process ? json(std::string(e.process->exec->argv[0])) : json(); }},
        {"proc.pid", [](const Event& e) -> json { return e.process ? json(e.process->key.pid) : json(); }},
        {"proc.sid", [](const Event& e) -> json { return e.process ? json(e.process->vsid) : json(); }},
        {"proc.vpgid", [](const Event& e) -> json { return e.process ? json(e.process->vpgid) : json(); }},
        {"proc.pgid", [](const Event& e) -> json { return e.process ? json(e.process->pgid) : json(); }},
        {"proc.tty", [](const Event& e) -> json { return e.process ? json(e.process->tty) : json(); }},
        {"user.uid", [](const Event& e) -> json { return e.process ? json(e.process->credentials.uid) : json(); }},
        {"group.gid", [](const Event& e) -> json { return e.process ? json(e.process->credentials.gid) : json(); }},
        {"thread.vtid",
         [](const Event& e) -> json { return e.process && e.process->vtid >= 0 ? json(e.process->vtid) : json(); }},
        {"proc.vpid",
         [](const Event& e) -> json { return e.process && e.process->vpid >= 0 ? json(e.process->vpid) : json(); }},
        {"proc.cwd",
         [](const Event& e) -> json {
             if (!e.process) return {};
             return e.process->incomplete ? json("./") : json(e.process->cwd);
         }},
        {"container.id",
         [](const Event& e) -> json {
             if (!e.process) return {};
             return e.process->container ? json(e.process->container->id) : json("host");
         }},
        {"proc.fdlimit",
         [](const Event& e) -> json {
             return e.process ? number_or_null(static_cast<std::int64_t>(e.process->fd_limit)) : json();
         }},
        {"proc.nthreads", [](const Event& e) -> json { return e.process ? json(e.thread->threads) : json(); }},
        {"proc.nchilds", [](const Event& e) -> json { return e.process ? json(e.thread->other_threads) : json(); }},
        {"proc.fdopencount", [](const Event& e) -> json { return e.process ? json(e.thread->open_fds) : json(); }},
        {"proc.vmsize", [](const Event& e) -> json { return e.process ? json(e.thread->vm_size_kb) : json(); }},
        {"proc.vmrss", [](const Event& e) -> json { return e.process ? json(e.thread->vm_rss_kb) : json(); }},
        {"thread.vmsize.b", [](const Event& e) -> json { return e.process ? json(e.thread->vm_size_bytes) : json(); }},
        {"thread.pfmajor", [](const Event& e) -> json { return e.process ? json(e.thread->major_faults) : json(); }},
        {"thread.pfminor", [](const Event& e) -> json { return e.process ? json(e.thread->minor_faults) : json(); }},
        {"proc.stdin.name",
         [](const Event& e) -> json {
             const FdInfo* in = e.process ? e.fds->find_fd(0) : nullptr;
             return in ? json(in->name) : json();
         }},
    };
    return table;
}

// What the descriptor fields must say; only of events that are about one.
json fd_value(const Event& e, const std::string& field) {
    if (field == "fd.num") return e.fd_number;
    if (!e.fd) return {};
    const FdInfo& f = *e.fd;
    if (field == "fd.name") return f.name;
    if (field == "fd.ino") return f.ino;
    if (field == "fd.name_changed") return e.fd_name_changed;
    if (field == "fd.connected") return (f.marks & kFdConnected) != 0;
    return {};
}

TEST(StateAgreement, WithFalco) {
    const auto captures = expected_captures();
    if (captures.empty()) GTEST_SKIP() << "no captures with expected values";
    Agreement agreement;
    std::size_t met = 0, expected_events = 0;
    for (const ExpectedCapture& c : captures) {
        const Walk w = walk(c, step(), [&](const Event& e, const replay::ReplayState&, const json& values) {
            const std::string where =
                c.name + " " + std::to_string(values.value("evt.num", 0)) + " " + values.value("evt.type", "");
            const auto expected = [&](const std::string& field) {
                const auto it = values.find(field);
                return it == values.end() ? json() : *it;
            };
            for (const auto& [field, value] : state_values()) {
                if (field == "container.id" && of_podman(values)) continue;
                agreement.compare(field, expected(field), value(e), where);
            }
            if (!values.contains("fd.type")) return;
            if (of_open_below_descriptor(values)) return;
            for (const char* field : {"fd.num", "fd.name", "fd.ino", "fd.name_changed", "fd.connected"})
                agreement.compare(field, expected(field), fd_value(e, field), where);
        });
        met += w.met, expected_events += w.expected;
        for (const std::string& missed : w.missed)
            std::printf("%s: did not come to %s\n", c.name.c_str(), missed.c_str());
    }
    EXPECT_GE(static_cast<double>(met), kShare * static_cast<double>(expected_events));
    EXPECT_TRUE(agreement.report(kShare));
}

} // namespace
} // namespace gyr::test
