// The resolver against folders as the runtimes leave them and against sockets that behave badly.
#include "base/test_threads.h"
#include "containers/metadata.h"
#include "containers/resolver.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace gyr {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

const std::string kId = "38a9cc294a9a590dbed9d64928e1750fd0463a80963244957faf7c0f21a5b530";
const std::string kSandbox = "f3cdd61e5cd7e5a13fb04c43a495c28b5917ca24b523a79caa9f47b8d4b24713";
const std::string kImage = "6b6e6baa421fb4e8022d205492ffd4a9a7ee5fd4f269a42cc4fb2855e1e413bc";

// A unix socket that answers each connection with the given text, after reading the request.
class FakeRuntime {
  public:
    // answer: nullopt never answers; a connection is then held open.
    FakeRuntime(const std::string& path, std::function<std::optional<std::string>(const std::string&)> answer)
        : answer_(std::move(answer)) {
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        const void* raw = &address;
        if (::bind(listener_, static_cast<const sockaddr*>(raw), sizeof address) != 0 || ::listen(listener_, 16) != 0)
            std::abort();
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeRuntime() {
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        for (const int fd : held_) ::close(fd);
        ::close(listener_);
    }
    FakeRuntime(const FakeRuntime&) = delete;
    FakeRuntime& operator=(const FakeRuntime&) = delete;
    [[nodiscard]] int connections() const { return connections_; }

  private:
    void serve() {
        while (!stopping_) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) return;
            ++connections_;
            std::string request;
            std::array<char, 4096> buffer{};
            while (request.find("\r\n\r\n") == std::string::npos) {
                const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
                if (n <= 0) break;
                request.append(buffer.data(), static_cast<std::size_t>(n));
            }
            if (const auto text = answer_(request)) {
                for (std::size_t sent = 0; sent < text->size();) {
                    const ssize_t n = ::send(fd, text->data() + sent, text->size() - sent, MSG_NOSIGNAL);
                    if (n <= 0) break;
                    sent += static_cast<std::size_t>(n);
                }
                ::close(fd);
            } else {
                held_.push_back(fd);
            }
        }
    }
    std::function<std::optional<std::string>(const std::string&)> answer_;
    int listener_ = -1;
    std::vector<int> held_;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

std::string http(const std::string& body, int status = 200) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

class ResolverTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "gyr-resolver.XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        dir_ = pattern;
        options_.docker_roots = {dir_ + "/docker"};
        options_.containerd_states = {dir_ + "/containerd"};
        options_.podman_roots = {dir_ + "/storage"};
        options_.docker_sockets = {dir_ + "/docker.sock"};
        options_.podman_sockets = {dir_ + "/podman.sock"};
        options_.containerd_sockets = {dir_ + "/containerd.sock"};
        options_.cri_sockets = {dir_ + "/cri.sock"};
        options_.retry = {milliseconds{5}, milliseconds{5}, milliseconds{5}, milliseconds{20}};
    }
    void TearDown() override {
        resolver_.reset();
        fs::remove_all(dir_);
    }
    void start() {
        auto made = Resolver::create(options_);
        ASSERT_TRUE(made);
        resolver_ = std::move(*made);
    }
    void write(const std::string& path, const std::string& text) const {
        fs::create_directories(fs::path(dir_ + "/" + path).parent_path());
        // As the runtimes do it: complete when it appears.
        std::ofstream(dir_ + "/" + path + ".tmp") << text;
        fs::rename(dir_ + "/" + path + ".tmp", dir_ + "/" + path);
    }
    void write_docker(const std::string& name = "/web") const {
        write("docker/containers/" + kId + "/hostconfig.json",
              R"({"Privileged":true,"NetworkMode":"host","PidMode":"","IpcMode":"private"})");
        write(
            "docker/containers/" + kId + "/config.v2.json",
            R"({"ID":")" + kId + R"(","Created":"2026-11-24T04:23:43.5Z","Name":")" + name + R"(","Image":"sha256:)" +
                kImage +
                R"(","Config":{"Image":"shop:1.2","User":"app","Labels":{"tier":"front"},"Env":["A=b"]},)"
                R"("NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2"}}},)"
                R"("MountPoints":{"/data":{"Source":"/srv/data","Destination":"/data","RW":true,"Propagation":"rprivate","Relabel":"z"}}})");
    }
    // Answers until done says so; fails after two minutes.
    bool wait(const std::function<bool()>& done) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{120};
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            pollfd fd{resolver_->fd(), POLLIN, 0};
            ::poll(&fd, 1, 20);
            resolver_->drain([&](const ResolverAnswer& answer) { answers_[answer.key] = answer; });
        }
        return true;
    }
    bool wait_why(const std::string& id, Missing why) {
        return wait([&] { return answers_.contains(id) && answers_[id].why == why; });
    }
    void request(const std::string& id, ContainerType guess = ContainerType::docker, ResolverHints hints = {}) {
        EXPECT_TRUE(resolver_->request(id, guess, "/docker/" + id, std::move(hints)));
    }

    std::string dir_;
    ResolverOptions options_;
    std::unique_ptr<Resolver> resolver_;
    std::map<std::string, ResolverAnswer> answers_;
};

