// Everything that takes records by HTTP: one request a batch over a connection that is kept, TLS with certificates of
// our own, a proxy, credentials. What differs between services is in outputs/http_shapes.cpp.

#include "outputs/channels.h"
#include "outputs/http_shapes.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <system_error>
#include <unistd.h>

namespace gyr::outputs {
namespace {

constexpr std::size_t kMaxAnswer = 4U << 20; // of a body; the bulk interface tells of each record

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* into) {
    auto& body = *static_cast<std::string*>(into);
    body.append(bytes, std::min(count, kMaxAnswer - std::min(kMaxAnswer, body.size())));
    return count;
}

struct EasyEnd {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiEnd {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct UrlEnd {
    void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
struct ListEnd {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

class HttpChannel final : public Channel {
  public:
    HttpChannel(OutputOptions options, const HttpShape& shape, CURL* easy, CURLM* multi)
        : options_(std::move(options)), shape_(shape), multi_(multi), easy_(easy) {
        setup();
    }
    ~HttpChannel() override {
        if (active_) curl_multi_remove_handle(multi_.get(), easy_.get());
    }
    HttpChannel(const HttpChannel&) = delete;
    HttpChannel& operator=(const HttpChannel&) = delete;

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        body_ = shape_.body(items, options_);
        HttpAnswer answer;
        set_headers(items.size());
        curl_easy_setopt(easy_.get(), CURLOPT_POSTFIELDS, body_.data());
        curl_easy_setopt(easy_.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
        curl_easy_setopt(easy_.get(), CURLOPT_WRITEDATA, &answer.body);
        const CURLcode code = perform(patience);
        if (code != CURLE_OK) {
            const char* detail = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
            return {Sent::retry, 0, fmt::format("cannot reach {}: {}", shown_url_, detail), 0};
        }
        curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &answer.status);
        curl_off_t seconds = 0;
        curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &seconds);
        answer.retry_after = static_cast<Nanos>(std::min<curl_off_t>(seconds, 3600)) * 1'000'000'000;
        return shape_.judge(answer, items.size());
    }

  private:
    template <class Value>
    void set(CURLoption option, Value value) {
        curl_easy_setopt(easy_.get(), option, value);
    }
    void set_text(CURLoption option, const std::string& value) {
        if (!value.empty()) set(option, value.c_str());
    }

    void setup() {
        std::string url = options_.url;
        const std::size_t host = url.find("://");
        const std::size_t slash = url.find('/', host == std::string::npos ? 0 : host + 3);
        const bool bare = slash == std::string::npos || (slash + 1 == url.size());
        if (bare && !shape_.path.empty()) url = url.substr(0, slash) + std::string(shape_.path);
        shown_url_ = url.substr(0, url.find('?')); // what is behind may be a secret, as in Slack's paths
        if (options_.type == "slack") shown_url_ = url.substr(0, url.find('/', host + 3));
        if (const std::size_t at = shown_url_.find('@'); at != std::string::npos && host != std::string::npos)
            shown_url_.erase(host + 3, at - host - 2);
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_POST, 1L);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_QUICK_EXIT, 1L); // the end does not wait for a name server
        set(CURLOPT_TCP_KEEPALIVE, 1L);
        set(CURLOPT_ERRORBUFFER, error_);
        set(CURLOPT_WRITEFUNCTION, take_body);
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout / 1'000'000));
        set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.timeout / 1'000'000));
        set_text(CURLOPT_USERAGENT, options_.user_agent);
        set_text(CURLOPT_PROXY, options_.proxy);
        set_text(CURLOPT_USERNAME, options_.user);
        set_text(CURLOPT_PASSWORD, options_.password);
        std::error_code error;
        const bool folder = std::filesystem::is_directory(options_.tls.ca, error);
        set_text(folder ? CURLOPT_CAPATH : CURLOPT_CAINFO, options_.tls.ca);
        set_text(CURLOPT_SSLCERT, options_.tls.cert);
        set_text(CURLOPT_SSLKEY, options_.tls.key);
        set(CURLOPT_KEYPASSWD, ""); // of a key that has one nobody is asked
        set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        if (options_.tls.insecure) {
            set(CURLOPT_SSL_VERIFYPEER, 0L);
            set(CURLOPT_SSL_VERIFYHOST, 0L);
        }
    }

    void set_headers(std::size_t count) {
        curl_slist* list = nullptr;
        const bool json = options_.format.format != AlertFormat::text;
        std::string_view type = shape_.content_type;
        if (options_.type == "http" && !json)
            type = "text/plain";
        else if (options_.type == "http" && count == 1)
            type = "application/json";
        const auto add = [&list](const std::string& header) { list = curl_slist_append(list, header.c_str()); };
        bool typed = false;
        for (const auto& [name, value] : options_.headers) {
            typed = typed || ::strcasecmp(name.c_str(), "content-type") == 0;
            add(fmt::format("{}: {}", name, value));
        }
        if (!typed) add(fmt::format("Content-Type: {}", type));
        if (!options_.token.empty()) add(fmt::format("Authorization: {} {}", shape_.authorization, options_.token));
        add("Expect:");
        headers_.reset(list);
        set(CURLOPT_HTTPHEADER, list);
    }

    // As curl_easy_perform, but ends when patience does.
    CURLcode perform(const Patience& patience) {
        error_[0] = '\0';
        curl_multi_add_handle(multi_.get(), easy_.get());
        active_ = true;
        CURLcode code = CURLE_ABORTED_BY_CALLBACK;
        int running = 1;
        while (running > 0) {
            if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) break;
            if (running == 0) break;
            const Nanos left = patience.until.load(std::memory_order_acquire) - steady_now();
            if (left <= 0) break;
            curl_waitfd wake{patience.wake_fd, CURL_WAIT_POLLIN, 0};
            curl_multi_poll(multi_.get(), &wake, 1, static_cast<int>(std::min<Nanos>(left / 1'000'000 + 1, 1000)),
                            nullptr);
            if (wake.revents != 0) {
                std::uint64_t value = 0;
                [[maybe_unused]] const auto n = ::read(patience.wake_fd, &value, sizeof value);
            }
        }
        int left = 0;
        while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg == CURLMSG_DONE) code = message->data.result;
        }
        curl_multi_remove_handle(multi_.get(), easy_.get());
        active_ = false;
        return code;
    }

    const OutputOptions options_;
    const HttpShape& shape_;
    std::unique_ptr<CURLM, MultiEnd> multi_;
    std::unique_ptr<CURL, EasyEnd> easy_;
    std::unique_ptr<curl_slist, ListEnd> headers_;
    std::string body_, shown_url_;
    bool active_ = false;
    char error_[CURL_ERROR_SIZE] = {};
};

