// Kafka by librdkafka, with its idempotent producer: order holds and nothing is written twice over one connection. url:
// kafka://host:port, several hosts apart by commas; topic; properties: librdkafka's own, as they are.

#include "outputs/channels.h"

#include "base/clock.h"
#include "base/thread_signals.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <memory>
#include <vector>

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

Result<Producer> make_producer(const OutputOptions& options) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    std::array<char, 256> why{};
    std::map<std::string, std::string> properties{
        {"bootstrap.servers", options.url.substr(options.url.find("://") + 3)},
        {"enable.idempotence", "true"},
        {"linger.ms", "2"},
        {"client.id", "gyr"},
        // Given up after this, and tried again by the output with its back-off.
        {"message.timeout.ms", fmt::to_string(std::max<Nanos>(1000, options.timeout / 1'000'000))},
        {"socket.timeout.ms", fmt::to_string(std::max<Nanos>(1000, options.timeout / 1'000'000))},
        {"reconnect.backoff.max.ms", "2000"},
    };
    if (!options.tls.ca.empty()) properties["ssl.ca.location"] = options.tls.ca;
    if (!options.tls.cert.empty()) properties["ssl.certificate.location"] = options.tls.cert;
    if (!options.tls.key.empty()) properties["ssl.key.location"] = options.tls.key;
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
    for (const auto& [key, value] : properties) {
        if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return fail(ErrorKind::invalid, why.data());
        }
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_log_cb(conf,
                             [](const rd_kafka_t*, int, const char*, const char*) {}); // the output tells of trouble
    rd_kafka_conf_interceptor_add_on_new(conf, "gyr", on_new, nullptr);
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
    if (producer == nullptr) {
        rd_kafka_conf_destroy(conf);
        return fail(ErrorKind::invalid, why.data());
    }
    return Producer(producer);
}

class KafkaChannel final : public Channel {
  public:
    KafkaChannel(OutputOptions options, Producer producer)
        : options_(std::move(options)), producer_(std::move(producer)) {}
    ~KafkaChannel() override { drop(); }
    KafkaChannel(const KafkaChannel&) = delete;
    KafkaChannel& operator=(const KafkaChannel&) = delete;

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        if (!producer_) {
            auto made = make_producer(options_);
            if (!made) return {Sent::retry, 0, made.error().message, 0};
            producer_ = std::move(*made);
        }
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

  private:
    static constexpr std::size_t kMaxMessage = 900'000; // below the usual message.max.bytes

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
        rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(producer_.get(), 0); // the reports of what was purged
        producer_.reset();
    }

    const OutputOptions options_;
    Producer producer_;
};

} // namespace

MadeChannel make_kafka_channel(const OutputOptions& options) {
    if (!options.url.starts_with("kafka://"))
        return fail(ErrorKind::invalid, fmt::format("Kafka is at kafka://host:port, not {}", options.url));
    if (options.topic.empty()) return fail(ErrorKind::invalid, "an output of type kafka needs 'topic'");
    auto producer = make_producer(options);
    if (!producer) return std::unexpected(producer.error());
    return std::make_unique<KafkaChannel>(options, std::move(*producer));
}

} // namespace gyr::outputs