TEST_F(ResolverTest, ReadsDockersFolders) {
    write_docker();
    write("docker/image/overlay2/repositories.json", R"({"Repositories":{"other":{"other:9":"sha256:)" + kImage +
                                                         R"("},"shop":{"shop:1.2":"sha256:)" + kImage +
                                                         R"(","shop@sha256:aa":"sha256:)" + kImage + R"("}}})");
    write("docker/image/overlay2/layerdb/mounts/" + kId + "/mount-id", "abc");
    write("docker/overlay2/abc/lower", "l/AAAA:l/BBBB");
    fs::create_directories(dir_ + "/docker/overlay2/l");
    fs::create_symlink("../low1/diff", dir_ + "/docker/overlay2/l/AAAA");
    fs::create_symlink("../../../etc", dir_ + "/docker/overlay2/l/BBBB");
    options_.watch = false;
    start();
    request(kId);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    const ContainerInfo& info = *answers_[kId].info;
    EXPECT_EQ(info.name, "web");
    EXPECT_EQ(info.image, "shop:1.2");
    EXPECT_EQ(info.image_id, kImage);
    EXPECT_EQ(info.image_repository, "shop");
    EXPECT_EQ(info.image_tag, "1.2");
    EXPECT_EQ(info.image_digest, "sha256:aa");
    EXPECT_EQ(info.type, ContainerType::docker);
    EXPECT_EQ(info.privileged, true);
    EXPECT_EQ(info.host_network, true);
    EXPECT_EQ(info.host_pid, false);
    EXPECT_EQ(info.labels.at("tier"), "front");
    EXPECT_EQ(info.ip, "172.17.0.2");
    EXPECT_EQ(info.user, "app");
    EXPECT_EQ(info.created_time, 1795494223'500'000'000);
    ASSERT_EQ(info.mounts.size(), 1u);
    EXPECT_EQ(info.mounts[0].source, "/srv/data");
    EXPECT_EQ(info.mounts[0].mode, "z");
    EXPECT_TRUE(info.mounts[0].writable);
    EXPECT_EQ(info.source, "docker-disk");
    EXPECT_EQ(info.rootfs, dir_ + "/docker/overlay2/abc/merged");
    EXPECT_EQ(info.rootfs_layers,
              (std::vector<std::string>{dir_ + "/docker/overlay2/abc/diff", dir_ + "/docker/overlay2/low1/diff"}));
}