// Messages are for everybody; a password is not.
std::string without_user(std::string url) {
    const std::size_t scheme = url.find("://"), who = url.rfind('@');
    const std::size_t from = scheme == std::string::npos ? 0 : scheme + 3;
    return who == std::string::npos || who < from ? url : url.erase(from, who + 1 - from);
}

CURLUcode parse(const std::string& url, unsigned flags) {
    const std::unique_ptr<CURLU, UrlEnd> parsed(curl_url());
    return curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), flags);
}

// Empty: nothing.
std::string wrong_with_url(const std::string& url) {
    if (!url.starts_with("http://") && !url.starts_with("https://"))
        return "is no address that begins with http:// or https://";
    const CURLUcode code = parse(url, 0);
    return code == CURLUE_OK ? "" : fmt::format("is no address: {}", curl_url_strerror(code));
}

bool is_header_name(const std::string& name) { // of RFC 9110
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

// What would end the header and begin another one.
bool breaks_the_line(const std::string& value) { return value.find_first_of("\r\n") != std::string::npos; }

// Empty: nothing. Values are not told: they are secrets.
std::string wrong_with(const OutputOptions& options) {
    if (const std::string wrong = wrong_with_url(options.url); !wrong.empty())
        return fmt::format("'{}' {}", without_user(options.url), wrong);
    if (!options.proxy.empty()) {
        const CURLUcode code = parse(options.proxy, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME);
        if (code != CURLUE_OK)
            return fmt::format("the proxy '{}' is no address: {}", without_user(options.proxy),
                               curl_url_strerror(code));
    }
    for (const auto& [name, value] : options.headers) {
        if (!is_header_name(name)) return fmt::format("'{}' is no name of a header", name);
        if (breaks_the_line(value)) return fmt::format("the header '{}' has a line break in it", name);
    }
    if (breaks_the_line(options.token)) return "the token has a line break in it";
    if (breaks_the_line(options.user_agent)) return "the user agent has a line break in it";
    return {};
}

} // namespace

MadeChannel make_http_channel(const OutputOptions& options) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    if (std::string wrong = wrong_with(options); !wrong.empty()) return fail(ErrorKind::invalid, std::move(wrong));
    CURL* easy = curl_easy_init();
    CURLM* multi = curl_multi_init();
    if (easy == nullptr || multi == nullptr) return fail(ErrorKind::io, "cannot start libcurl");
    return std::make_unique<HttpChannel>(options, *find_http_shape(options.type), easy, multi);
}

} // namespace gyr::outputs
