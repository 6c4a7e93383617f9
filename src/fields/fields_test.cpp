#include "fields/buffer_text.h"
#include "fields/param_text.h"
#include "fields/registry.h"
#include "fields/static_fields.h"
#include "fields/test_support.h"

#include <gtest/gtest.h>

#include <deque>
#include <expected>
#include <set>

namespace gyr::fields {
namespace {

// The value of a field, as text, for an event.
struct Probe {
    test::World world;
    std::shared_ptr<ProcessImage> parent = world.process(10, "/usr/sbin/sshd", {"sshd", "-D"});
    std::shared_ptr<ProcessImage> process = world.process(20, "/bin/busybox", {"sh", "-c", "echo hi"}, parent.get());
    Event event = test::exec_event(process);
    Arena arena;
    std::deque<std::expected<BoundField, BindError>> bound_fields;

    Value value(std::string_view name, std::optional<std::string> arg = {}) {
        // A value may point into the field's prepared argument.
        const auto& bound = bound_fields.emplace_back(bind_field(name, arg));
        EXPECT_TRUE(bound) << name << ": " << (bound ? "" : bound.error().message);
        if (!bound) return Value::missing(Missing::unsupported);
        const EvalWorld view = world.view();
        return bound->field->extract(Context{event, view, arena}, bound->arg);
    }
    std::string text(std::string_view name, std::optional<std::string> arg = {}) {
        const Value v = value(name, std::move(arg));
        const auto* field = find_field(name);
        std::string out;
        append_text(out, v, field ? field->info.type : lang::FieldType::none, field ? field->format : Format::none);
        return out;
    }
};

TEST(Fields, ProcessTexts) {
    Probe p;
    EXPECT_EQ(p.text("proc.name"), "busybox");
    EXPECT_EQ(p.text("proc.exe"), "sh");
    EXPECT_EQ(p.text("proc.exepath"), "/bin/busybox");
    EXPECT_EQ(p.text("proc.cmdline"), "busybox -c echo hi");
    EXPECT_EQ(p.text("proc.args"), "-c echo hi");
    EXPECT_EQ(p.text("proc.args", "1"), "echo hi");
    EXPECT_EQ(p.text("proc.args", "7"), "") << "out of range is an empty text, not missing";
    EXPECT_EQ(p.text("proc.exeline"), "sh -c echo hi");
    EXPECT_EQ(p.text("proc.cmdnargs"), "2");
    EXPECT_EQ(p.text("proc.cmdlenargs"), "9");
    EXPECT_EQ(p.text("proc.cwd"), "/root/");
    EXPECT_EQ(p.text("proc.key"), "20-1020");
    EXPECT_EQ(p.text("proc.argv"), "(sh,-c,echo hi)");
    EXPECT_EQ(p.text("proc.pid"), "20");
    EXPECT_EQ(p.text("proc.duration"), "1000000000");
}

TEST(Fields, EnvironmentByName) {
    Probe p;
    auto exec = std::make_shared<ExecImage>(*p.process->exec);
    exec->env = test::items({"PATH=/bin", "PATHX=1", "EMPTY="});
    p.process->exec = exec;
    EXPECT_EQ(p.text("proc.env"), "PATH=/bin PATHX=1 EMPTY=");
    EXPECT_EQ(p.text("proc.env", "PATH"), "/bin");
    EXPECT_EQ(p.text("proc.env", "EMPTY"), "");
    EXPECT_EQ(p.text("proc.env", "NONE"), "");
}

TEST(Fields, Ancestors) {
    Probe p;
    EXPECT_EQ(p.text("proc.pname"), "sshd");
    EXPECT_EQ(p.text("proc.parent.name"), "sshd");
    EXPECT_EQ(p.text("proc.ppid"), "10");
    EXPECT_EQ(p.text("proc.aname", "0"), "busybox");
    EXPECT_EQ(p.text("proc.aname", "1"), "sshd");
    EXPECT_TRUE(p.value("proc.aname", "2").is_missing());
    EXPECT_EQ(p.text("proc.aname"), "(sshd)") << "itself left out";
    EXPECT_EQ(p.text("proc.acmdline", "1"), "sshd -D");
    EXPECT_EQ(p.text("proc.ancestors.exepath"), "(/usr/sbin/sshd)");
    EXPECT_EQ(p.value("proc.ascript").why, Missing::not_applicable) << "no script";
    auto script = std::make_shared<ExecImage>(*p.parent->exec);
    script->script_path = "/usr/bin/dnf";
    p.parent->exec = script;
    EXPECT_EQ(p.text("proc.ascript"), "(/usr/bin/dnf)");
    EXPECT_EQ(p.text("proc.ascript", "1"), "/usr/bin/dnf");
    p.process->parent = {1, 1}; // reparented to a process that is not known
    EXPECT_EQ(p.value("proc.pname").why, Missing::gone);
    EXPECT_EQ(p.text("proc.ancestors.exepath"), "(/usr/sbin/sshd)") << "who forked it stays who forked it";
}

TEST(Fields, OfACapturesUnknownParentThereIsNoNumber) {
    Probe p;
    p.process->parent = {77, 1};
    EXPECT_EQ(p.text("proc.ppid"), "77") << "live the kernel gave it";
    p.world.processes.of_capture = true;
    EXPECT_EQ(p.value("proc.ppid").why, Missing::gone);
    p.process->parent = p.parent->key;
    EXPECT_EQ(p.text("proc.ppid"), "10");
}

TEST(Fields, ParentThatWasThereBeforeTheCaptureHasDescriptorsForADuration) {
    Probe p;
    ThreadFacts facts;
    facts.open_fds = 24;
    p.event.thread = &facts;
    EXPECT_EQ(p.text("proc.ppid.duration"), p.text("proc.duration"));
    p.parent->start_time = 0;
    EXPECT_EQ(p.text("proc.ppid.duration"), "24");
    p.event.thread = nullptr; // live nobody counts them
    EXPECT_TRUE(p.value("proc.ppid.duration").is_missing());
}

TEST(Fields, TheRoleTellsWhoServesWhereAddressesAreNotTold) {
    Probe p;
    FdInfo fd;
    fd.type = FdType::ipv4;
    p.event.fd = &fd;
    EXPECT_EQ(p.text("fd.is_server"), "false") << "it has no other end";
    fd.source_address = {192, 0, 2, 1}, fd.destination_address = {198, 51, 100, 7};
    fd.marks = kFdRoleClient;
    EXPECT_EQ(p.text("fd.is_server"), "false");
    fd.marks = kFdRoleServer;
    EXPECT_EQ(p.text("fd.is_server"), "true");
    fd.marks = kFdRoleClient;
    fd.destination_address = {127, 0, 0, 1};
    EXPECT_EQ(p.text("fd.is_server"), "true") << "its server is on this machine";
    fd.type = FdType::ipv6;
    fd.destination_address = {};
    EXPECT_EQ(p.text("fd.is_server"), "false");
    fd.destination_address[15] = 1;
    EXPECT_EQ(p.text("fd.is_server"), "true");
    fd.type = FdType::ipv4_server;
    EXPECT_EQ(p.text("fd.is_server"), "true");
}

TEST(Fields, NoEndIsLocalToAContainerNamedWithoutItsAddress) {
    Probe p;
    HostAddresses addresses;
    addresses.add({.ipv6 = false, .address = {127, 0, 0, 1}, .netmask = {255, 0, 0, 0}});
    FdInfo fd;
    fd.type = FdType::ipv4;
    fd.source_address = {127, 0, 0, 2}, fd.destination_address = {127, 0, 0, 1};
    fd.marks = kFdRoleClient;
    p.event.fd = &fd;
    p.process->container = test::make_container(true);
    const auto is_server = [&] {
        EvalWorld view = p.world.view();
        view.addresses = &addresses;
        return bind_field("fd.is_server", {})->field->extract(Context{p.event, view, p.arena}, {}).b;
    };
    EXPECT_TRUE(is_server());
    auto info = std::make_shared<ContainerInfo>(*p.process->container->info);
    info->ip_untold = true;
    p.process->container->info = info;
    EXPECT_FALSE(is_server());
}

TEST(Fields, AncestorWalkEndsInACircle) {
    Probe p;
    p.parent->parent = p.process->key;
    EXPECT_EQ(p.text("proc.aname"), "(sshd)");
    EXPECT_EQ(p.value("proc.aname", "60").kind, ValueKind::text);
    p.parent->parent = p.parent->key;
    EXPECT_TRUE(p.value("proc.aname", "5").is_missing());
}

TEST(Fields, UsersAndGroups) {
    Probe p;
    EXPECT_EQ(p.text("user.name"), "root");
    EXPECT_EQ(p.text("user.id"), "0");
    EXPECT_EQ(p.text("user.loginuid"), "-1");
    EXPECT_EQ(p.text("user.loginname"), "<NA>");
    EXPECT_EQ(p.text("user.name_source"), "host");
    p.process->credentials.uid = 4711;
    EXPECT_EQ(p.value("user.name").kind, ValueKind::text) << "rules compare with the text <NA>";
    EXPECT_EQ(p.text("user.name"), "<NA>");
    p.world.users.why = Missing::pending;
    EXPECT_TRUE(p.value("user.name").is_pending());
    p.process->groups = {10, 27};
    EXPECT_EQ(p.text("user.groups"), "(10,27)");
    EXPECT_EQ(p.text("group.name"), "root");
}

TEST(Fields, ContainerOfTheHost) {
    Probe p;
    EXPECT_EQ(p.text("container.id"), "host");
    EXPECT_EQ(p.text("container.name"), "host");
    EXPECT_EQ(p.text("container.type"), "host");
    EXPECT_EQ(p.text("container.image.repository"), "");
    EXPECT_EQ(p.value("container.image").why, Missing::not_container);
    EXPECT_EQ(p.text("container.privileged"), "false");
    EXPECT_EQ(p.value("k8s.pod.name").why, Missing::not_container);
}

TEST(Fields, OnlyTheFirstProcessOfTheContainerItselfIsItsInit) {
    Probe p;
    p.process->vpid = 1;
    p.process->pidns_number = 7;
    EXPECT_EQ(p.text("proc.is_container_init"), "false"); // of the host
    p.process->container = test::make_container(true);
    EXPECT_EQ(p.text("proc.is_container_init"), "true");
    p.process->container->pidns_number = 7;
    EXPECT_EQ(p.text("proc.is_container_init"), "true");
    p.process->container->pidns_number = 5; // in a pid namespace made later
    EXPECT_EQ(p.text("proc.is_container_init"), "false");
    p.process->pidns_number = 5;
    p.process->vpid = 17;
    EXPECT_EQ(p.text("proc.is_container_init"), "false");
}

TEST(Fields, ContainerMetadata) {
    Probe p;
    p.process->container = test::make_container(true);
    EXPECT_EQ(p.text("container.id"), "3ad7b26ded6d");
    EXPECT_EQ(p.text("container.image"), "busybox:latest");
    EXPECT_EQ(p.text("container.runtime"), "docker");
    EXPECT_EQ(p.text("container.mount", "1"), "/etc:/host/etc:ro:false:");
    EXPECT_EQ(p.text("container.mount.dest", "docker.sock"), "/sock");
    EXPECT_EQ(p.text("container.mount.source", "/host/etc"), "/etc");
    EXPECT_TRUE(p.value("container.mount", "9").is_missing());
    EXPECT_EQ(p.text("container.labels"), "a:1, z:3");
    EXPECT_EQ(p.text("container.label", "z"), "3");
    EXPECT_EQ(p.value("k8s.ns.name").why, Missing::not_kubernetes);
}

TEST(Fields, AContainerEventHasItsContainerAndNoProcess) {
    Probe p;
    p.event.process = nullptr;
    EXPECT_EQ(p.value("container.id").why, Missing::lost);
    EXPECT_EQ(p.value("container.full_id").why, Missing::lost);
    const auto container = test::make_container(true);
    auto info = std::make_shared<ContainerInfo>(*container->info);
    info->user = "1000";
    container->info = info;
    p.event.container = container;
    EXPECT_EQ(p.text("container.id"), "3ad7b26ded6d");
    EXPECT_EQ(p.text("container.image"), "busybox:latest");
    EXPECT_EQ(p.text("user.name"), "1000") << "whom it is made for";
    EXPECT_EQ(p.value("proc.name").why, Missing::lost);
}

TEST(Fields, ContainerMetadataOnItsWayOrNeverComing) {
    Probe p;
    p.process->container = test::make_container(false);
    EXPECT_EQ(p.text("container.id"), "3ad7b26ded6d") << "never waits";
    for (const std::string_view name : {"container.name", "container.image", "container.type", "container.privileged",
                                        "container.mounts", "k8s.pod.name"})
        EXPECT_TRUE(p.value(name).is_pending()) << name;
    p.process->container->why = Missing::runtime_timeout;
    EXPECT_EQ(p.value("container.name").why, Missing::runtime_timeout);
    EXPECT_EQ(p.text("container.missing"), "runtime_timeout");
    EXPECT_EQ(p.text("evt.missing"), "(container:runtime_timeout)");
}

// Types of files are numbers whose bits overlap: each has one name.
TEST(Fields, AFileHasOneType) {
    Arena arena;
    EXPECT_EQ(flag_names(060640, "mknod_mode", false, arena), "S_IRGRP|S_IWUSR|S_IRUSR|S_IFBLK");
    EXPECT_EQ(flag_names(0140000, "mknod_mode", false, arena), "S_IFSOCK");
    EXPECT_EQ(flag_names(020000, "mknod_mode", false, arena), "S_IFCHR");
    EXPECT_EQ(flag_names(3, "file_flags", false, arena), "O_RDWR");
    EXPECT_EQ(flag_names(0x2403, "file_flags", false, arena), "O_DIRECTORY|O_RDWR|O_TMPFILE");
}

TEST(Fields, EventParameters) {
    Probe p;
    EXPECT_EQ(p.text("evt.type"), "execve");
    EXPECT_EQ(p.text("evt.dir"), "<");
    EXPECT_EQ(p.text("evt.category"), "process");
    EXPECT_EQ(p.text("evt.res"), "SUCCESS");
    EXPECT_EQ(p.text("evt.arg.exe"), "sh");
    EXPECT_EQ(p.text("evt.arg", "1"), "sh");
    EXPECT_EQ(p.text("evt.arg.args"), "-c.echo hi");
    EXPECT_EQ(p.text("evt.arg.pid"), "busybox") << "a process id is shown by its name";
    EXPECT_EQ(p.text("evt.rawarg.pid"), "20");
    EXPECT_EQ(p.text("evt.arg.uid"), "root");
    EXPECT_EQ(p.text("evt.arg.loginuid"), "<NONE>");
    EXPECT_EQ(p.text("evt.arg.flags"), "0");
    auto exec = std::make_shared<ExecImage>(*p.process->exec);
    exec->exe_file.marks = kFileUpperLayer | kFileMemfd;
    p.process->exec = exec;
    EXPECT_EQ(p.text("evt.arg.flags"), "EXE_UPPER_LAYER|EXE_FROM_MEMFD");
    EXPECT_EQ(p.text("evt.rawarg.flags"), "6");
    EXPECT_TRUE(p.value("evt.arg.reaper_tid").is_missing()) << "an execve has no such parameter";
    EXPECT_NE(p.text("evt.args").find("exe=sh args=-c.echo hi tid=20(busybox) pid=20(busybox) ptid=10(sshd)"),
              std::string::npos)
        << p.text("evt.args");
}

TEST(Fields, ExitParameters) {
    Probe p;
    p.event.code = kProcExit;
    p.event.exit_code = 3 << 8;
    EXPECT_EQ(p.text("evt.type"), "procexit");
    EXPECT_EQ(p.text("evt.arg.ret"), "3");
    EXPECT_EQ(p.text("evt.arg.sig"), "0");
    p.event.exit_code = 9 | 0x80;
    EXPECT_EQ(p.text("evt.arg.sig"), "SIGKILL");
    EXPECT_EQ(p.text("evt.arg.core"), "1");
    EXPECT_TRUE(p.value("syscall.type").is_missing()) << "the end of a process is no system call";
}

TEST(Fields, TerminalNames) {
    Probe p;
    p.process->tty = 34816;
    EXPECT_EQ(p.text("proc.tty.name"), "pts/0");
    p.process->tty = 34816 + 17;
    EXPECT_EQ(p.text("proc.tty.name"), "pts/17");
    p.process->tty = 4 << 8 | 1;
    EXPECT_EQ(p.text("proc.tty.name"), "tty1");
    p.process->tty = 0;
    EXPECT_TRUE(p.value("proc.tty.name").is_missing());
}

TEST(Fields, StaticFieldsAreTheConfigurations) {
    set_static_fields({{"cluster", "east"}, {"rack.row", "7"}});
    Probe p;
    EXPECT_EQ(p.text("static.cluster"), "east");
    EXPECT_EQ(p.text("static.rack.row"), "7");
    const auto bound = bind_field("static.cluster", {});
    ASSERT_TRUE(bound);
    EXPECT_EQ(bound->text, "static.cluster");
    set_static_fields({});
    EXPECT_FALSE(bind_field("static.cluster", {})) << "it is not known any more";
    const EvalWorld world = p.world.view();
    EXPECT_EQ(bound->field->extract(Context{p.event, world, p.arena}, bound->arg).text(), "east")
        << "rules that are compiled keep what they had";
}

TEST(Fields, NegativeNumbersInHexHaveTheDigitsOfTheirType) {
    Probe p;
    p.event = {};
    p.event.code = 263; // semget: res, key, nsems, semflg
    const std::string_view zero("\0\0\0\0\0\0\0\0", 8), key("\x0d\xf0\xed\xfe", 4), minus("\xff\xff\xff\xff", 4);
    const std::array params{zero, key, minus, zero.substr(4)};
    p.event.params = params;
    EXPECT_EQ(p.text("evt.arg", "key"), "FEEDF00D");
    EXPECT_EQ(p.text("evt.arg", "nsems"), "-1");
    std::string text;
    append_text(text, Value::of_i64(-2), lang::FieldType::int32, Format::hex);
    EXPECT_EQ(text, "FFFFFFFE");
}

template <class T>
std::string bytes_of(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// As live: the generic event has parameters of its call, which is known by its number.
TEST(Fields, AGenericEventHasTheParametersOfItsCall) {
    using namespace std::string_view_literals;
    Probe p;
    FdInfo path;
    path.name = "/etc/x", path.name_raw = "x";
    const std::string id = bytes_of(std::uint16_t{413}), native = bytes_of(std::uint16_t{452}),
                      res = bytes_of(std::int64_t{0}), here = bytes_of(std::int64_t{-100}), mode = bytes_of(04755u);
    const std::array<std::string_view, 6> params{id, native, res, here, "x\0"sv, mode};
    p.event.code = kGenericExit;
    p.event.params = params;
    p.event.has_result = true;
    p.event.result = 0;
    p.event.path = &path;
    EXPECT_EQ(p.text("evt.type"), "fchmodat2");
    EXPECT_EQ(p.text("evt.res"), "SUCCESS");
    EXPECT_EQ(p.text("fs.path.name"), "/etc/x");
    EXPECT_EQ(p.text("fs.path.nameraw"), "x");
    EXPECT_NE(p.text("evt.arg", "mode").find("S_ISUID"), std::string::npos) << p.text("evt.arg", "mode");
    EXPECT_EQ(p.text("evt.arg", "filename"), "/root/x");
    EXPECT_EQ(p.text("evt.args").find("res=0 dirfd=-100(AT_FDCWD) filename=x(/root/x) mode="), 0u)
        << p.text("evt.args");
    EXPECT_TRUE(p.value("fd.num").is_missing()) << "a folder that the path starts from is not what it is about";
    p.event.result = -1;
    EXPECT_TRUE(p.value("fs.path.name").is_missing()) << "nothing was done to it";
    p.event.params = std::span(params).first(2); // as in a capture
    EXPECT_EQ(p.text("evt.args"), "");
    EXPECT_TRUE(p.value("evt.arg", "mode").is_missing());
    EXPECT_TRUE(p.value("fs.path.name").is_missing());
}

TEST(Fields, ACopyHasTwoSides) {
    Probe p;
    FdInfo from, to;
    from.type = to.type = FdType::file_v2;
    from.name = "/from", to.name = "/to";
    const std::string res = bytes_of(std::int64_t{1}), three = bytes_of(std::int64_t{3}),
                      four = bytes_of(std::int64_t{4}), none = bytes_of(std::uint64_t{0});
    const std::array<std::string_view, 6> copy{res, four, none, three, none, none};
    p.event.code = 333; // copy_file_range
    p.event.params = copy;
    p.event.fd = &from, p.event.fd_number = 3;
    p.event.other_fd = &to, p.event.other_fd_number = 4;
    EXPECT_EQ(p.text("fd.in.name"), "/from");
    EXPECT_EQ(p.text("fd.out.name"), "/to");
    EXPECT_EQ(p.text("evt.arg", "fdout"), "<f>/to");
    EXPECT_EQ(p.text("evt.args"), "res=1 fdout=4(<f>/to) offout=0 fdin=3(<f>/from) offin=0 len=0");
    p.event.other_fd = nullptr;
    EXPECT_EQ(p.value("fd.out.name").why, Missing::lost);
    const std::array<std::string_view, 5> sent{res, none, four, three, none};
    p.event.code = 189; // sendfile
    p.event.params = sent;
    p.event.fd = &to, p.event.fd_number = 4;
    p.event.other_fd = &from, p.event.other_fd_number = 3;
    EXPECT_EQ(p.text("fd.in.name"), "/from");
    EXPECT_EQ(p.text("fd.out.name"), "/to");
    p.event.code = 7; // read
    EXPECT_EQ(p.value("fd.in.name").why, Missing::not_applicable);
}

TEST(Fields, AFailedOpenOfNoNameIsOfNone) {
    Probe p;
    p.event = {};
    p.event.code = 307; // openat: fd, dirfd, name, …
    p.event.has_result = true;
    p.event.result = -14;
    p.event.process = p.process;
    const std::string_view fault("\xf2\xff\xff\xff\xff\xff\xff\xff", 8), here("\x9c\xff\xff\xff\xff\xff\xff\xff", 8);
    for (const std::string_view null : {std::string_view(), std::string_view("(NULL)\0", 7)}) {
        const std::array params{fault, here, null};
        p.event.params = params;
        EXPECT_EQ(p.text("fd.name"), "<NA>");
        EXPECT_TRUE(p.value("evt.abspath").is_missing());
        EXPECT_TRUE(p.value("fs.path.nameraw").is_missing());
    }
}

// RFC 4648, section 10.
TEST(Fields, BuffersAsTextOrAsBase64) {
    const auto shown = [](std::string_view bytes) {
        std::string text = "x";
        append_buffer(text, bytes);
        Arena arena;
        EXPECT_EQ(buffer_text(bytes, arena), text.substr(1));
        return text.substr(1);
    };
    EXPECT_EQ(shown(std::string_view("a\0\n\x7f~\xff", 6)), "a...~.");
    set_buffers_as_base64(true);
    EXPECT_EQ(shown(""), "");
    EXPECT_EQ(shown("f"), "Zg==");
    EXPECT_EQ(shown("fo"), "Zm8=");
    EXPECT_EQ(shown("foo"), "Zm9v");
    EXPECT_EQ(shown("foob"), "Zm9vYg==");
    EXPECT_EQ(shown("fooba"), "Zm9vYmE=");
    EXPECT_EQ(shown("foobar"), "Zm9vYmFy");
    EXPECT_EQ(shown("\xfb\xff\xfe"), "+//+");
    set_buffers_as_base64(false);
}

TEST(Fields, WithoutAProcessEverythingSaysLost) {
    Probe p;
    p.event.process = nullptr;
    EXPECT_EQ(p.value("proc.name").why, Missing::lost);
    EXPECT_EQ(p.value("container.id").why, Missing::lost);
    EXPECT_EQ(p.value("user.uid").why, Missing::lost);
}

// Every field that this build delivers, on several events and worlds: the value has the kind its type promises, and
// nothing crashes when there is nothing to look at.
TEST(Fields, ValuesHaveTheKindOfTheirType) {
    set_static_fields({{"memory", "much"}});
    for (const int variant : {0, 1, 2, 3}) {
        Probe p;
        if (variant == 1) p.process->container = test::make_container(true);
        if (variant == 2) p.process->container = test::make_container(false);
        if (variant == 3) p.event.process = nullptr, p.event.code = kProcExit, p.event.has_result = false;
        for (const Field* f : all_fields()) {
            std::optional<std::string> arg;
            std::string name(f->info.name);
            if (f->info.arg == lang::ArgKind::required) {
                if (name == "evt.rawarg" || name == "evt.arg")
                    name += ".uid";
                else if (name == "evt.type.is")
                    name += ".execve";
                else if (f->info.suffix_arg)
                    name += ".memory";
                else
                    arg = "1";
            }
            const Value v = p.value(name, arg);
            if (v.is_missing()) {
                EXPECT_NE(v.why, Missing::none) << name;
                continue;
            }
            const bool many = f->info.is_list || (f->any_of && !arg);
            if (many && v.kind == ValueKind::text) continue; // proc.aenv by name
            EXPECT_EQ(many, v.kind == ValueKind::list) << name;
            const Value one = !many ? v : v.list().empty() ? Value() : v.list()[0];
            if (one.is_missing()) continue;
            switch (lang::class_of(f->info.type == lang::FieldType::dyn ? lang::FieldType::uint32 : f->info.type)) {
            case lang::TypeClass::string: EXPECT_EQ(one.kind, ValueKind::text) << name; break;
            case lang::TypeClass::boolean: EXPECT_EQ(one.kind, ValueKind::boolean) << name; break;
            case lang::TypeClass::number: {
                using enum lang::FieldType;
                const auto t = f->info.type;
                const bool is_signed = t == int8 || t == int16 || t == int32 || t == int64;
                EXPECT_EQ(one.kind, is_signed ? ValueKind::i64 : ValueKind::u64) << name;
                break;
            }
            default: ADD_FAILURE() << name << " has an unexpected type";
            }
        }
    }
}

TEST(Fields, EntriesAreWhole) {
    std::set<std::string_view> seen;
    for (const Field* f : all_fields()) {
        EXPECT_TRUE(seen.insert(f->info.name).second) << f->info.name << " twice";
        EXPECT_FALSE(f->doc.empty()) << f->info.name;
        EXPECT_FALSE(f->doc.ends_with('.')) << f->info.name;
    }
    for (const Alias& a : aliases()) {
        EXPECT_FALSE(seen.contains(a.name)) << a.name;
        EXPECT_TRUE(seen.contains(a.stands_for)) << a.name;
    }
}

} // namespace
} // namespace gyr::fields
