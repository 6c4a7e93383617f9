// containerd's own API and CRI, both gRPC over a unix socket.
#include "containers/metadata.h"
#include "containers/runtime_client.h"

#include "containers/proto/containerd.grpc.pb.h"
#include "containers/proto/containerd_images.grpc.pb.h"
#include "containers/proto/containerd_namespaces.grpc.pb.h"
#include "containers/proto/cri.grpc.pb.h"
#include "containers/proto/cri_v1alpha2.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <mutex>

namespace gyr {
namespace {

namespace containers_api = containerd::services::containers::v1;
namespace images_api = containerd::services::images::v1;
namespace namespaces_api = containerd::services::namespaces::v1;
namespace cri_api = runtime::v1;
namespace old_cri_api = runtime::v1alpha2;

constexpr int kMaxNamespaces = 64;
constexpr std::string_view kCriNamespace = "k8s.io";

CallStatus status_of(const grpc::Status& status) {
    switch (status.error_code()) {
    case grpc::StatusCode::OK: return CallStatus::found;
    case grpc::StatusCode::NOT_FOUND: return CallStatus::unknown_id;
    case grpc::StatusCode::DEADLINE_EXCEEDED: return CallStatus::timeout;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED: return CallStatus::denied;
    case grpc::StatusCode::UNAVAILABLE:
        return status.error_message().find("Permission denied") != std::string::npos ? CallStatus::denied
                                                                                     : CallStatus::absent;
    case grpc::StatusCode::CANCELLED: return CallStatus::absent;
    default: return CallStatus::unreadable;
    }
}

template <class Map>
std::map<std::string, std::string, std::less<>> to_labels(const Map& map) {
    std::map<std::string, std::string, std::less<>> labels;
    for (const auto& [key, value] : map) labels.emplace(key, value);
    return labels;
}

std::string digest_hex(const std::string& text) {
    const std::size_t at = text.rfind("sha256:");
    return at == std::string::npos ? std::string{} : text.substr(at + 7);
}

class GrpcClient final : public RuntimeClient {
  public:
    GrpcClient(RuntimeKind kind, const std::string& socket, std::chrono::milliseconds timeout, std::size_t max_bytes)
        : kind_(kind), timeout_(timeout) {
        grpc::ChannelArguments arguments;
        arguments.SetMaxReceiveMessageSize(static_cast<int>(max_bytes));
        arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
        // A runtime that restarts is tried again at our own pace, not gRPC's (up to two minutes).
        arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
        arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
        // Despite its name the bound of one attempt to connect: beyond the deadline, so that silence is told as such.
        constexpr std::int64_t kMaxMs = 3'600'000;
        arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(std::min(timeout.count() + 1000, kMaxMs)));
        // Sockets of the same path in another run must not share a broken connection.
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        channel_ = grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
    }

    CallStatus ask(const ResolverHints& hints, ContainerInfo& info) override {
        deadline_ = std::chrono::system_clock::now() + timeout_;
        return kind_ == RuntimeKind::cri ? ask_cri(info) : ask_containerd(hints, info);
    }

    void cancel() override {
        const std::scoped_lock lock(mutex_);
        cancelled_ = true;
        if (context_ != nullptr) context_->TryCancel();
    }

  private:
    // One call with this client's deadline, cancellable.
    template <class Call>
    grpc::Status run(const std::string& containerd_namespace, Call call) {
        grpc::ClientContext context;
        context.set_deadline(deadline_);
        if (!containerd_namespace.empty()) context.AddMetadata("containerd-namespace", containerd_namespace);
        {
            const std::scoped_lock lock(mutex_);
            if (cancelled_) return {grpc::StatusCode::CANCELLED, ""};
            context_ = &context;
        }
        const grpc::Status status = call(context);
        const std::scoped_lock lock(mutex_);
        context_ = nullptr;
        return status;
    }

    CallStatus ask_containerd(const ResolverHints& hints, ContainerInfo& info) {
        if (!hints.containerd_namespace.empty()) return ask_namespace(hints.containerd_namespace, info);
        auto stub = namespaces_api::Namespaces::NewStub(channel_);
        namespaces_api::ListNamespacesResponse list;
        const grpc::Status status = run("", [&](grpc::ClientContext& context) {
            return stub->List(&context, namespaces_api::ListNamespacesRequest{}, &list);
        });
        if (!status.ok()) return status_of(status);
        int asked = 0;
        for (const auto& name_space : list.namespaces()) {
            if (++asked > kMaxNamespaces) break;
            const CallStatus answer = ask_namespace(name_space.name(), info);
            if (answer != CallStatus::unknown_id) return answer;
        }
        return CallStatus::unknown_id;
    }

