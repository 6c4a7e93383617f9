#include "simulate/place.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace gyr::simulate {
namespace {

// What container engines leave to a container: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
// net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
constexpr std::uint64_t kUsualCapabilities = 0xa80425fb;

[[noreturn]] void give_up(const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
    ::_exit(125);
}

void must(bool done, const std::string& what) {
    if (!done) give_up(what);
}

void folder(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
}

void lay_over(const std::string& lower, const std::string& root, const std::string& changes) {
    folder(changes + "/upper");
    folder(changes + "/work");
    const std::string options = "lowerdir=" + lower + ",upperdir=" + changes + "/upper,workdir=" + changes + "/work";
    must(::mount("overlay", root.c_str(), "overlay", 0, options.c_str()) == 0, "overlay over " + lower);
}

void in_memory(const std::string& path, const char* options) {
    folder(path);
    must(::mount("tmpfs", path.c_str(), "tmpfs", 0, options) == 0, path);
}

void make_devices(const std::string& dev) {
    in_memory(dev, "mode=755");
    struct Node {
        const char* name;
        unsigned major, minor;
    };
    for (const Node& n : {Node{"null", 1, 3}, Node{"zero", 1, 5}, Node{"full", 1, 7}, Node{"random", 1, 8},
                          Node{"urandom", 1, 9}, Node{"tty", 5, 0}}) {
        const std::string path = dev + "/" + n.name;
        must(::mknod(path.c_str(), S_IFCHR | 0666, ::makedev(n.major, n.minor)) == 0, path);
        ::chmod(path.c_str(), 0666);
    }
    folder(dev + "/pts");
    must(::mount("devpts", (dev + "/pts").c_str(), "devpts", MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620") == 0,
         dev + "/pts");
    must(::symlink("pts/ptmx", (dev + "/ptmx").c_str()) == 0, dev + "/ptmx");
    must(::symlink("/proc/self/fd", (dev + "/fd").c_str()) == 0, dev + "/fd");
    in_memory(dev + "/shm", "mode=1777");
}

// The host's files below a layer in memory; folders with a file system of their own get a layer each.
void make_files(const PlaceOptions& o, const std::string& root) {
    folder(root);
    lay_over("/", root, o.folder + "/changes");
    struct stat top {};
    ::stat("/", &top);
    for (const char* name : {"bin", "sbin", "lib", "lib64", "usr", "etc", "var", "opt", "srv", "root", "home"}) {
        struct stat own {};
        const std::string path = std::string("/") + name;
        if (::lstat(path.c_str(), &own) != 0 || !S_ISDIR(own.st_mode) || own.st_dev == top.st_dev) continue;
        lay_over(path, root + path, o.folder + "/changes-" + name);
    }
    for (const char* name : {"/tmp", "/var/tmp"}) in_memory(root + name, "mode=1777");
    in_memory(root + "/run", "mode=755");
    make_devices(root + "/dev");
    folder(root + "/proc");
    must(::mount("proc", (root + "/proc").c_str(), "proc", MS_NOSUID | MS_NODEV, nullptr) == 0, "proc");
    folder(root + "/sys"); // refused where the namespaces are not enough; no action needs it
    ::mount("sysfs", (root + "/sys").c_str(), "sysfs", MS_RDONLY, nullptr);
    folder(root + "/usr/local/bin");
    const std::string program = root + "/usr/local/bin/gyr";
    const int file = ::open(program.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    must(file >= 0, program);
    ::close(file);
    must(::mount(o.program.c_str(), program.c_str(), nullptr, MS_BIND, nullptr) == 0, "bind " + o.program);
}

void go_into(const std::string& root) {
    must(::chdir(root.c_str()) == 0, root);
    // The old root comes below the new one at the same place and is taken away.
    must(::syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
    must(::umount2(".", MNT_DETACH) == 0, "umount of the host's root");
    must(::chdir("/") == 0, "/");
}

void set_up(int socket, const char* name, const char* address) {
    ifreq request{};
    std::strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    if (address != nullptr) {
        auto* in = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
        in->sin_family = AF_INET;
        ::inet_pton(AF_INET, address, &in->sin_addr);
        must(::ioctl(socket, SIOCSIFADDR, &request) == 0, name);
    }
    request.ifr_flags = IFF_UP;
    must(::ioctl(socket, SIOCSIFFLAGS, &request) == 0, name);
}

// A loopback that also has an address of the internet, of those kept for documents, and that of cloud metadata: what is
// connected to them is refused at once.
void make_network() {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(socket >= 0, "socket");
    set_up(socket, "lo", nullptr);
    set_up(socket, "lo:1", "203.0.113.5");
    set_up(socket, "lo:2", "169.254.169.254");
    ::close(socket);
}

void leave_capabilities() {
    for (unsigned long capability = 0; capability < 64; ++capability)
        if ((kUsualCapabilities >> capability & 1U) == 0) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

} // namespace

void run_in_place(const PlaceOptions& o) {
    const std::string root = o.folder + "/root";
    make_files(o, root);
    make_network();
    go_into(root);
    if (o.where != Where::host && o.where != Where::capable) leave_capabilities();
    ::setsid(); // no terminal

    std::vector<char*> argv, environment;
    for (const std::string& word : o.argv) argv.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& word : o.environment) environment.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    environment.push_back(nullptr);
    ::execve("/usr/local/bin/gyr", argv.data(), environment.data());
    give_up("/usr/local/bin/gyr");
}

} // namespace gyr::simulate
