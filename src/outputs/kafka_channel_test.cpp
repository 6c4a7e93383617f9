// The Kafka output without a server: what is wrong with its settings. With one: tests/outputs/conformance.py.

#include "alerts/test_support.h"
#include "outputs/output.h"

#include <gtest/gtest.h>

namespace gyr::outputs {
namespace {

class KafkaChannelTest : public ::testing::Test {
  protected:
    void SetUp() override {
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
        GTEST_SKIP() << "clang's ThreadSanitizer does not know how librdkafka starts its threads";
#endif
#endif
    }
};

OutputOptions of_kafka() {
    OutputOptions options;
    options.type = options.name = "kafka";
    options.topic = "t";
    options.url = "kafka://127.0.0.1:1";
    return options;
}

TEST_F(KafkaChannelTest, TellsWhatLibrdkafkaHasAgainstItsSettings) {
    OutputOptions options = of_kafka();
    for (const auto& [key, value] : std::initializer_list<std::pair<const char*, const char*>>{
             {"sasl.mechanisms", "NONSENSE"}, {"enable.idempotence", "perhaps"}, {"no.such.property", "1"}}) {
        options.properties = {{key, value}, {"security.protocol", "sasl_plaintext"}};
        const auto channel = make_channel(options);
        ASSERT_FALSE(channel) << key;
        EXPECT_NE(channel.error().message, "");
    }
}

TEST_F(KafkaChannelTest, WaitsForCertificatesThatAreNotThereYet) {
    OutputOptions options = of_kafka();
    options.tls.ca = "/nowhere/ca.pem";
    const auto channel = make_channel(options);
    ASSERT_TRUE(channel) << channel.error().message;
    const Item item{std::make_shared<const AlertRecord>(test_alert(1)), "{}"};
    for (int attempt = 0; attempt < 3; ++attempt) {
        const SendResult result = (*channel)->send(std::span(&item, 1), Patience());
        EXPECT_EQ(result.outcome, Sent::retry);
        EXPECT_NE(result.problem.find("ssl.ca.location"), std::string::npos) << result.problem;
    }
}

} // namespace
} // namespace gyr::outputs
