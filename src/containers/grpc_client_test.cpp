// containerd and CRI as real gRPC servers that tell what the test gives them, and as sockets that are none.
#include "containers/runtime_client.h"

#include "containers/proto/containerd.grpc.pb.h"
#include "containers/proto/containerd_images.grpc.pb.h"
#include "containers/proto/containerd_namespaces.grpc.pb.h"
#include "containers/proto/cri.grpc.pb.h"
#include "containers/proto/cri_v1alpha2.grpc.pb.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace gyr {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
const std::string kId = "891abfac2f2bd21e6c8cf4ec766683e22f117a3fd23899f121840ff1346d9b5f";
const std::string kSandbox = "f3cdd61e5cd7e5a13fb04c43a495c28b5917ca24b523a79caa9f47b8d4b24713";
constexpr std::size_t kMaxBytes = 1U << 20;

std::string namespace_of(const grpc::ServerContext& context) {
    const auto found = context.client_metadata().find("containerd-namespace");
    return found == context.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
}

struct FakeContainers final : containerd::services::containers::v1::Containers::Service {
    std::string answer_id;
    grpc::Status Get(grpc::ServerContext* context,
                     const containerd::services::containers::v1::GetContainerRequest* request,
                     containerd::services::containers::v1::GetContainerResponse* answer) override {
        if (namespace_of(*context) != "shop" || request->id() != "k1")
            return {grpc::StatusCode::NOT_FOUND, "no such container"};
        auto* container = answer->mutable_container();
        container->set_id(answer_id.empty() ? request->id() : answer_id);
        container->set_image("docker.io/library/shop:1.2");
        (*container->mutable_labels())["team"] = "blue";
        container->mutable_created_at()->set_seconds(1'700'000'000);
        container->mutable_spec()->set_value(
            R"({"ociVersion":"1.0.2","root":{"path":"rootfs"},"linux":{"namespaces":[{"type":"pid"},{"type":"network"}]}})");
        return grpc::Status::OK;
    }
};
struct FakeImages final : containerd::services::images::v1::Images::Service {
    grpc::Status Get(grpc::ServerContext*, const containerd::services::images::v1::GetImageRequest* request,
                     containerd::services::images::v1::GetImageResponse* answer) override {
        answer->mutable_image()->set_name(request->name());
        answer->mutable_image()->mutable_target()->set_digest("sha256:dd");
        return grpc::Status::OK;
    }
};
struct FakeNamespaces final : containerd::services::namespaces::v1::Namespaces::Service {
    grpc::Status List(grpc::ServerContext*, const containerd::services::namespaces::v1::ListNamespacesRequest*,
                      containerd::services::namespaces::v1::ListNamespacesResponse* answer) override {
        answer->add_namespaces()->set_name("default");
        answer->add_namespaces()->set_name("shop");
        return grpc::Status::OK;
    }
};
// Under either name of the interface.
template <class Service>
struct FakeCriOf final : Service {
    std::string runtime_name = "containerd";
    bool pods_answer = true;
    grpc::Status Version(grpc::ServerContext*, const runtime::v1::VersionRequest*,
                         runtime::v1::VersionResponse* answer) override {
        answer->set_runtime_name(runtime_name);
        return grpc::Status::OK;
    }
    grpc::Status ContainerStatus(grpc::ServerContext*, const runtime::v1::ContainerStatusRequest* request,
                                 runtime::v1::ContainerStatusResponse* answer) override {
        if (request->container_id() != kId) return {grpc::StatusCode::NOT_FOUND, "not found"};
        auto* status = answer->mutable_status();
        status->set_id(kId);
        status->mutable_metadata()->set_name("web");
        status->mutable_image()->set_image("registry.example/shop:2");
        status->set_image_ref("registry.example/shop@sha256:ab");
        status->set_created_at(1'700'000'000'000'000'007);
        (*status->mutable_labels())["io.kubernetes.container.name"] = "web";
        auto* mount = status->add_mounts();
        mount->set_container_path("/data");
        mount->set_host_path("/srv");
        mount->set_readonly(true);
        mount->set_propagation(2);
        (*answer->mutable_info())["info"] =
            R"({"sandboxID":")" + kSandbox + R"(","config":{"linux":{"security_context":{"privileged":true}}}})";
        return grpc::Status::OK;
    }
    grpc::Status PodSandboxStatus(grpc::ServerContext*, const runtime::v1::PodSandboxStatusRequest* request,
                                  runtime::v1::PodSandboxStatusResponse* answer) override {
        if (!pods_answer) return {grpc::StatusCode::DEADLINE_EXCEEDED, "context deadline exceeded"};
        if (request->pod_sandbox_id() != kSandbox) return {grpc::StatusCode::NOT_FOUND, "not found"};
        auto* pod = answer->mutable_status();
        pod->set_id(kSandbox);
        pod->mutable_metadata()->set_name("my-pod");
        pod->mutable_metadata()->set_namespace_("default");
        pod->mutable_metadata()->set_uid("u-1");
        pod->mutable_network()->set_ip("10.1.2.3");
        pod->mutable_linux()->mutable_namespaces()->mutable_options()->set_network(2);
        (*pod->mutable_labels())["app"] = "shop";
        return grpc::Status::OK;
    }
};

using FakeCri = FakeCriOf<runtime::v1::RuntimeService::Service>;
using FakeOldCri = FakeCriOf<runtime::v1alpha2::RuntimeService::Service>;

class GrpcClientTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "gyr-grpc.XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        dir_ = pattern;
        socket_ = dir_ + "/sock";
        grpc::ServerBuilder builder;
        builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
        builder.RegisterService(&containers_);
        builder.RegisterService(&images_);
        builder.RegisterService(&namespaces_);
        builder.RegisterService(&cri_);
        server_ = builder.BuildAndStart();
        ASSERT_NE(server_, nullptr);
    }
    void TearDown() override {
        server_->Shutdown(std::chrono::system_clock::now());
        fs::remove_all(dir_);
    }
    CallStatus ask(RuntimeKind kind, const std::string& id, const ResolverHints& hints = {}) {
        info_ = {};
        info_.full_id = id;
        return make_grpc_client(kind, socket_, milliseconds{120'000}, kMaxBytes)->ask(hints, info_);
    }

    std::string dir_, socket_;
    FakeContainers containers_;
    FakeImages images_;
    FakeNamespaces namespaces_;
    FakeCri cri_;
    std::unique_ptr<grpc::Server> server_;
    ContainerInfo info_;
};

TEST_F(GrpcClientTest, ContainerdTellsTheImageOfAPlainContainer) {
    ResolverHints hints;
    hints.containerd_namespace = "shop";
    ASSERT_EQ(ask(RuntimeKind::containerd, "k1", hints), CallStatus::found);
    EXPECT_EQ(info_.name, "k1");
    EXPECT_EQ(info_.image, "docker.io/library/shop:1.2");
    EXPECT_EQ(info_.image_tag, "1.2");
    EXPECT_EQ(info_.image_digest, "sha256:dd");
    EXPECT_EQ(info_.type, ContainerType::containerd);
    EXPECT_EQ(info_.labels.at("team"), "blue");
    EXPECT_EQ(info_.created_time, 1'700'000'000'000'000'000);
    EXPECT_EQ(info_.host_network, false);
    EXPECT_EQ(info_.host_ipc, true);
    EXPECT_TRUE(info_.rootfs.empty()); // relative to a bundle that this API does not tell
    EXPECT_TRUE(info_.complete);
}

TEST_F(GrpcClientTest, ContainerdsNamespacesAreSearchedWhenUnknown) {
    EXPECT_EQ(ask(RuntimeKind::containerd, "k1"), CallStatus::found);
    EXPECT_EQ(ask(RuntimeKind::containerd, "k2"), CallStatus::unknown_id);
}

TEST_F(GrpcClientTest, AnAnswerAboutAnotherContainerIsNone) {
    containers_.answer_id = "k9";
    EXPECT_EQ(ask(RuntimeKind::containerd, "k1"), CallStatus::unreadable);
}

TEST_F(GrpcClientTest, CriTellsContainerAndPod) {
    ASSERT_EQ(ask(RuntimeKind::cri, kId), CallStatus::found);
    EXPECT_EQ(info_.name, "web");
    EXPECT_EQ(info_.image, "registry.example/shop:2");
    EXPECT_EQ(info_.image_repository, "registry.example/shop");
    EXPECT_EQ(info_.image_digest, "sha256:ab");
    EXPECT_EQ(info_.privileged, true);
    EXPECT_EQ(info_.pod_name, "my-pod");
    EXPECT_EQ(info_.pod_namespace, "default");
    EXPECT_EQ(info_.pod_uid, "u-1");
    EXPECT_EQ(info_.pod_sandbox_id, kSandbox);
    EXPECT_EQ(info_.pod_labels.at("app"), "shop");
    EXPECT_EQ(info_.pod_ip, "10.1.2.3");
    EXPECT_EQ(info_.host_network, true);
    EXPECT_EQ(info_.host_pid, false);
    EXPECT_EQ(info_.labels.at("io.kubernetes.pod.name"), "my-pod");
    EXPECT_EQ(info_.mounts.at(0).propagation, "rshared");
    EXPECT_FALSE(info_.mounts.at(0).writable);
    EXPECT_EQ(info_.created_time, 1'700'000'000'000'000'007);
    EXPECT_EQ(info_.type, ContainerType::containerd);
    EXPECT_TRUE(info_.complete);
}

// A busy runtime tells of the container and not, in time, of its pod, which is then asked for again.
TEST_F(GrpcClientTest, AContainerWithoutItsPodIsAPart) {
    cri_.pods_answer = false;
    ASSERT_EQ(ask(RuntimeKind::cri, kId), CallStatus::found_part);
    EXPECT_EQ(info_.name, "web");
    EXPECT_EQ(info_.pod_sandbox_id, kSandbox);
    EXPECT_FALSE(info_.complete);
    EXPECT_EQ(ask(RuntimeKind::cri, kSandbox), CallStatus::timeout);
}

TEST_F(GrpcClientTest, CriSandboxesAreContainersToo) {
    cri_.runtime_name = "cri-o";
    ASSERT_EQ(ask(RuntimeKind::cri, kSandbox), CallStatus::found);
    EXPECT_TRUE(info_.is_pod_sandbox);
    EXPECT_EQ(info_.name, "my-pod");
    EXPECT_EQ(info_.type, ContainerType::crio);
    EXPECT_EQ(ask(RuntimeKind::cri, std::string(64, 'a')), CallStatus::unknown_id);
}

TEST_F(GrpcClientTest, CriOfOldTellsTheSame) {
    server_->Shutdown();
    FakeOldCri old;
    old.runtime_name = "cri-o";
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&old);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    ASSERT_EQ(ask(RuntimeKind::cri, kId), CallStatus::found);
    EXPECT_EQ(info_.name, "web");
    EXPECT_EQ(info_.pod_labels.at("app"), "shop");
    EXPECT_EQ(info_.type, ContainerType::crio);
    EXPECT_TRUE(info_.complete);
    EXPECT_EQ(ask(RuntimeKind::cri, std::string(64, 'a')), CallStatus::unknown_id);
}