// What Docker 20.10 and 28 write: of a step of its builder, of `docker run` by the image's id, of Kubernetes by Docker.
TEST(DockerMetadata, KnowsTheStepsOfItsBuilder) {
    struct Made {
        const char *image, *health, *log, *restart;
        bool step;
    };
    const std::string by_id = "sha256:" + kImage;
    for (const Made& made :
         {Made{by_id.c_str(), R"(["NONE"])", "none", "", true}, Made{by_id.c_str(), "null", "json-file", "no", false},
          Made{by_id.c_str(), R"(["NONE"])", "json-file", "", false},
          Made{by_id.c_str(), R"(["NONE"])", "none", "no", false},
          Made{"shop:1.2", R"(["NONE"])", "none", "", false}}) {
        const std::string config =
            fmt::format(R"("Config":{{"Image":"{}","Healthcheck":{{"Test":{}}}}})", made.image, made.health);
        const std::string host = fmt::format(
            R"({{"LogConfig":{{"Type":"{}","Config":{{}}}},"RestartPolicy":{{"Name":"{}"}}}})", made.log, made.restart);
        ContainerInfo disk, asked;
        EXPECT_TRUE(parse_docker_config(fmt::format(R"({{"ID":"{}","Name":"/x",{}}})", kId, config), host, disk));
        EXPECT_EQ(disk.image_build, made.step) << config << host;
        EXPECT_TRUE(parse_docker_inspect(
            fmt::format(R"({{"Id":"{}","Name":"/x",{},"HostConfig":{}}})", kId, config, host), asked));
        EXPECT_EQ(asked.image_build, made.step) << config << host;
    }
}

TEST_F(ResolverTest, WatchedFoldersAreKnownBeforeAnybodyAsks) {
    fs::create_directories(dir_ + "/docker/containers");
    start();
    ASSERT_TRUE(wait([&] { return resolver_->stats().watched == 1; }));
    write_docker();
    ASSERT_TRUE(wait([&] { return resolver_->cached(kId) != nullptr && resolver_->cached(kId)->complete; }));
    EXPECT_EQ(resolver_->cached(kId)->name, "web");
    EXPECT_TRUE(answers_.empty()); // nobody asked
    request(kId);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    write_docker("/renamed");
    EXPECT_TRUE(wait([&] { return answers_[kId].info->name == "renamed"; }));
    fs::remove_all(dir_ + "/docker/containers/" + kId); // docker run --rm
    resolver_->forget(kId);
    EXPECT_EQ(resolver_->cached(kId)->name, "renamed"); // alerts may still be on their way
}

TEST_F(ResolverTest, AContainerThatAppearsLateIsFoundByARetry) {
    options_.watch = false;
    start();
    request(kId);
    ASSERT_TRUE(wait_why(kId, Missing::no_runtime));
    EXPECT_EQ(answers_[kId].info, nullptr);
    write_docker();
    EXPECT_TRUE(wait_why(kId, Missing::none));
}

TEST_F(ResolverTest, EndedContainersAreForgottenInTheEnd) {
    options_.keep_ended = milliseconds{10};
    options_.watch = false;
    write_docker();
    start();
    request(kId);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    resolver_->forget(kId);
    EXPECT_TRUE(wait([&] { return resolver_->stats().known == 0; }));
}

