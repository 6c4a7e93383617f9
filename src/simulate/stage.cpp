#include "simulate/stage.h"

#include "base/thread_signals.h"
#include "deeds/program.h"
#include "simulate/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::simulate {
namespace {

struct PlaceKind {
    const char* name;
    const char* host_config; // as Docker keeps it, the keys that differ
    const char* mounts;
};
constexpr std::array<PlaceKind, kPlaces> kKinds{{
    {"host", "", ""},
    {"container", "", ""},
    {"capable", "", ""},
    {"privileged", R"(, "Privileged": true)", ""},
    {"host-processes", R"(, "PidMode": "host")", ""},
    {"host-network", R"(, "NetworkMode": "host")", ""},
    {"host-files", "", R"("/host": {"Source": "/", "Destination": "/host", "RW": true})"},
}};
const PlaceKind& kind_of(Where where) { return kKinds.at(static_cast<std::size_t>(where)); }

// 64 digits; the first twelve, by which a container is called, differ.
std::string container_id(const std::string& run, Where where) {
    const std::string start = fmt::format("{:x}{}", static_cast<unsigned>(where), run);
    std::string id = start;
    while (id.size() < 64) id += start;
    id.resize(64);
    return id;
}

bool write_text(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    return static_cast<bool>(file.flush());
}

Result<> write_metadata(const std::string& root, const std::string& run, Where where) {
    const PlaceKind& kind = kind_of(where);
    const std::string id = container_id(run, where);
    const std::string folder = root + "/containers/" + id;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    const std::string config = fmt::format(
        R"({{"ID": "{}", "Name": "/gyr-simulate-{}", "Created": "2026-01-01T00:00:00Z", "Image": "sha256:{}",
 "Config": {{"Image": "gyr-simulate:latest", "Labels": {{}}, "Env": []}}, "MountPoints": {{{}}}, "NetworkSettings": {{}}}})",
        id, kind.name, id, kind.mounts);
    const std::string host = fmt::format(R"({{"IpcMode": "private"{}}})", kind.host_config);
    if (!write_text(folder + "/config.v2.json", config) || !write_text(folder + "/hostconfig.json", host))
        return fail_errno("write " + folder, errno);
    return {};
}

// What does the steps of actions.
Result<> write_program(const std::string& path) {
    const auto bytes = deeds::program();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file || ::chmod(path.c_str(), 0755) != 0) return fail_errno("write " + path, errno);
    return {};
}

constexpr const char* kCgroups = "/memory/cgroups";

} // namespace

Result<Stage> Stage::make() {
    Stage stage;
    const char* base = std::getenv("TMPDIR");
    std::string name = fmt::format("{}/gyr-simulate-XXXXXX", base != nullptr && *base == '/' ? base : "/tmp");
    if (::mkdtemp(name.data()) == nullptr) return fail_errno("make " + name, errno);
    stage.folder_ = name;
    ::chmod(name.c_str(), 0755);
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    stage.id_ = fmt::format("{:05x}{:06x}", static_cast<unsigned>(::getpid()) & 0xfffffU,
                            static_cast<unsigned>(now.tv_nsec) & 0xffffffU);
    for (std::size_t i = 1; i < kPlaces; ++i)
        if (auto ok = write_metadata(stage.docker_root(), stage.id_, static_cast<Where>(i)); !ok)
            return std::unexpected(ok.error());
    return stage;
}

Stage::~Stage() {
    if (folder_.empty()) return; // moved from
    if (open_) {
        for (std::size_t i = 0; i < kPlaces; ++i) {
            sweep(static_cast<Where>(i));
            if (i > 0) ::rmdir(cgroup(static_cast<Where>(i)).c_str());
        }
        ::rmdir(cgroup(Where::host).c_str());
        ::umount2((folder_ + kCgroups).c_str(), MNT_DETACH);
        ::umount2((folder_ + "/memory").c_str(), MNT_DETACH);
    }
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
}

std::string Stage::cgroup(Where where) const {
    const std::string own = folder_ + kCgroups + "/gyr-simulate-" + id_;
    return where == Where::host ? own : own + "/docker-" + container_id(id_, where) + ".scope";
}

Result<> Stage::open() {
    const std::string memory = folder_ + "/memory";
    if (::unshare(CLONE_NEWNS) != 0) return fail(ErrorKind::unsupported, "no namespaces can be made (are you root?)");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return fail_errno("make mounts private", errno);
    ::mkdir(memory.c_str(), 0755);
    if (::mount("gyr-simulate", memory.c_str(), "tmpfs", 0, "mode=755") != 0)
        return fail_errno("mount " + memory, errno);
    const std::string cgroups = folder_ + kCgroups;
    ::mkdir(cgroups.c_str(), 0755);
    if (::mount("none", cgroups.c_str(), "cgroup2", 0, nullptr) != 0) return fail_errno("mount the cgroups", errno);
    open_ = true;
    if (auto ok = write_program(program()); !ok) return ok;
    for (std::size_t i = 0; i < kPlaces; ++i) {
        const std::string path = cgroup(static_cast<Where>(i));
        if (::mkdir(path.c_str(), 0755) != 0) return fail_errno("make the cgroup " + path, errno);
    }
    return {};
}

Result<Started> Stage::start(Where where, const std::vector<std::string>& argv, const std::string& mark) {
    ++started_;
    PlaceOptions place{where,
                       fmt::format("{}/memory/{}", folder_, started_),
                       program(),
                       argv,
                       {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C",
                        "TERM=dumb", mark}};
    std::error_code error;
    std::filesystem::create_directories(place.folder, error);
    const std::string said_path = folder_ + "/said";
    std::array<int, 2> told{};
    if (::pipe2(told.data(), O_CLOEXEC) != 0) return fail_errno("pipe", errno);
    UniqueFd status_fd(told[0]);
    const UniqueFd tell(told[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno("fork", errno);
    if (pid > 0) return Started{pid, std::move(status_fd)};

    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    unblock_signals();
    // Standard streams: nothing to read; what is written can be read by who started it.
    const int nothing = ::open("/dev/null", O_RDONLY);
    const int said_fd = ::open(said_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(nothing, 0);
    ::dup2(said_fd, 1);
    ::dup2(said_fd, 2);
    ::dup2(tell.get(), 3);
    ::close_range(4, ~0U, 0);
    if (!write_text(cgroup(where) + "/cgroup.procs", "0")) ::_exit(125);
    const int spaces =
        CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | (where == Where::host ? 0 : CLONE_NEWPID);
    if (::unshare(spaces) != 0) {
        ::perror("unshare");
        ::_exit(125);
    }
    const pid_t first = ::fork();
    if (first == 0) {
        ::close(3);
        run_in_place(place);
    }
    int status = 0;
    while (::waitpid(first, &status, 0) < 0 && errno == EINTR) {
    }
    const auto byte = static_cast<unsigned char>(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    [[maybe_unused]] const ssize_t written = ::write(3, &byte, 1);
    ::close(3);
    for (;;) ::pause();
}

std::string Stage::said() const {
    std::ifstream file(folder_ + "/said");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::ranges::replace(text, '\n', ';');
    return text;
}

void Stage::sweep(Where where) const { write_text(cgroup(where) + "/cgroup.kill", "1"); }

} // namespace gyr::simulate