    CallStatus ask_namespace(const std::string& name_space, ContainerInfo& info) {
        auto stub = containers_api::Containers::NewStub(channel_);
        containers_api::GetContainerRequest request;
        request.set_id(info.full_id);
        containers_api::GetContainerResponse answer;
        const grpc::Status status =
            run(name_space, [&](grpc::ClientContext& context) { return stub->Get(&context, request, &answer); });
        if (!status.ok()) return status_of(status);
        const auto& container = answer.container();
        if (container.id() != info.full_id) return CallStatus::unreadable;
        if (const std::string& spec = container.spec().value(); !spec.empty()) {
            OciBundle ignored;
            parse_oci_config(spec, "", info, ignored);
            if (!info.rootfs.starts_with('/') || info.rootfs == "/rootfs")
                info.rootfs.clear(); // relative to a bundle unknown here
        }
        if (name_space == "moby")
            info.type = ContainerType::docker;
        else if (info.type == ContainerType::unknown)
            info.type = ContainerType::containerd;
        auto labels = to_labels(container.labels());
        for (auto& [key, value] : labels) info.labels.insert_or_assign(key, value);
        if (!container.image().empty()) info.image = container.image();
        if (info.name.empty()) {
            const auto named = info.labels.find("nerdctl/name");
            info.name = named != info.labels.end() ? named->second : std::string(short_id(info.full_id));
        }
        constexpr std::int64_t kMaxSeconds = 9'000'000'000; // the year 2255
        if (const auto& made = container.created_at(); made.seconds() > 0 && made.seconds() < kMaxSeconds)
            info.created_time = made.seconds() * 1'000'000'000 + made.nanos();
        if (!info.image.empty()) take_image_digest(name_space, info);
        split_image_name(info);
        apply_kubernetes_labels(info);
        info.source = "containerd-api";
        // What a pod is labelled with only CRI tells; Docker's containers are known to Docker.
        info.complete = name_space != kCriNamespace && name_space != "moby";
        return CallStatus::found;
    }

    void take_image_digest(const std::string& name_space, ContainerInfo& info) {
        auto stub = images_api::Images::NewStub(channel_);
        images_api::GetImageRequest request;
        request.set_name(info.image);
        images_api::GetImageResponse answer;
        const grpc::Status status =
            run(name_space, [&](grpc::ClientContext& context) { return stub->Get(&context, request, &answer); });
        if (status.ok() && !answer.image().target().digest().empty())
            info.image_digest = answer.image().target().digest();
    }

    static std::string_view short_id(const std::string& id) {
        return id.size() == 64 ? std::string_view(id).substr(0, 12) : id;
    }

    // Which runtime it is, and under which of its two names it serves the interface.
    grpc::Status open_cri() {
        cri_ = cri_api::RuntimeService::NewStub(channel_);
        old_cri_ = nullptr;
        cri_api::VersionResponse version;
        const cri_api::VersionRequest request;
        grpc::Status status =
            run("", [&](grpc::ClientContext& context) { return cri_->Version(&context, request, &version); });
        if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
            old_cri_ = old_cri_api::RuntimeService::NewStub(channel_);
            status =
                run("", [&](grpc::ClientContext& context) { return old_cri_->Version(&context, request, &version); });
        }
        if (status.ok()) runtime_name_ = version.runtime_name();
        return status;
    }