TEST_F(ResolverTest, ReadsACriBundleNamedByTheShim) {
    write(
        "elsewhere/io.containerd.runtime.v2.task/k8s.io/" + kId + "/config.json",
        R"({"ociVersion":"1.0.2","process":{"user":{"uid":7},"env":["X=y"]},"root":{"path":"rootfs"},)"
        R"("mounts":[{"destination":"/etc/hosts","type":"bind","source":"/k/hosts","options":["rbind","rprivate","ro"]}],)"
        R"("annotations":{"io.kubernetes.cri.container-name":"busybox","io.kubernetes.cri.container-type":"container",)"
        R"("io.kubernetes.cri.image-name":"docker.io/library/busybox:latest","io.kubernetes.cri.sandbox-id":")" +
            kSandbox +
            R"(","io.kubernetes.cri.sandbox-name":"my-pod","io.kubernetes.cri.sandbox-namespace":"default","io.kubernetes.cri.sandbox-uid":"u-1"},)"
            R"("linux":{"namespaces":[{"type":"pid"},{"type":"mount"}],"maskedPaths":["/proc/kcore"]}})");
    options_.watch = false;
    start();
    ResolverHints hints;
    hints.containerd_namespace = "k8s.io";
    hints.bundle = dir_ + "/elsewhere/io.containerd.runtime.v2.task/k8s.io/" + kSandbox; // the pod's shim
    request(kId, ContainerType::cri, hints);
    ASSERT_TRUE(wait_why(kId, Missing::none)); // no socket to ask for more
    const ContainerInfo& info = *answers_[kId].info;
    EXPECT_EQ(info.name, "busybox");
    EXPECT_EQ(info.image, "docker.io/library/busybox:latest");
    EXPECT_EQ(info.image_repository, "docker.io/library/busybox");
    EXPECT_EQ(info.image_tag, "latest");
    EXPECT_EQ(info.type, ContainerType::containerd);
    EXPECT_EQ(info.pod_name, "my-pod");
    EXPECT_EQ(info.pod_namespace, "default");
    EXPECT_EQ(info.pod_uid, "u-1");
    EXPECT_EQ(info.pod_sandbox_id, kSandbox);
    EXPECT_EQ(info.labels.at("io.kubernetes.pod.name"), "my-pod");
    EXPECT_EQ(info.host_network, true);
    EXPECT_EQ(info.host_pid, false);
    EXPECT_EQ(info.privileged, false);
    EXPECT_FALSE(info.mounts.at(0).writable);
    EXPECT_EQ(info.rootfs, dir_ + "/elsewhere/io.containerd.runtime.v2.task/k8s.io/" + kId + "/rootfs");
}

TEST_F(ResolverTest, ANameInTwoNamespacesOfContainerdIsTwoContainers) {
    for (const std::string name_space : {"blue", "red"}) {
        write("containerd/io.containerd.runtime.v2.task/" + name_space + "/web/config.json",
              R"({"ociVersion":"1.0.2","annotations":{"nerdctl/name":"in-)" + name_space + R"("}})");
    }
    start();
    for (const std::string name_space : {"blue", "red"}) {
        const std::string key = name_space + "/web";
        ResolverHints hints;
        hints.containerd_namespace = name_space;
        EXPECT_TRUE(resolver_->request(key, ContainerType::containerd, "/" + key, hints));
        ASSERT_TRUE(wait([&] { return answers_.contains(key) && answers_[key].info != nullptr; }));
        EXPECT_EQ(answers_[key].info->full_id, "web");
        EXPECT_EQ(answers_[key].info->name, "in-" + name_space);
    }
    resolver_->forget("blue/web");
    EXPECT_EQ(resolver_->cached("blue/web"), nullptr); // the name may be another's by now
    EXPECT_NE(resolver_->cached("red/web"), nullptr);
}

TEST_F(ResolverTest, ReadsPodmansStorage) {
    write(
        "storage/overlay-containers/containers.json",
        R"([{"id":")" + kSandbox + R"("},{"id":")" + kId + R"(","names":["p1"],"image":")" + kImage +
            R"(","metadata":"{\"image-name\":\"localhost/shop:2\",\"name\":\"p1\"}","created":"2026-11-24T04:24:41Z"}])");
    write("storage/overlay-images/images.json",
          R"([{"id":")" + kImage + R"(","digest":"sha256:dd","names":["localhost/shop:2"]}])");
    write("storage/overlay-containers/" + kId + "/userdata/config.json",
          R"({"ociVersion":"1.0.2","root":{"path":")" + dir_ +
              R"(/storage/overlay/L/merged"},"annotations":{"io.container.manager":"libpod",)"
              R"("io.podman.annotations.privileged":"TRUE"},"linux":{"namespaces":[{"type":"pid"}]}})");
    write("storage/overlay/L/lower", "");
    start();
    request(kId, ContainerType::podman);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    const ContainerInfo& info = *answers_[kId].info;
    EXPECT_EQ(info.name, "p1");
    EXPECT_EQ(info.image, "localhost/shop:2");
    EXPECT_EQ(info.image_digest, "sha256:dd");
    EXPECT_EQ(info.type, ContainerType::podman);
    EXPECT_EQ(info.privileged, true);
    EXPECT_EQ(info.rootfs_layers, (std::vector<std::string>{dir_ + "/storage/overlay/L/diff"}));
}

