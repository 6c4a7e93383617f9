// A Kafka cluster of one broker, as librdkafka mocks it, for tests of the Kafka output:
//
//   kafka_peer TOPIC
//
// Writes its address, then obeys commands, one a line: "down" and "up"; "slow MS" answers that much later; "errors N"
// answers the next N requests to produce with an error; "received" answers with the values of all records in their
// order, as many lines as the first line says. It begins down.

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr std::int16_t kProduce = 0; // the number of this kind of request in Kafka's protocol
constexpr int kWaitMs = 100;

rd_kafka_t* make(rd_kafka_type_t type, const std::vector<std::pair<std::string, std::string>>& settings) {
    std::array<char, 256> why{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [key, value] : settings) {
        if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
            std::cerr << why.data() << "\n";
            std::exit(2);
        }
    }
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    rd_kafka_t* made = rd_kafka_new(type, conf, why.data(), why.size());
    if (made == nullptr) {
        std::cerr << why.data() << "\n";
        std::exit(2);
    }
    return made;
}

std::vector<std::string> read_all(const std::string& servers, const std::string& topic) {
    std::vector<std::string> values;
    rd_kafka_t* consumer = make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", servers},
                                                    {"group.id", "test"},
                                                    {"enable.partition.eof", "true"},
                                                    {"enable.auto.commit", "false"},
                                                    {"fetch.wait.max.ms", "10"}});
    rd_kafka_topic_partition_list_t* from = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(from, topic.c_str(), 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, from);
    rd_kafka_topic_partition_list_destroy(from);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (bool end = false; !end && std::chrono::steady_clock::now() < deadline;) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, kWaitMs);
        if (message == nullptr) continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            values.emplace_back(static_cast<const char*>(message->payload), message->len);
        end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy(consumer);
    return values;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::string topic = argv[1];
    rd_kafka_t* owner = make(RD_KAFKA_PRODUCER, {{"bootstrap.servers", "none.invalid"}});
    rd_kafka_mock_cluster_t* cluster = rd_kafka_mock_cluster_new(owner, 1);
    rd_kafka_mock_topic_create(cluster, topic.c_str(), 1, 1);
    rd_kafka_mock_broker_set_down(cluster, 1);
    const std::string servers = rd_kafka_mock_cluster_bootstraps(cluster);
    std::cout << servers << std::endl;
    for (std::string command; std::cin >> command;) {
        if (command == "down") {
            rd_kafka_mock_broker_set_down(cluster, 1);
        } else if (command == "up") {
            rd_kafka_mock_broker_set_up(cluster, 1);
        } else if (command == "slow") {
            int milliseconds = 0;
            std::cin >> milliseconds;
            rd_kafka_mock_broker_set_rtt(cluster, 1, milliseconds);
        } else if (command == "errors") {
            int count = 0;
            std::cin >> count;
            for (int i = 0; i < count; ++i)
                rd_kafka_mock_push_request_errors(cluster, kProduce, 1, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
        } else if (command == "received") {
            const std::vector<std::string> values = read_all(servers, topic);
            std::cout << values.size() << "\n";
            for (const std::string& value : values) std::cout << value << "\n";
            std::cout << std::flush;
            continue;
        }
        std::cout << "done" << std::endl;
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(owner);
}
