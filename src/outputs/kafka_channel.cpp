// Kafka by librdkafka, with its idempotent producer: order holds and nothing is written twice over one connection. url:
// kafka://host:port, several hosts apart by commas; topic; properties: librdkafka's own, as they are.

#include "outputs/channels.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/name_lookup.h"
#include "base/thread_signals.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <memory>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

struct ProducerEnd {
    void operator()(rd_kafka_t* producer) const {
        rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        rd_kafka_destroy_flags(producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
};
using Producer = std::unique_ptr<rd_kafka_t, ProducerEnd>;

// What became of a batch; filled by librdkafka's reports during polling.
struct Batch {
    std::vector<rd_kafka_resp_err_t> errors;
    std::size_t open = 0;
};

struct Report {
    std::shared_ptr<Batch> batch; // a report that comes late finds its batch still there
    std::size_t index = 0;
};

void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
    const std::unique_ptr<Report> report(static_cast<Report*>(message->_private));
    report->batch->errors[report->index] = message->err;
    --report->batch->open;
}

// librdkafka's threads block every signal; they too must hear what is told to each thread.
rd_kafka_resp_err_t on_thread_start(rd_kafka_t*, rd_kafka_thread_type_t, const char*, void*) {
    block_signals();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
rd_kafka_resp_err_t on_new(rd_kafka_t* client, const rd_kafka_conf_t*, void*, char*, std::size_t) {
    return rd_kafka_interceptor_add_on_thread_start(client, "gyr", on_thread_start, nullptr);
}

// librdkafka's threads look for names, and its end waits for these threads: opaque is an eventfd that becomes readable
// when they are to leave it.
int on_resolve(const char* host, const char* port, const addrinfo* hints, addrinfo** found, void* opaque) {
    if (host == nullptr && hints == nullptr) { // it gives back what it was given
        ::freeaddrinfo(*found);
        return 0;
    }
    const int end = static_cast<const UniqueFd*>(opaque)->get();
    NameLookup names;
    auto addresses =
        names.find(host, port == nullptr ? "" : port, hints->ai_socktype, hints->ai_flags, [end](int answered) {
            std::array<pollfd, 2> fds{{{answered, POLLIN, 0}, {end, POLLIN, 0}}};
            ::poll(fds.data(), fds.size(), -1);
            return fds[1].revents == 0;
        });
    if (!addresses) return addresses.error().kind == ErrorKind::timeout ? EAI_AGAIN : EAI_NONAME;
    *found = addresses->release();
    return 0;
}

using Properties = std::map<std::string, std::string>;

Properties properties_of(const OutputOptions& options) {
    const std::string timeout = fmt::to_string(std::max<Nanos>(1000, options.timeout / 1'000'000));
    Properties properties{
        {"bootstrap.servers", options.url.substr(options.url.find("://") + 3)},
        {"enable.idempotence", "true"},
        {"linger.ms", "2"},
        {"client.id", "gyr"},
        // Given up after this, and tried again by the output with its back-off.
        {"message.timeout.ms", timeout},
        {"socket.timeout.ms", timeout},
        {"reconnect.backoff.max.ms", "2000"},
    };
    if (!options.tls.ca.empty()) properties["ssl.ca.location"] = options.tls.ca;
    if (!options.tls.cert.empty()) properties["ssl.certificate.location"] = options.tls.cert;
    const std::string& key_file = options.tls.key.empty() ? options.tls.cert : options.tls.key;
    if (!key_file.empty()) properties["ssl.key.location"] = key_file;
    if (options.tls.insecure) properties["enable.ssl.certificate.verification"] = "false";
    const bool tls = !options.tls.ca.empty() || !options.tls.cert.empty() || options.tls.insecure;
    if (!options.user.empty()) {
        properties["sasl.mechanisms"] = "PLAIN";
        properties["sasl.username"] = options.user;
        properties["sasl.password"] = options.password;
    }
    if (tls || !options.user.empty())
        properties["security.protocol"] = options.user.empty() ? "ssl" : tls ? "sasl_ssl" : "sasl_plaintext";
    for (const auto& [key, value] : options.properties) properties[key] = value;
    return properties;
}

struct SettingsEnd {
    void operator()(rd_kafka_conf_t* settings) const { rd_kafka_conf_destroy(settings); }
};
using Settings = std::unique_ptr<rd_kafka_conf_t, SettingsEnd>;

Result<Settings> settings_of(const Properties& properties) {
    Settings settings(rd_kafka_conf_new());
    std::array<char, 256> why{};
    for (const auto& [key, value] : properties) {
        if (rd_kafka_conf_set(settings.get(), key.c_str(), value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK)
            return fail(ErrorKind::invalid, why.data());
    }
    rd_kafka_conf_set_dr_msg_cb(settings.get(), on_report);
    rd_kafka_conf_set_log_cb(settings.get(), [](const rd_kafka_t*, int, const char*, const char*) {
        // The output tells of trouble.
    });
    return settings;
}

Result<Producer> start(Settings& settings) {
    std::array<char, 256> why{};
    Producer producer(rd_kafka_new(RD_KAFKA_PRODUCER, settings.get(), why.data(), why.size()));
    if (!producer) return fail(ErrorKind::invalid, why.data());
    [[maybe_unused]] const rd_kafka_conf_t* with_kafka = settings.release();
    return producer;
}

// What librdkafka has against them (a certificate that cannot be read, a mechanism it does not know), without asking
// any server.
Result<> try_properties(Properties properties) {
    properties.erase("bootstrap.servers");
    auto settings = settings_of(properties);
    if (!settings) return std::unexpected(settings.error());
    const auto tried = start(*settings);
    return tried ? Result<>() : std::unexpected(tried.error());
}

// end: as on_resolve has it.
Result<Producer> make_producer(const OutputOptions& options, UniqueFd& end) {
    // Settings with an interceptor cannot be given back once librdkafka has refused them: it has freed a part of them
    // already. So they are tried without.
    if (auto ok = try_properties(properties_of(options)); !ok) return std::unexpected(ok.error());
    auto settings = settings_of(properties_of(options));
    if (!settings) return std::unexpected(settings.error());
    rd_kafka_conf_set_opaque(settings->get(), &end);
    rd_kafka_conf_set_resolve_cb(settings->get(), on_resolve);
    rd_kafka_conf_interceptor_add_on_new(settings->get(), "gyr", on_new, nullptr);
    auto producer = start(*settings);
    if (!producer) [[maybe_unused]]
        const rd_kafka_conf_t* left = settings->release();
    return producer;
}

class KafkaChannel final : public Channel {
  public:
    explicit KafkaChannel(OutputOptions options) : options_(std::move(options)) {}
    ~KafkaChannel() override { drop(); }
    KafkaChannel(const KafkaChannel&) = delete;
    KafkaChannel& operator=(const KafkaChannel&) = delete;

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        if (auto ok = ensure_producer(); !ok) return {Sent::retry, 0, "Kafka: " + ok.error().message, 0};
        const auto batch = std::make_shared<Batch>();
        batch->errors.assign(items.size(), RD_KAFKA_RESP_ERR__FAIL);
        for (std::size_t i = 0; i < items.size(); ++i) {
            const std::string key = delivery_id(*items[i].record);
            const std::string text = fit(items[i], options_.format, kMaxMessage);
            auto report = std::make_unique<Report>(Report{batch, i});
// The macros of rdkafka.h cast as C does.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
            const rd_kafka_resp_err_t error = rd_kafka_producev(
                producer_.get(), RD_KAFKA_V_TOPIC(options_.topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                // The host as key: one host's records stay in order in one partition.
                RD_KAFKA_V_KEY(options_.hostname.data(), options_.hostname.size()),
                RD_KAFKA_V_VALUE(const_cast<char*>(text.data()), text.size()),
                RD_KAFKA_V_HEADER("uuid", key.data(), static_cast<ssize_t>(key.size())),
                RD_KAFKA_V_OPAQUE(report.get()), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
            if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
                batch->errors[i] = error;
                break;
            }
            [[maybe_unused]] const Report* with_kafka = report.release();
            ++batch->open;
        }
        while (batch->open > 0 && patience.until.load(std::memory_order_acquire) > steady_now())
            rd_kafka_poll(producer_.get(), 50);
        return judge(*batch);
    }
    // Connects before there is anything to say. Why it cannot is told when there is.
    Idle wait_idle(const Patience& patience) override {
        (void)ensure_producer();
        return Channel::wait_idle(patience);
    }

  private:
    static constexpr std::size_t kMaxMessage = 900'000; // below the usual message.max.bytes

    Result<> ensure_producer() {
        if (producer_) return {};
        end_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        auto made = make_producer(options_, end_);
        if (!made) return std::unexpected(made.error());
        producer_ = std::move(*made);
        return {};
    }
    SendResult judge(const Batch& batch) {
        SendResult result;
        while (result.done < batch.errors.size() && batch.errors[result.done] == RD_KAFKA_RESP_ERR_NO_ERROR)
            ++result.done;
        if (result.done == batch.errors.size()) return result;
        const rd_kafka_resp_err_t error = batch.errors[result.done];
        result.problem = fmt::format("Kafka: {}", rd_kafka_err2str(error));
        const bool refused = error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_MSG;
        result.outcome = refused ? Sent::refused : Sent::retry;
        // A producer with something left in it, or that says it cannot go on, would mix old with new.
        drop();
        return result;
    }
    void drop() {
        if (!producer_) return;
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto n = ::write(end_.get(), &one, sizeof one); // the purge too waits for the threads
        rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(producer_.get(), 0); // the reports of what was purged
        producer_.reset();
    }

    const OutputOptions options_;
    UniqueFd end_;
    Producer producer_;
};

} // namespace

MadeChannel make_kafka_channel(const OutputOptions& options) {
    if (!options.url.starts_with("kafka://"))
        return fail(ErrorKind::invalid, fmt::format("Kafka is at kafka://host:port, not {}", options.url));
    if (options.url == "kafka://") return fail(ErrorKind::invalid, "'kafka://' is no address: the host is missing");
    if (options.topic.empty()) return fail(ErrorKind::invalid, "an output of type kafka needs 'topic'");
    // Files may come later: until then the output says what is missing.
    Properties properties = properties_of(options);
    std::erase_if(properties, [](const auto& property) {
        return property.first.starts_with("ssl.") && property.first.ends_with(".location");
    });
    if (auto ok = try_properties(std::move(properties)); !ok) return std::unexpected(ok.error());
    return std::make_unique<KafkaChannel>(options);
}

} // namespace gyr::outputs