// A runtime that starts again is not there for a while: what only it tells is asked for later, and nobody believes
// until then that there is none.
TEST_F(ResolverTest, WhatARuntimeThatIsAwayWouldTellIsAskedForLater) {
    write("storage/overlay-containers/containers.json",
          R"([{"id":")" + kId + R"(","names":["p1"],"metadata":)" + R"("{\"image-name\":\"localhost/shop:2\"}"}])");
    {
        const FakeRuntime gone(options_.podman_sockets[0], [](const std::string&) { return std::nullopt; });
    }
    start();
    request(kId, ContainerType::podman);
    ASSERT_TRUE(wait_why(kId, Missing::no_runtime));
    EXPECT_EQ(answers_[kId].info->name, "p1");
    EXPECT_FALSE(answers_[kId].info->complete);
    fs::remove(options_.podman_sockets[0]);
    const FakeRuntime back(options_.podman_sockets[0], [](const std::string&) {
        return std::optional(http(R"({"Id":")" + kId +
                                  R"(","Name":"p1","ImageName":"localhost/shop:2","Config":{"Labels":{"a":"b"}}})"));
    });
    ASSERT_TRUE(wait_why(kId, Missing::none));
    EXPECT_EQ(answers_[kId].info->labels.at("a"), "b");
}

// CRI-O keeps its containers as Podman does, and tells of pods in annotations; conmon names the bundle.
TEST_F(ResolverTest, ReadsCriosStorage) {
    const std::string bundle = "crio/overlay-containers/" + kId + "/userdata";
    write(
        bundle + "/config.json",
        R"({"ociVersion":"1.1.0","root":{"path":")" + dir_ +
            R"(/crio/overlay/L/merged"},"linux":{"namespaces":[{"type":"pid"},{"type":"network"}]},"annotations":{)"
            R"("io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":"container",)"
            R"("io.kubernetes.cri-o.SandboxID":")" +
            kSandbox +
            R"(","io.kubernetes.cri-o.IP.0":"10.85.0.4",)"
            R"("io.kubernetes.cri-o.ImageName":"quay.io/shop/web:2.1","io.kubernetes.cri-o.Created":"2026-11-24T04:23:43Z",)"
            R"("io.kubernetes.cri-o.Metadata":"{\"name\":\"web\",\"attempt\":1}",)"
            R"("io.kubernetes.cri-o.Labels":"{\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\",)"
            R"(\"io.kubernetes.pod.uid\":\"u-7\",\"io.kubernetes.container.name\":\"web\"}"}})");
    write("crio/overlay-containers/containers.json",
          R"([{"id":")" + kId + R"(","names":["k8s_web_web-0_shop_u-7_1"],"image":")" + kImage + R"("}])");
    write("crio/overlay-images/images.json",
          R"([{"id":")" + kImage + R"(","digest":"sha256:dd","names":["other:1"]}])");
    write("crio/overlay/L/lower", "");
    start();
    ResolverHints hints;
    hints.bundle = dir_ + "/" + bundle;
    request(kId, ContainerType::crio, hints);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    const ContainerInfo& info = *answers_[kId].info;
    EXPECT_EQ(info.type, ContainerType::crio);
    EXPECT_EQ(info.name, "web");
    EXPECT_EQ(info.image, "quay.io/shop/web:2.1");
    EXPECT_EQ(info.image_repository, "quay.io/shop/web");
    EXPECT_EQ(info.image_tag, "2.1");
    EXPECT_EQ(info.pod_name, "web-0");
    EXPECT_EQ(info.pod_namespace, "shop");
    EXPECT_EQ(info.pod_uid, "u-7");
    EXPECT_EQ(info.pod_sandbox_id, kSandbox);
    EXPECT_EQ(info.ip, "10.85.0.4");
    EXPECT_EQ(info.host_network, false);
    EXPECT_EQ(info.host_ipc, true);
    EXPECT_EQ(info.created_time, 1795494223'000'000'000);
    EXPECT_EQ(info.rootfs_layers, (std::vector<std::string>{dir_ + "/crio/overlay/L/diff"}));
}

