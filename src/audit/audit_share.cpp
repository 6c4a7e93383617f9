#include "audit/audit_share.h"

#include "base/fd.h"
#include "base/name_lookup.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <ifaddrs.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <stop_token>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace gyr {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr long kCallTimeout = 5'000;             // milliseconds
constexpr milliseconds kPause{500};              // between two tries
constexpr int kTries = 6;                        // of one batch
constexpr milliseconds kAddressesHold{5'000};    // a name's
constexpr std::size_t kMaxWaiting = 16;          // batches for one address
constexpr std::size_t kMaxPeers = 10'000;        // addresses
constexpr std::size_t kMaxBatch = 4U << 20;      // bytes of one that is made of several
constexpr long kMaxConnections = 64;             // at once
constexpr milliseconds kLongestSleep{3'600'000}; // push() and the end wake it

struct EasyEnd {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiEnd {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListEnd {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t drop_body(char*, std::size_t size, std::size_t count, void*) { return size * count; }

bool is_about_session(const AuditEvent& e) {
    const std::string_view part = e.text({"objectRef", "subresource"});
    return !e.shared && e.text({"objectRef", "resource"}) == "pods" && (part == "exec" || part == "attach");
}

bool has(const std::vector<std::string>& texts, const std::string& text) {
    return std::ranges::find(texts, text) != texts.end();
}

std::string address_text(const sockaddr* address) {
    char text[INET6_ADDRSTRLEN] = {};
    const void* raw = address;
    if (address->sa_family == AF_INET)
        ::inet_ntop(AF_INET, &static_cast<const sockaddr_in*>(raw)->sin_addr, text, sizeof text);
    else if (address->sa_family == AF_INET6)
        ::inet_ntop(AF_INET6, &static_cast<const sockaddr_in6*>(raw)->sin6_addr, text, sizeof text);
    return text;
}

std::vector<std::string> own_addresses() {
    std::vector<std::string> out;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return out;
    for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next)
        if (i->ifa_addr != nullptr) out.push_back(address_text(i->ifa_addr));
    ::freeifaddrs(all);
    return out;
}

// One of the webhooks that were named.
struct Place {
    std::string url, host, port; // url: with kSharedPath
    std::vector<std::string> addresses;
    Clock::time_point resolved{};
    bool known = false;
};

Result<Place> parse_place(const std::string& url) {
    const auto bad = [&] {
        return fail(ErrorKind::invalid, fmt::format("audit.share: '{}' is no http(s)://HOST:PORT/PATH", url));
    };
    const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
    if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return bad();
    const auto part = [&](CURLUPart which, unsigned flags) {
        char* text = nullptr;
        std::string out;
        if (curl_url_get(parsed.get(), which, &text, flags) == CURLUE_OK) out = text;
        curl_free(text);
        return out;
    };
    if (const std::string scheme = part(CURLUPART_SCHEME, 0); scheme != "http" && scheme != "https") return bad();
    if (!part(CURLUPART_QUERY, 0).empty() || !part(CURLUPART_FRAGMENT, 0).empty()) return bad();
    Place place;
    place.url = url;
    while (place.url.ends_with('/')) place.url.pop_back();
    place.url += kSharedPath;
    place.host = part(CURLUPART_HOST, 0);
    place.port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (place.host.starts_with('[') && place.host.ends_with(']'))
        place.host = place.host.substr(1, place.host.size() - 2);
    if (place.host.empty()) return bad();
    return place;
}

// An address, and what it is to be given.
struct Peer {
    std::string url, name, connect_to;
    std::unique_ptr<curl_slist, ListEnd> connect;           // used by call
    std::deque<std::shared_ptr<const std::string>> waiting; // the first may be on its way
    std::unique_ptr<CURL, EasyEnd> call;                    // while it is
    int tries = 0;                                          // of the first
    Clock::time_point due{};
};

} // namespace

class AuditShare::Impl {
  public:
    Impl(AuditShareOptions options, std::vector<Place> places, std::function<void(std::string)> on_problem)
        : options_(std::move(options)), places_(std::move(places)), on_problem_(std::move(on_problem)) {
        multi_.reset(curl_multi_init());
        headers_.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
        curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, kMaxConnections);
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
    ~Impl() {
        thread_.request_stop();
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(end_.get(), &one, sizeof one);
        curl_multi_wakeup(multi_.get());
        thread_.join();
        for (auto& [key, peer] : peers_)
            if (peer.call) curl_multi_remove_handle(multi_.get(), peer.call.get());
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void push(std::span<const AuditEventPtr> events) {
        std::string items;
        for (const AuditEventPtr& e : events) {
            if (!is_about_session(*e)) continue;
            if (!items.empty()) items += ',';
            items += e->document->dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
        }
        if (items.empty()) return;
        bool kept = true;
        {
            const std::lock_guard lock(mutex_);
            if (!items_.empty() && items_.back().size() + items.size() < kMaxBatch)
                items_.back().append(",").append(items);
            else if (items_.size() < kMaxWaiting)
                items_.push_back(std::move(items));
            else
                kept = false;
        }
        if (!kept) on_problem_("too much waits to be passed on; a batch is not");
        curl_multi_wakeup(multi_.get());
    }

  private:
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::vector<std::string> items;
            {
                const std::lock_guard lock(mutex_);
                items = std::exchange(items_, {});
            }
            for (const std::string& text : items) spread(text);
            const milliseconds wait = begin_calls();
            int running = 0;
            curl_multi_perform(multi_.get(), &running);
            bool ended = false;
            for (int left = 0; const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);) {
                if (message->msg != CURLMSG_DONE) continue;
                finish(message->easy_handle, message->data.result);
                ended = true;
            }
            if (!ended) curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(wait.count()), nullptr);
        }
    }

    // To all addresses of all places.
    void spread(const std::string& items) {
        const auto body = std::make_shared<const std::string>(
            R"({"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[)" + items + "]}");
        for (Place& place : places_) {
            find_addresses(place);
            for (const std::string& address : place.addresses) {
                const auto [at, created] = peers_.try_emplace(place.url + " " + address);
                Peer& peer = at->second;
                if (created) {
                    const bool six = address.contains(':');
                    const auto bracketed = [](const std::string& text, bool is_six) {
                        return is_six ? "[" + text + "]" : text;
                    };
                    peer.url = place.url;
                    peer.name = fmt::format("{}:{}", bracketed(address, six), place.port);
                    peer.connect_to =
                        fmt::format("{}:{}:{}", bracketed(place.host, place.host.contains(':')), place.port, peer.name);
                }
                if (peer.waiting.size() < kMaxWaiting)
                    peer.waiting.push_back(body);
                else
                    on_problem_(fmt::format("too much waits for {}; a batch is not passed on to it", peer.name));
            }
        }
    }

    void find_addresses(Place& place) {
        const Clock::time_point now = Clock::now();
        if (place.known && now - place.resolved < kAddressesHold) return;
        const Clock::time_point deadline = now + milliseconds{kCallTimeout};
        const auto patient = [&](int answered) {
            const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
            std::array<pollfd, 2> fds{{{answered, POLLIN, 0}, {end_.get(), POLLIN, 0}}};
            return left > 0 && ::poll(fds.data(), fds.size(), static_cast<int>(left)) != 0 && fds[1].revents == 0;
        };
        const auto all = names_.find(place.host, place.port, SOCK_STREAM, 0, patient);
        place.resolved = Clock::now();
        if (!all) { // those of before are better than none
            on_problem_("cannot pass on: " + all.error().message);
            return;
        }
        const std::vector<std::string> own = own_addresses();
        const bool may_be_own = place.port == std::to_string(options_.own_port);
        std::vector<std::string> found;
        for (const addrinfo* i = all->get(); i != nullptr && found.size() < kMaxPeers; i = i->ai_next) {
            std::string text = address_text(i->ai_addr);
            if (text.empty() || has(found, text)) continue;
            if (may_be_own && has(own, text)) continue;
            found.push_back(std::move(text));
        }
        place.known = true;
        place.addresses = std::move(found);
    }

    // Begins what is due; how long until more is. Forgets who has everything.
    milliseconds begin_calls() {
        const Clock::time_point now = Clock::now();
        milliseconds wait = kLongestSleep;
        for (auto at = peers_.begin(); at != peers_.end();) {
            Peer& peer = at->second;
            if (peer.waiting.empty() && !peer.call) {
                at = peers_.erase(at);
                continue;
            }
            if (!peer.call && peer.due <= now)
                begin(peer);
            else if (!peer.call)
                wait = std::min(wait, std::chrono::duration_cast<milliseconds>(peer.due - now) + milliseconds{1});
            ++at;
        }
        return wait;
    }

    void begin(Peer& peer) {
        peer.call.reset(curl_easy_init());
        CURL* call = peer.call.get();
        if (call == nullptr) {
            peer.due = Clock::now() + kPause;
            return;
        }
        peer.connect.reset(curl_slist_append(nullptr, peer.connect_to.c_str()));
        const std::string& body = *peer.waiting.front();
        curl_easy_setopt(call, CURLOPT_URL, peer.url.c_str());
        curl_easy_setopt(call, CURLOPT_CONNECT_TO, peer.connect.get());
        curl_easy_setopt(call, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(call, CURLOPT_PROXY, "");
        curl_easy_setopt(call, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        curl_easy_setopt(call, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(call, CURLOPT_TIMEOUT_MS, kCallTimeout);
        curl_easy_setopt(call, CURLOPT_HTTPHEADER, headers_.get());
        curl_easy_setopt(call, CURLOPT_WRITEFUNCTION, drop_body);
        curl_easy_setopt(call, CURLOPT_POST, 1L);
        curl_easy_setopt(call, CURLOPT_POSTFIELDS, body.data());
        curl_easy_setopt(call, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        if (!options_.authority.empty()) curl_easy_setopt(call, CURLOPT_CAINFO, options_.authority.c_str());
        if (!options_.certificate.empty()) {
            const std::string& key = options_.key.empty() ? options_.certificate : options_.key;
            curl_easy_setopt(call, CURLOPT_SSLCERT, options_.certificate.c_str());
            curl_easy_setopt(call, CURLOPT_SSLKEY, key.c_str());
        }
        curl_multi_add_handle(multi_.get(), call);
    }

    void finish(CURL* call, CURLcode code) {
        const auto at = std::ranges::find(peers_, call, [](const auto& named) { return named.second.call.get(); });
        curl_multi_remove_handle(multi_.get(), call);
        if (at == peers_.end()) return;
        Peer& peer = at->second;
        long status = 0;
        curl_easy_getinfo(call, CURLINFO_RESPONSE_CODE, &status);
        peer.call.reset();
        const bool taken = code == CURLE_OK && status == 200;
        if (!taken && ++peer.tries < kTries) {
            peer.due = Clock::now() + kPause;
            return;
        }
        if (!taken)
            on_problem_(fmt::format("cannot pass on to {}: {}", peer.name,
                                    code == CURLE_OK ? fmt::format("status {}", status) : curl_easy_strerror(code)));
        peer.waiting.pop_front();
        peer.tries = 0;
        peer.due = {};
    }

    const AuditShareOptions options_;
    std::vector<Place> places_; // the thread's, as peers_
    std::function<void(std::string)> on_problem_;
    UniqueFd end_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}; // readable: nobody waits for anything
    NameLookup names_;
    std::unique_ptr<CURLM, MultiEnd> multi_;
    std::unique_ptr<curl_slist, ListEnd> headers_;
    std::map<std::string, Peer> peers_;
    std::mutex mutex_;
    std::vector<std::string> items_; // guarded by mutex_
    std::jthread thread_;            // last: ends before what it uses
};

AuditShare::AuditShare(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AuditShare::~AuditShare() = default;
void AuditShare::push(std::span<const AuditEventPtr> events) { impl_->push(events); }

Result<std::unique_ptr<AuditShare>> AuditShare::start(AuditShareOptions options,
                                                      std::function<void(std::string)> on_problem) {
    std::vector<Place> places;
    for (const std::string& url : options.urls) {
        auto place = parse_place(url);
        if (!place) return std::unexpected(place.error());
        places.push_back(std::move(*place));
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return std::unique_ptr<AuditShare>(
        new AuditShare(std::make_unique<Impl>(std::move(options), std::move(places), std::move(on_problem))));
}

} // namespace gyr