    CallStatus ask_cri(ContainerInfo& info) {
        if (runtime_name_.empty()) {
            if (const grpc::Status status = open_cri(); !status.ok()) return status_of(status);
        }
        cri_api::ContainerStatusRequest request;
        request.set_container_id(info.full_id);
        request.set_verbose(true);
        cri_api::ContainerStatusResponse answer;
        const grpc::Status status = run("", [&](grpc::ClientContext& context) {
            return old_cri_ ? old_cri_->ContainerStatus(&context, request, &answer)
                            : cri_->ContainerStatus(&context, request, &answer);
        });
        // A runtime of another age may be there after a restart.
        if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) runtime_name_.clear();
        if (status.ok() && answer.status().id() == info.full_id) {
            take_container(answer, info);
        } else if (status_of(status) == CallStatus::unknown_id || status.ok()) {
            info.pod_sandbox_id = info.full_id; // a sandbox is no container to CRI
            info.is_pod_sandbox = true;
        } else {
            return status_of(status);
        }
        const CallStatus sandbox = ask_sandbox(info);
        if (info.is_pod_sandbox && sandbox != CallStatus::found) return sandbox;
        info.type = runtime_name_ == "containerd" ? ContainerType::containerd
                    : runtime_name_ == "cri-o"    ? ContainerType::crio
                    : runtime_name_ == "docker"   ? ContainerType::docker
                                                  : ContainerType::cri;
        if (!info.pod_sandbox_id.empty()) info.labels.insert_or_assign("io.kubernetes.sandbox.id", info.pod_sandbox_id);
        apply_kubernetes_labels(info);
        split_image_name(info);
        info.source = "cri";
        info.complete = sandbox == CallStatus::found;
        return sandbox == CallStatus::found || sandbox == CallStatus::unknown_id ? CallStatus::found
                                                                                 : CallStatus::found_part;
    }

    static void take_container(const cri_api::ContainerStatusResponse& answer, ContainerInfo& info) {
        const auto& status = answer.status();
        info.name = status.metadata().name();
        info.labels = to_labels(status.labels());
        info.created_time = status.created_at();
        info.image = status.image().image();
        const std::string& reference = status.image_ref();
        if (reference.starts_with("sha256:"))
            info.image_id = digest_hex(reference);
        else if (reference.find("@sha256:") != std::string::npos) {
            info.image_digest = reference.substr(reference.find('@') + 1);
            if (info.image.empty() || info.image.starts_with("sha256:"))
                info.image = reference.substr(0, reference.find('@'));
        }
        if (info.image.empty() || info.image.starts_with("sha256")) {
            for (const char* key :
                 {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"}) {
                const auto found = status.annotations().find(key);
                if (found == status.annotations().end() || found->second.empty()) continue;
                info.image = found->second;
                break;
            }
        }
        info.mounts.clear();
        for (const auto& mount : status.mounts()) {
            ContainerMount out;
            out.source = mount.host_path();
            out.destination = mount.container_path();
            out.writable = !mount.readonly();
            out.propagation = mount.propagation() == 0   ? "private"
                              : mount.propagation() == 1 ? "rslave"
                              : mount.propagation() == 2 ? "rshared"
                                                         : "unknown";
            info.mounts.push_back(std::move(out));
        }
        const auto text = answer.info().find("info");
        if (text != answer.info().end()) parse_cri_container_info(text->second, info);
        if (info.pod_sandbox_id.empty()) {
            const auto found = status.annotations().find("io.kubernetes.cri.sandbox-id");
            if (found != status.annotations().end()) info.pod_sandbox_id = found->second;
        }
    }

    CallStatus ask_sandbox(ContainerInfo& info) {
        if (info.pod_sandbox_id.empty()) return CallStatus::unknown_id;
        cri_api::PodSandboxStatusRequest request;
        request.set_pod_sandbox_id(info.pod_sandbox_id);
        request.set_verbose(true);
        cri_api::PodSandboxStatusResponse answer;
        const grpc::Status status = run("", [&](grpc::ClientContext& context) {
            return old_cri_ ? old_cri_->PodSandboxStatus(&context, request, &answer)
                            : cri_->PodSandboxStatus(&context, request, &answer);
        });
        if (!status.ok()) return status_of(status);
        const auto& pod = answer.status();
        if (pod.id() != info.pod_sandbox_id) return CallStatus::unreadable;
        info.pod_name = pod.metadata().name();
        info.pod_namespace = pod.metadata().namespace_();
        info.pod_uid = pod.metadata().uid();
        info.pod_labels = to_labels(pod.labels());
        info.pod_ip = pod.network().ip();
        info.ip = pod.network().ip();
        const auto& options = pod.linux().namespaces().options();
        constexpr int kNode = 2;
        info.host_network = options.network() == kNode;
        info.host_pid = options.pid() == kNode;
        info.host_ipc = options.ipc() == kNode;
        if (info.is_pod_sandbox) {
            info.name = info.pod_name;
            info.labels = info.pod_labels;
            info.created_time = pod.created_at();
        }
        const auto text = answer.info().find("info");
        if (text != answer.info().end()) parse_cri_sandbox_info(text->second, info);
        return CallStatus::found;
    }

    RuntimeKind kind_;
    std::chrono::milliseconds timeout_;
    std::chrono::system_clock::time_point deadline_;
    std::shared_ptr<grpc::Channel> channel_;
    std::string runtime_name_;
    std::unique_ptr<cri_api::RuntimeService::Stub> cri_;
    std::unique_ptr<old_cri_api::RuntimeService::Stub> old_cri_; // instead, where only that is served
    std::mutex mutex_;
    grpc::ClientContext* context_ = nullptr; // of the call under way, guarded by mutex_
    bool cancelled_ = false;                 // guarded by mutex_
};

} // namespace

std::unique_ptr<RuntimeClient> make_grpc_client(RuntimeKind kind, std::string socket, std::chrono::milliseconds timeout,
                                                std::size_t max_bytes) {
    return std::make_unique<GrpcClient>(kind, socket, timeout, max_bytes);
}

} // namespace gyr