// A runtime that is another one after its restart is asked in its own words.
TEST_F(GrpcClientTest, ARestartMayBringAnotherName) {
    const auto client = make_grpc_client(RuntimeKind::cri, socket_, milliseconds{120'000}, kMaxBytes);
    info_.full_id = kId;
    ASSERT_EQ(client->ask({}, info_), CallStatus::found);
    server_->Shutdown();
    FakeOldCri old;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&old);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    CallStatus status = CallStatus::absent;
    for (int i = 0; i < 100 && status != CallStatus::found; ++i) { // it connects anew, then learns the name
        info_ = {};
        info_.full_id = kId;
        status = client->ask({}, info_);
    }
    EXPECT_EQ(status, CallStatus::found);
}

TEST(GrpcSocket, NobodyThereIsAbsentAndSilenceIsATimeout) {
    ContainerInfo info;
    info.full_id = kId;
    EXPECT_EQ(make_grpc_client(RuntimeKind::cri, "/nonexistent/sock", milliseconds{5'000}, kMaxBytes)->ask({}, info),
              CallStatus::absent);

    std::string pattern = (fs::temp_directory_path() / "gyr-grpc.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    const std::string path = pattern + "/sock";
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const void* raw = &address;
    ASSERT_EQ(::bind(listener, static_cast<const sockaddr*>(raw), sizeof address), 0);
    ASSERT_EQ(::listen(listener, 8), 0);
    EXPECT_EQ(make_grpc_client(RuntimeKind::containerd, path, milliseconds{100}, kMaxBytes)->ask({}, info),
              CallStatus::timeout);

    // Ended from outside, long before its time: the test's own time limit tells.
    const auto client = make_grpc_client(RuntimeKind::containerd, path, std::chrono::hours{1}, kMaxBytes);
    std::thread asking([&] { EXPECT_EQ(client->ask({}, info), CallStatus::absent); });
    client->cancel();
    asking.join();
    ::close(listener);
    fs::remove_all(pattern);
}

} // namespace
} // namespace gyr
