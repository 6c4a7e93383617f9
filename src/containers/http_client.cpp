// Docker and Podman: HTTP over a unix socket.
#include "containers/metadata.h"
#include "containers/runtime_client.h"

#include <atomic>
#include <cerrno>
#include <curl/curl.h>

namespace gyr {
namespace {

void initialise_curl() {
    static const bool done = [] { return ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }();
    static_cast<void>(done);
}

class HttpClient final : public RuntimeClient {
  public:
    HttpClient(RuntimeKind kind, std::string socket, std::chrono::milliseconds timeout, std::size_t max_bytes)
        : kind_(kind), socket_(std::move(socket)), timeout_(timeout), max_bytes_(max_bytes) {
        initialise_curl();
        handle_ = ::curl_easy_init();
    }
    ~HttpClient() override {
        if (handle_ != nullptr) ::curl_easy_cleanup(handle_);
    }
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    CallStatus ask(const ResolverHints&, ContainerInfo& info) override {
        const std::string prefix = kind_ == RuntimeKind::docker ? "/" : "/v4.0.0/libpod/";
        std::string body;
        CallStatus status = get(prefix + "containers/" + info.full_id + "/json", body);
        if (status != CallStatus::found) return status;
        if (!parse_docker_inspect(body, info)) return CallStatus::unreadable;
        info.source = kind_ == RuntimeKind::docker ? "docker-api" : "podman-api";
        if (kind_ == RuntimeKind::docker && !info.image_id.empty() &&
            info.image_id.find_first_not_of("0123456789abcdef") == std::string::npos) {
            const CallStatus image = get("/images/sha256:" + info.image_id + "/json", body);
            if (image == CallStatus::found) parse_docker_image(body, info);
            if (image == CallStatus::timeout || image == CallStatus::absent) {
                info.complete = false;
                status = CallStatus::found_part;
            }
        }
        split_image_name(info);
        return status;
    }

    void cancel() override { cancelled_ = true; }

  private:
    static std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* user) {
        auto& self = *static_cast<HttpClient*>(user);
        const std::size_t bytes = size * count;
        if (self.body_->size() + bytes > self.max_bytes_) return 0; // ends the transfer
        self.body_->append(data, bytes);
        return bytes;
    }
    static int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
        return static_cast<HttpClient*>(user)->cancelled_ ? 1 : 0;
    }

    CallStatus get(const std::string& path, std::string& body) {
        if (handle_ == nullptr || cancelled_) return CallStatus::absent;
        body.clear();
        body_ = &body;
        const std::string url = "http://localhost" + path;
        ::curl_easy_reset(handle_);
        ::curl_easy_setopt(handle_, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
        ::curl_easy_setopt(handle_, CURLOPT_URL, url.c_str());
        ::curl_easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, "http");
        ::curl_easy_setopt(handle_, CURLOPT_FOLLOWLOCATION, 0L);
        ::curl_easy_setopt(handle_, CURLOPT_PROXY, "");
        ::curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
        ::curl_easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeout_.count()));
        ::curl_easy_setopt(handle_, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_.count()));
        ::curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, &HttpClient::on_bytes);
        ::curl_easy_setopt(handle_, CURLOPT_WRITEDATA, this);
        ::curl_easy_setopt(handle_, CURLOPT_NOPROGRESS, 0L);
        ::curl_easy_setopt(handle_, CURLOPT_XFERINFOFUNCTION, &HttpClient::on_progress);
        ::curl_easy_setopt(handle_, CURLOPT_XFERINFODATA, this);
        const CURLcode code = ::curl_easy_perform(handle_);
        if (code == CURLE_OPERATION_TIMEDOUT) return CallStatus::timeout;
        if (code == CURLE_COULDNT_CONNECT) {
            long reason = 0;
            ::curl_easy_getinfo(handle_, CURLINFO_OS_ERRNO, &reason);
            return reason == EACCES || reason == EPERM ? CallStatus::denied : CallStatus::absent;
        }
        if (code != CURLE_OK) return cancelled_ ? CallStatus::absent : CallStatus::unreadable;
        long status = 0;
        ::curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
        if (status == 404) return CallStatus::unknown_id;
        if (status == 401 || status == 403) return CallStatus::denied;
        return status == 200 ? CallStatus::found : CallStatus::unreadable;
    }

    RuntimeKind kind_;
    std::string socket_;
    std::chrono::milliseconds timeout_;
    std::size_t max_bytes_;
    CURL* handle_ = nullptr;
    std::string* body_ = nullptr;
    std::atomic<bool> cancelled_{false};
};

} // namespace

std::string_view to_string(RuntimeKind kind) {
    switch (kind) {
    case RuntimeKind::docker: return "docker";
    case RuntimeKind::podman: return "podman";
    case RuntimeKind::containerd: return "containerd";
    case RuntimeKind::cri: return "cri";
    }
    return "";
}

std::string_view to_string(CallStatus status) {
    switch (status) {
    case CallStatus::found:
    case CallStatus::found_part:
    case CallStatus::unknown_id: return "answers";
    case CallStatus::timeout: return "no answer in time";
    case CallStatus::denied: return "not permitted";
    case CallStatus::absent: return "nobody listens";
    case CallStatus::unreadable: return "answers what is not understood";
    }
    return "";
}

std::unique_ptr<RuntimeClient> make_http_client(RuntimeKind kind, std::string socket, std::chrono::milliseconds timeout,
                                                std::size_t max_bytes) {
    return std::make_unique<HttpClient>(kind, std::move(socket), timeout, max_bytes);
}

} // namespace gyr