TEST_F(ResolverTest, AsksDockersSocketWhereTheDiskDoesNotTell) {
    const FakeRuntime docker(options_.docker_sockets[0], [](const std::string& request) -> std::optional<std::string> {
        if (request.starts_with("GET /containers/" + kId + "/json")) {
            return http(
                R"({"Id":")" + kId + R"(","Name":"/api","Image":"sha256:)" + kImage +
                R"(","Config":{"Image":"shop:1","Labels":{"a":"b"}},"HostConfig":{"Privileged":false},"Mounts":[]})");
        }
        return http(R"({"RepoTags":["shop:1"],"RepoDigests":["shop@sha256:ee"]})");
    });
    start();
    request(kId);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    EXPECT_EQ(answers_[kId].info->name, "api");
    EXPECT_EQ(answers_[kId].info->image_digest, "sha256:ee");
    EXPECT_EQ(answers_[kId].info->source, "docker-api");
    EXPECT_EQ(answers_[kId].info->privileged, false);
}

TEST_F(ResolverTest, AsksAgainForWhatWasNotAnsweredInTime) {
    options_.call_timeout = milliseconds{300};
    std::atomic<int> images{0};
    const FakeRuntime docker(options_.docker_sockets[0], [&](const std::string& request) -> std::optional<std::string> {
        if (request.starts_with("GET /containers/"))
            return http(R"({"Id":")" + kId + R"(","Name":"/api","Image":"sha256:)" + kImage +
                        R"(","Config":{"Image":"shop:1"}})");
        if (++images == 1) return std::nullopt;
        return http(R"({"RepoDigests":["shop@sha256:ee"]})");
    });
    start();
    request(kId);
    ASSERT_TRUE(wait_why(kId, Missing::runtime_timeout));
    EXPECT_EQ(answers_[kId].info->name, "api");
    ASSERT_TRUE(wait_why(kId, Missing::none));
    EXPECT_EQ(answers_[kId].info->image_digest, "sha256:ee");
}

TEST_F(ResolverTest, AHangingSocketHoldsUpNeitherCallerNorOtherSockets) {
    options_.call_timeout = milliseconds{300};
    const FakeRuntime hanging(options_.docker_sockets[0], [](const std::string&) { return std::nullopt; });
    const FakeRuntime podman(options_.podman_sockets[0], [](const std::string&) {
        return std::optional(http(R"({"Id":")" + kId + R"(","Name":"p","ImageName":"localhost/x:1","Config":{}})"));
    });
    start();
    request(kId, ContainerType::unknown);
    request(kSandbox, ContainerType::docker);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    EXPECT_EQ(answers_[kId].info->type, ContainerType::podman);
    EXPECT_TRUE(wait_why(kSandbox, Missing::runtime_timeout));
    EXPECT_GE(resolver_->stats().timeouts, 1u);
}

// Below a host root, where the users' sockets are looked for too.
class ResolverOfUsersTest : public ResolverTest {
  protected:
    void SetUp() override {
        ResolverTest::SetUp();
        options_.host_root = dir_;
        options_.docker_roots = {"/docker"};
        options_.containerd_states = {"/containerd"};
        options_.podman_roots = {"/storage"};
        options_.docker_sockets = {"/docker.sock"};
        options_.podman_sockets = {};
        options_.containerd_sockets = {};
        options_.cri_sockets = {};
    }
    [[nodiscard]] std::string socket_of(int uid) const {
        const std::string folder = dir_ + "/run/user/" + std::to_string(uid) + "/podman";
        fs::create_directories(folder);
        return folder + "/podman.sock";
    }
};

