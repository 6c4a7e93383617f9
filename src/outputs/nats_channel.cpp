// NATS JetStream: each record is published with a reply subject, and has arrived when the stream has acknowledged it.
// Nats-Msg-Id makes the stream drop what it has already. url: nats://host or tls://host, several with commas between;
// topic: the subject. When a server does not do, the next one is tried: those of the url, then those that a server
// named as its neighbours. Why not cnats: docs/adr/0007-nats-by-a-client-of-our-own.md.

#include "outputs/channels.h"
#include "outputs/nats_credentials.h"
#include "outputs/net_stream.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace gyr::outputs {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxLine = 64U << 10;
constexpr std::size_t kMaxAnswer = 1U << 20;
constexpr std::size_t kMaxServers = 64; // that a server may name
constexpr std::uint16_t kPort = 4222;

std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> out;
    while (!line.empty()) {
        const std::size_t end = line.find(' ');
        if (end != 0) out.push_back(line.substr(0, end));
        line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    }
    return out;
}

// What follows the first word of a line.
std::string rest_of(std::string_view line) {
    const std::size_t end = line.find(' ');
    return std::string(end == std::string_view::npos ? "" : line.substr(end + 1));
}

bool flag(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_boolean() && found->get<bool>();
}

// JetStream's word for what is beyond the stream's max_msg_size.
bool is_too_large(const Json& answer) {
    constexpr int kMessageExceedsMaximum = 10'054;
    const auto error = answer.is_object() ? answer.find("error") : answer.end();
    if (!answer.is_object() || error == answer.end() || !error->is_object()) return false;
    const auto code = error->find("err_code");
    return code != error->end() && code->is_number_integer() && code->get<std::int64_t>() == kMessageExceedsMaximum;
}

