#include "app/startup_taint.h"

#include "app/console.h"
#include "app/outputs_setup.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace gyr::app {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{100}, kLongestPause{30'000};
constexpr long kCallTimeout = 10'000;         // milliseconds
constexpr std::size_t kMaxAnswer = 16U << 20; // a node names all the images that it has
constexpr std::size_t kMaxToken = 64U << 10;
constexpr std::string_view kPatch = "application/json-patch+json";

struct EasyEnd {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListEnd {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string{} : value;
}

// Read at each try, as the kubelet brings a new one from time to time.
Result<std::string> read_token(const std::string& path) {
    std::ifstream file(path);
    std::string text(kMaxToken, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.empty()) return fail(ErrorKind::io, fmt::format("no token in {}", path));
    if (text.find_first_of("\r\n") != std::string::npos)
        return fail(ErrorKind::io, fmt::format("{} is no token", path));
    return text;
}

bool is_node_name(const std::string& name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    });
}

struct Answer {
    long status = 0;
    std::string body;
};

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* into) {
    auto& body = *static_cast<std::string*>(into);
    if (body.size() + count > kMaxAnswer) return 0; // ends the transfer
    body.append(bytes, count);
    return count;
}

int is_stopping(void* token, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::stop_token*>(token)->stop_requested() ? 1 : 0;
}

// What the API server says about a refusal.
std::string reason_of(const Answer& answer) {
    const nlohmann::json status = nlohmann::json::parse(answer.body, nullptr, false);
    if (status.is_object() && status.contains("message") && status["message"].is_string())
        return fmt::format("status {}: {}", answer.status, status["message"].get<std::string>().substr(0, 300));
    return fmt::format("status {}", answer.status);
}

} // namespace

Result<StartupTaint> startup_taint(const config::Config& config) {
    StartupTaint out{config.kubernetes.startup_taint, config.kubernetes.node, config.kubernetes.api,
                     config.kubernetes.credentials};
    if (out.key.empty()) return out;
    if (out.node.empty()) out.node = host_name(config);
    if (!is_node_name(out.node))
        return fail(ErrorKind::invalid, fmt::format("'{}' is no name of a node (kubernetes.node)", out.node));
    if (out.api.empty()) {
        std::string host = environment("KUBERNETES_SERVICE_HOST");
        const std::string port = environment("KUBERNETES_SERVICE_PORT");
        if (host.empty() || port.empty())
            return fail(ErrorKind::invalid, "kubernetes.startup_taint needs an API server: set kubernetes.api, or "
                                            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in the environment");
        if (host.contains(':')) host = "[" + host + "]";
        out.api = fmt::format("https://{}:{}", host, port);
    }
    while (out.api.ends_with('/')) out.api.pop_back();
    if (!out.api.starts_with("https://"))
        return fail(ErrorKind::invalid, fmt::format("kubernetes.api: '{}' does not begin with https://", out.api));
    return out;
}

class TaintRemoval::Impl {
  public:
    explicit Impl(StartupTaint taint) : taint_(std::move(taint)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        easy_.reset(curl_easy_init());
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }

  private:
    void run(const std::stop_token& stop) {
        std::string told;
        std::mutex mutex;
        std::condition_variable_any pause_end;
        milliseconds pause = kFirstPause; // grows for as long as the trouble is the same
        while (!stop.stop_requested()) {
            const Result<bool> removed = remove(stop);
            if (removed) {
                log(LogLevel::info, fmt::format("startup taint: {} {} node {}", taint_.key,
                                                *removed ? "removed from" : "is not on", taint_.node));
                return;
            }
            if (stop.stop_requested()) return;
            if (std::exchange(told, removed.error().message) != removed.error().message) {
                log(LogLevel::warning, fmt::format("startup taint: {}; will be tried again", removed.error().message));
                pause = kFirstPause;
            }
            std::unique_lock lock(mutex);
            pause_end.wait_for(lock, stop, pause, [] { return false; });
            pause = std::min(2 * pause, kLongestPause);
        }
    }

    // Whether it was there.
    Result<bool> remove(const std::stop_token& stop) {
        const std::string path = "/api/v1/nodes/" + taint_.node;
        const auto got = call(stop, path, nullptr);
        if (!got) return std::unexpected(got.error());
        const nlohmann::json node = nlohmann::json::parse(got->body, nullptr, false);
        if (!node.is_object() || !node.contains("spec") || !node["spec"].is_object())
            return fail(ErrorKind::io, fmt::format("{} answers what is no node", taint_.api));
        const nlohmann::json before = node["spec"].value("taints", nlohmann::json::array());
        nlohmann::json after = nlohmann::json::array();
        for (const nlohmann::json& taint : before) {
            if (!taint.is_object() || taint.value("key", nlohmann::json()) != nlohmann::json(taint_.key))
                after.push_back(taint);
        }
        if (after.size() == before.size()) return false;
        // Refused when somebody else has changed the taints meanwhile, so that nothing of theirs is undone.
        const std::string patch =
            nlohmann::json::array({{{"op", "test"}, {"path", "/spec/taints"}, {"value", before}},
                                   {{"op", "replace"}, {"path", "/spec/taints"}, {"value", after}}})
                .dump();
        if (const auto patched = call(stop, path, &patch); !patched) return std::unexpected(patched.error());
        return true;
    }

    // GET, or PATCH with a body; anything but success is an error.
    Result<Answer> call(const std::stop_token& stop, const std::string& path, const std::string* body) {
        const auto token = read_token(taint_.credentials + "/token");
        if (!token) return std::unexpected(token.error());
        const std::string url = taint_.api + path, ca = taint_.credentials + "/ca.crt";
        CURL* easy = easy_.get();
        if (easy == nullptr) return fail(ErrorKind::io, "cannot start libcurl");
        Answer answer;
        char error[CURL_ERROR_SIZE] = {};
        curl_slist* list = curl_slist_append(nullptr, ("Authorization: Bearer " + *token).c_str());
        if (body != nullptr) list = curl_slist_append(list, fmt::format("Content-Type: {}", kPatch).c_str());
        const std::unique_ptr<curl_slist, ListEnd> headers(curl_slist_append(list, "Accept: application/json"));
        curl_easy_reset(easy);
        curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(easy, CURLOPT_PROXY, ""); // it is next door
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca.c_str());
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, kCallTimeout);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kCallTimeout);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer.body);
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, is_stopping);
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &stop);
        if (body != nullptr) {
            curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->data());
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
        }
        if (const CURLcode code = curl_easy_perform(easy); code != CURLE_OK)
            return fail(ErrorKind::io, fmt::format("cannot reach {}: {}", taint_.api,
                                                   error[0] != '\0' ? error : curl_easy_strerror(code)));
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
        if (answer.status != 200)
            return fail(ErrorKind::io, fmt::format("{} of node {}: {}", body != nullptr ? "patch" : "get", taint_.node,
                                                   reason_of(answer)));
        return answer;
    }

    const StartupTaint taint_;
    std::unique_ptr<CURL, EasyEnd> easy_;
    std::jthread thread_; // last: ends before what it uses
};

TaintRemoval::TaintRemoval(StartupTaint taint) : impl_(std::make_unique<Impl>(std::move(taint))) {}
TaintRemoval::~TaintRemoval() = default;

} // namespace gyr::app