TEST_F(ResolverOfUsersTest, AUsersPodmanIsAskedAboutThatUsersContainersOnly) {
    const std::string answer = R"({"Id":")" + kId + R"(","Name":"trusted","ImageName":"trusted:1"})";
    FakeRuntime users(socket_of(1000), [&](const std::string&) { return http(answer); });
    start();
    // A pod's, and one of another user.
    const std::string pods = kSandbox;
    EXPECT_TRUE(resolver_->request(pods, ContainerType::cri, "/kubepods/pod1/" + pods, {}));
    EXPECT_TRUE(wait_why(pods, Missing::no_runtime));
    const std::string others(64, 'a');
    EXPECT_TRUE(resolver_->request(others, ContainerType::podman,
                                   "/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-" + others, {}));
    EXPECT_TRUE(wait_why(others, Missing::no_runtime));
    EXPECT_EQ(users.connections(), 0);
    EXPECT_TRUE(resolver_->request(kId, ContainerType::podman,
                                   "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId, {}));
    EXPECT_TRUE(wait_why(kId, Missing::none));
    EXPECT_EQ(answers_[kId].info->name, "trusted");
}

TEST_F(ResolverOfUsersTest, ManySocketsOfUsersTakeNoRuntimesPlace) {
    for (int uid = 1000; uid < 1050; ++uid) { // nobody listens
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket_of(uid).copy(address.sun_path, sizeof address.sun_path - 1);
        const void* raw = &address;
        ASSERT_EQ(::bind(fd, static_cast<const sockaddr*>(raw), sizeof address), 0);
        ::close(fd);
    }
    start();
    const std::string anybodys(64, 'a');
    EXPECT_TRUE(resolver_->request(anybodys, ContainerType::podman, "/machine.slice/libpod-" + anybodys, {}));
    EXPECT_TRUE(wait_why(anybodys, Missing::no_runtime));
    FakeRuntime docker(dir_ + "/docker.sock", [](const std::string& request) {
        return request.find("/containers/") != std::string::npos
                   ? http(R"({"Id":")" + kId + R"(","Name":"/web","Config":{"Image":"shop:1.2"}})")
                   : http("{}", 404);
    });
    request(kId);
    EXPECT_TRUE(wait_why(kId, Missing::none));
    EXPECT_EQ(answers_[kId].info->name, "web");
}

// The first question is still on its way when the container has been forgotten and is asked for again: its answer is
// not one to the second.
TEST_F(ResolverTest, AnswersToWhatWasForgottenCountForNothing) {
    std::promise<void> gate;
    std::atomic<int> asked{0};
    const FakeRuntime docker(options_.docker_sockets[0],
                             [&, open = gate.get_future().share()](const std::string&) -> std::optional<std::string> {
                                 if (++asked == 1) open.wait();
                                 if (asked < 4) return http("{}", 404);
                                 return http(R"({"Id":")" + kId + R"(","Name":"/api","Config":{"Image":"shop:1"}})");
                             });
    const FakeRuntime podman(options_.podman_sockets[0],
                             [](const std::string&) { return std::optional(http("{}", 404)); });
    options_.max_containers = 1;
    options_.retry = {milliseconds{300}};
    start();
    request(kId, ContainerType::unknown);
    ASSERT_TRUE(wait([&] { return asked == 1 && podman.connections() == 1; }));
    resolver_->forget(kId);
    request(kSandbox, ContainerType::unknown);
    ASSERT_TRUE(wait([&] { return podman.connections() == 2; }));
    resolver_->forget(kSandbox);
    request(kId, ContainerType::unknown);
    ASSERT_TRUE(wait([&] { return podman.connections() == 3; })); // so the same waits at Docker's socket
    gate.set_value();
    EXPECT_TRUE(wait_why(kId, Missing::none));
}

// A flood of processes has used up all that there may be; the agent goes on, and asks when it has passed.
TEST_F(ResolverTest, NoThreadForASocketIsNoEnd) {
    const FakeRuntime docker(options_.docker_sockets[0], [](const std::string&) {
        return std::optional(http(R"({"Id":")" + kId + R"(","Name":"/api","Config":{"Image":"shop:1"}})"));
    });
    start();
    {
        const NoThreadsLeft none;
        request(kId);
        ASSERT_TRUE(wait_why(kId, Missing::runtime_timeout));
    }
    EXPECT_TRUE(wait_why(kId, Missing::none));
}

TEST_F(ResolverTest, EndsWhileASocketHangs) {
    options_.call_timeout = std::chrono::hours{1}; // the test's time limit tells if the destructor waits for it
    auto docker =
        std::make_unique<FakeRuntime>(options_.docker_sockets[0], [](const std::string&) { return std::nullopt; });
    start();
    request(kId);
    ASSERT_TRUE(wait([&] { return docker->connections() > 0; }));
    resolver_.reset();
}

TEST_F(ResolverTest, ReadsStorageWithoutOverlays) {
    write("storage/vfs-containers/containers.json",
          R"([{"id":")" + kId + R"(","names":["r1"],"image":")" + kImage +
              R"(","metadata":"{\"image-name\":\"localhost/shop:2\",\"name\":\"r1\"}"}])");
    write("storage/vfs-images/images.json",
          R"([{"id":")" + kImage + R"(","digest":"sha256:dd","names":["localhost/shop:2"]}])");
    start();
    request(kId, ContainerType::podman);
    ASSERT_TRUE(wait_why(kId, Missing::none));
    EXPECT_EQ(answers_[kId].info->name, "r1");
    EXPECT_EQ(answers_[kId].info->image_digest, "sha256:dd");
}