std::size_t number(std::string_view text) {
    std::size_t value = SIZE_MAX;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

class NatsChannel final : public Channel {
  public:
    NatsChannel(OutputOptions options, std::vector<Address> servers, std::optional<NatsCredentials> credentials)
        : options_(std::move(options)), servers_(std::move(servers)), own_(servers_.size()),
          credentials_(std::move(credentials)), inbox_("_INBOX." + make_uuid(0)) {}

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        const auto failed = [](const Error& error) { return SendResult{Sent::retry, 0, error.message, 0}; };
        if (auto ok = connect(patience); !ok) return failed(ok.error());
        round_ += items.size();
        const std::size_t first = round_ - items.size();
        std::string out;
        std::size_t count = 0;
        for (; count < items.size(); ++count) {
            const std::string headers =
                fmt::format("NATS/1.0\r\nNats-Msg-Id: {}\r\n\r\n", delivery_id(*items[count].record));
            const std::string text =
                fit(items[count], options_.format, max_payload_ - std::min(max_payload_, headers.size()));
            if (headers.size() + text.size() > max_payload_) break; // the server would end the connection
            out += fmt::format("HPUB {} {}.{} {} {}\r\n", options_.topic, inbox_, first + count, headers.size(),
                               headers.size() + text.size());
            out += headers + text + "\r\n";
        }
        if (auto ok = net_.write(out, deadline_of(patience, options_.timeout), patience); !ok)
            return failed(ok.error());
        SendResult result = collect(first, count, patience);
        if (result.outcome == Sent::all && count < items.size()) {
            result.outcome = Sent::refused;
            result.problem = fmt::format("the server takes no more than {} bytes", max_payload_);
        }
        return result;
    }
    void reopen() override { net_.close(); }

  private:
    struct Message {
        std::string kind; // "MSG", "PONG", "ERR", …
        std::size_t index = SIZE_MAX;
        std::string text; // payload, or what the server said
        std::string headers;
    };

    Result<Message> read(Nanos deadline, const Patience& patience) {
        for (;;) {
            auto line = net_.read_line(kMaxLine, deadline, patience);
            if (!line) return std::unexpected(line.error());
            const std::vector<std::string_view> w = words(*line);
            if (w.empty()) continue;
            if (w[0] == "PING") {
                if (auto ok = net_.write("PONG\r\n", deadline, patience); !ok) return std::unexpected(ok.error());
                continue;
            }
            if (w[0] == "+OK") continue;
            if (w[0] == "PONG") return Message{.kind = "PONG", .index = SIZE_MAX, .text = {}, .headers = {}};
            if (w[0] == "-ERR") return lost(fmt::format("the server says {}", rest_of(*line)));
            if (w[0] == "INFO" && !greeted_)
                return Message{.kind = "INFO", .index = SIZE_MAX, .text = rest_of(*line), .headers = {}};
            if (w[0] == "INFO") { // servers have come to the cluster, or gone
                if (const Json info = Json::parse(rest_of(*line), nullptr, false); info.is_object())
                    remember_neighbours(info, servers_[current_ % servers_.size()].scheme);
                continue;
            }
            const bool with_headers = w[0] == "HMSG";
            if ((w[0] != "MSG" && !with_headers) || w.size() < (with_headers ? 5U : 4U))
                return lost("the server says something else");
            const std::size_t size = number(w.back());
            const std::size_t head = with_headers ? number(w[w.size() - 2]) : 0;
            if (size > kMaxAnswer || head > size) return lost("the server's answer is too long");
            auto body = net_.read_exactly(size + 2, deadline, patience);
            if (!body) return std::unexpected(body.error());
            const std::string_view subject = w[1];
            return Message{.kind = "MSG",
                           .index = number(subject.substr(subject.rfind('.') + 1)),
                           .text = body->substr(head, size - head),
                           .headers = body->substr(0, head)};
        }
    }
    std::unexpected<Error> lost(std::string message) {
        net_.close();
        return fail(ErrorKind::io, std::move(message));
    }

    Result<> connect(const Patience& patience) {
        // What the server has said meanwhile: who else there is, last of all when it dies.
        while (net_.is_open() && net_.something_to_read()) {
            if (!read(deadline_of(patience, options_.timeout), patience)) break;
        }
        if (net_.is_open() && !net_.hung_up()) return {};
        // Each once; what the last one said is what is told.
        Result<> tried;
        for (std::size_t n = servers_.size(); n > 0; --n) {
            const Address server = servers_[current_ % servers_.size()];
            if (tried = greet(server, patience); tried) return {};
            net_.close();
            ++current_;
            if (patience.until.load(std::memory_order_acquire) != INT64_MAX) break; // the end, in a moment
        }
        if (servers_.size() > 1)
            return fail(tried.error().kind,
                        fmt::format("none of {} servers: {}", servers_.size(), tried.error().message));
        return tried;
    }

    Result<> greet(const Address& server, const Patience& patience) {
        const Nanos deadline = deadline_of(patience, options_.timeout);
        greeted_ = false;
        if (auto ok = net_.connect(server, deadline, patience); !ok) return ok;
        auto hello = read(deadline, patience);
        if (!hello) return std::unexpected(hello.error());
        const Json info = hello->kind == "INFO" ? Json::parse(hello->text, nullptr, false) : Json();
        if (!info.is_object()) return lost("this is no NATS server");
        const auto payload = info.find("max_payload");
        max_payload_ =
            payload != info.end() && payload->is_number_unsigned() ? payload->get<std::size_t>() : kMaxAnswer;
        if (!flag(info, "headers")) return lost("the server is too old: it knows no headers");
        if (server.scheme == "tls" || flag(info, "tls_required")) {
            if (auto ok = net_.start_tls(options_.tls, name_of(server), deadline, patience); !ok) return ok;
        }
        greeted_ = true;
        remember_neighbours(info, server.scheme);
        Json c{{"verbose", false}, {"pedantic", false}, {"headers", true}, {"no_responders", true},
               {"protocol", 1},    {"name", "gyr"},     {"lang", "c++"},   {"version", "1"}};
        if (auto ok = identify(c, info); !ok) return ok;
        if (auto ok =
                net_.write(fmt::format("CONNECT {}\r\nSUB {}.* 1\r\nPING\r\n", c.dump(), inbox_), deadline, patience);
            !ok)
            return ok;
        for (;;) {
            auto answer = read(deadline, patience);
            if (!answer) return std::unexpected(answer.error());
            if (answer->kind == "PONG") return {};
        }
    }

    // What its certificate is made out to: neighbours are often told by their numbers, which certificates do not have.
    [[nodiscard]] const std::string& name_of(const Address& server) const {
        const auto is_number = [](const Address& a) {
            return a.host.find_first_not_of("0123456789abcdef.:") == std::string::npos;
        };
        const bool neighbour = current_ % servers_.size() >= own_;
        return neighbour && is_number(server) && !is_number(servers_.front()) ? servers_.front().host : server.host;
    }

    // Who we are, as the configuration has it.
    Result<> identify(Json& c, const Json& info) const {
        if (!options_.token.empty()) c["auth_token"] = options_.token;
        const Address& own = servers_.front();
        const std::string user = options_.user.empty() ? own.user : options_.user;
        if (!user.empty()) {
            c["user"] = user;
            c["pass"] = options_.password.empty() ? own.password : options_.password;
        }
        const auto nonce = info.find("nonce");
        if (!credentials_ || nonce == info.end() || !nonce->is_string()) return {};
        auto signature = credentials_->sign(nonce->get<std::string>());
        if (!signature) return std::unexpected(signature.error());
        c["sig"] = *std::move(signature);
        if (credentials_->jwt().empty())
            c["nkey"] = credentials_->public_key();
        else
            c["jwt"] = credentials_->jwt();
        return {};
    }

    // The servers of a cluster name each other. Those of the configuration stay.
    void remember_neighbours(const Json& info, const std::string& scheme) {
        const auto named = info.find("connect_urls");
        if (named == info.end() || !named->is_array()) return;
        const Address here = servers_[current_ % servers_.size()];
        std::vector<Address> servers(servers_.begin(), servers_.begin() + static_cast<std::ptrdiff_t>(own_));
        const auto add = [&](Address server) {
            const auto same = [&](const Address& a) { return a.host == server.host && a.port == server.port; };
            if (servers.size() < own_ + kMaxServers && std::ranges::none_of(servers, same))
                servers.push_back(std::move(server));
        };
        for (const Json& url : *named) {
            if (!url.is_string()) continue;
            auto server = parse_address(scheme + "://" + url.get<std::string>(), kPort);
            if (server && server->user.empty()) add(std::move(*server));
        }
        add(here); // whether it named itself or not
        servers_ = std::move(servers);
        current_ = static_cast<std::size_t>(
            std::ranges::find_if(servers_,
                                 [&](const Address& a) { return a.host == here.host && a.port == here.port; }) -
            servers_.begin());
    }

    // The acknowledgements of records first … first + count - 1, in whatever order.
    SendResult collect(std::size_t first, std::size_t count, const Patience& patience) {
        enum class Answer : std::uint8_t { none, good, bad, never };
        std::vector<Answer> answers(count, Answer::none);
        std::size_t open = count;
        SendResult result;
        while (open > 0) {
            auto message = read(deadline_of(patience, options_.timeout), patience);
            if (!message) {
                result.problem = message.error().message;
                break;
            }
            if (message->kind != "MSG" || message->index < first || message->index >= first + count) continue;
            Answer& answer = answers[message->index - first];
            if (answer == Answer::none) --open;
            answer = Answer::bad;
            const Json json = Json::parse(message->text, nullptr, false);
            if (json.is_object() && json.contains("stream") && !json.contains("error")) {
                answer = Answer::good;
            } else if (is_too_large(json)) {
                answer = Answer::never;
                result.problem = "the stream takes no records of this size";
            } else if (message->headers.find(" 503") != std::string::npos) {
                result.problem = fmt::format("no JetStream stream takes the subject {}", options_.topic);
            } else {
                result.problem = fmt::format("the stream says {}", message->text.substr(0, 200));
            }
        }
        while (result.done < count && answers[result.done] == Answer::good) ++result.done;
        if (result.done < count) {
            // Those behind a hole go out again with it, so that the order holds; their ids keep them single.
            result.outcome = answers[result.done] == Answer::never ? Sent::refused : Sent::retry;
            if (open > 0) net_.close();
        }
        return result;
    }

    const OutputOptions options_;
    std::vector<Address> servers_; // first those of the configuration
    const std::size_t own_;        // how many these are
    std::size_t current_ = 0;      // counts on; the server is the one at its remainder
    const std::optional<NatsCredentials> credentials_;
    const std::string inbox_;
    NetStream net_;
    bool greeted_ = false; // the server has said who it is
    std::size_t round_ = 0;
    std::size_t max_payload_ = 1U << 20;
};

} // namespace

MadeChannel make_nats_channel(const OutputOptions& options) {
    std::vector<Address> servers;
    for (std::string_view rest = options.url; !rest.empty();) {
        const std::size_t end = rest.find(',');
        std::string_view url = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        while (url.starts_with(' ')) url.remove_prefix(1);
        auto address = parse_address(url, kPort);
        if (!address) return std::unexpected(address.error());
        if (address->scheme != "nats" && address->scheme != "tls")
            return fail(ErrorKind::invalid, fmt::format("NATS is at nats:// or tls://, not {}://", address->scheme));
        servers.push_back(std::move(*address));
    }
    if (options.topic.empty() || options.topic.find_first_of(" \t\r\n*>") != std::string::npos)
        return fail(ErrorKind::invalid,
                    "an output of type nats needs 'topic': the subject, without blanks or wildcards");
    std::optional<NatsCredentials> credentials;
    if (!options.credentials.empty()) {
        auto parsed = NatsCredentials::parse(options.credentials);
        if (!parsed) return fail(ErrorKind::invalid, "'credentials': " + parsed.error().message);
        credentials = std::move(*parsed);
    }
    return std::make_unique<NatsChannel>(options, std::move(servers), std::move(credentials));
}

} // namespace gyr::outputs