class LyingRuntime : public ResolverTest, public testing::WithParamInterface<std::string> {};

TEST_P(LyingRuntime, TellsNothingAndHarmsNothing) {
    const FakeRuntime docker(options_.docker_sockets[0], [](const std::string&) { return std::optional(GetParam()); });
    start();
    request(kId);
    ASSERT_TRUE(wait_why(kId, Missing::no_runtime));
    EXPECT_EQ(answers_[kId].info, nullptr);
    EXPECT_GE(docker.connections(), 1);
}

std::string deep() {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += R"({"a":[)";
    return text;
}
INSTANTIATE_TEST_SUITE_P(Answers, LyingRuntime,
                         testing::Values("", "SSH-2.0-OpenSSH_9\r\n", http(""), http("[]"), http("null"),
                                         http("{\"Id\":3}"), http(R"({"Id":")" + kSandbox + R"(","Name":"/another"})"),
                                         http(deep()), http(std::string(5U << 20, 'x')), http("{}", 500),
                                         http("{}", 404), http("{}", 301),
                                         "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"Id\""));

TEST_F(ResolverTest, HostileFilesOnDiskTellNothing) {
    write("docker/containers/" + kId + "/config.v2.json", deep());
    write("docker/containers/" + kId + "/hostconfig.json", "{");
    write("storage/overlay-containers/containers.json", R"([{"id":{}},7,null,{"id":")" + kId);
    fs::create_directories(dir_ + "/containerd/io.containerd.runtime.v2.task/ns/" + kId);
    ASSERT_EQ(::mkfifo((dir_ + "/containerd/io.containerd.runtime.v2.task/ns/" + kId + "/config.json").c_str(), 0600),
              0);
    start();
    request(kId);
    EXPECT_TRUE(wait_why(kId, Missing::no_runtime));
}

TEST_F(ResolverTest, IdsThatAreNoFileNamesAreNeverUsedAsSuch) {
    write("docker/secret/config.v2.json", R"({"ID":"../secret","Name":"/x","Config":{"Image":"y"}})");
    start();
    request("../secret", ContainerType::containerd);
    EXPECT_TRUE(wait_why("../secret", Missing::no_runtime));
    EXPECT_EQ(answers_["../secret"].info, nullptr);
}

TEST_F(ResolverTest, RefusesBeyondItsBoundAndSaysSo) {
    options_.max_containers = 2;
    options_.watch = false;
    start();
    request(kId);
    request(kSandbox);
    EXPECT_FALSE(resolver_->request(kImage, ContainerType::docker, "/docker/" + kImage, {}));
    EXPECT_EQ(resolver_->stats().refused, 1u);
    resolver_->forget(kId);
    EXPECT_TRUE(resolver_->request(kImage, ContainerType::docker, "/docker/" + kImage, {}));
}

} // namespace
} // namespace gyr
