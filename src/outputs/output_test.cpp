// Outputs with a channel that does what the test wants.

#include "alerts/test_support.h"
#include "outputs/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <future>

#include <poll.h>
#include <stdlib.h>

namespace gyr::outputs {
namespace {

// Takes all that is repeated, and breaks again as soon as it is waited for: as many times as `kept` has numbers, each
// how many records were still to be repeated then.
class BreakingChannel final : public Channel {
  public:
    BreakingChannel(std::vector<std::size_t> left, std::promise<void>& calm) : left_(std::move(left)), calm_(calm) {}
    SendResult send(std::span<const Item> items, const Patience&) override {
        SendResult result;
        if (items.empty()) result.done = left_.at(breaks_ - 1);
        return result;
    }
    Idle wait_idle(const Patience& patience) override {
        if (breaks_++ < left_.size()) return Idle::broken;
        if (breaks_ == left_.size() + 1) calm_.set_value();
        return Channel::wait_idle(patience);
    }

  private:
    std::vector<std::size_t> left_;
    std::size_t breaks_ = 0;
    std::promise<void>& calm_;
};

OutputStats after_breaks(std::vector<std::size_t> left) {
    journal::Options journal_options;
    journal_options.hostname = "h";
    journal::Journal journal(std::move(journal_options));
    std::promise<void> calm;
    OutputOptions options;
    options.type = "program";
    options.name = "breaking";
    options.backoff_max = 1'000'000; // ns
    Output output(options, RecordFilter(), std::make_unique<BreakingChannel>(std::move(left), calm), journal,
                  journal::Start::resume, {});
    calm.get_future().wait();
    return output.stats();
}

TEST(Output, LeavesAReceiverAloneThatBreaksAgainAtOnce) {
    // Once or twice may be chance; then it is trouble, with a pause before each attempt.
    const OutputStats stats = after_breaks(std::vector<std::size_t>(20, 5));
    EXPECT_GT(stats.failures, 0U);
    EXPECT_NE(stats.problem.find("goes away"), std::string::npos) << stats.problem;
}

TEST(Output, DoesNotSlowDownAReceiverThatTakesSomeEachTime) {
    const OutputStats stats = after_breaks({40, 33, 26, 19, 12, 5});
    EXPECT_EQ(stats.failures, 0U);
    EXPECT_EQ(stats.problem, "");
}

// Refuses what is longer than it likes.
class NarrowChannel final : public Channel {
  public:
    NarrowChannel(std::size_t most, std::promise<std::string>& arrived) : most_(most), arrived_(arrived) {}
    SendResult send(std::span<const Item> items, const Patience&) override {
        SendResult result;
        for (const Item& item : items) {
            if (item.text.size() > most_) {
                result.outcome = Sent::refused;
                result.problem = "too long";
                return result;
            }
            if (std::holds_alternative<Alert>(*item.record)) arrived_.set_value(item.text);
            ++result.done;
        }
        return result;
    }

  private:
    const std::size_t most_;
    std::promise<std::string>& arrived_;
};

TEST(Output, CutsWhatAReceiverRefusesBeforeItGivesUp) {
    for (const std::size_t most : {std::size_t{100'000}, std::size_t{9'000}}) {
        journal::Journal journal(journal::Options{});
        std::promise<std::string> arrived;
        OutputOptions options;
        options.type = options.name = "narrow";
        options.format = {AlertFormat::json, TimeFormat::local};
        options.backoff_max = 1'000'000; // ns
        Output output(options, RecordFilter(), std::make_unique<NarrowChannel>(most, arrived), journal,
                      journal::Start::resume, {});
        Alert alert = test_alert(1);
        alert.output_fields.push_back({"proc.cmdline", {kHostile + std::string(1U << 20, 'x')}});
        journal.push(std::make_shared<const AlertRecord>(std::move(alert)));
        const std::string text = arrived.get_future().get();
        EXPECT_NE(text.find(test_uuid(1)), std::string::npos);
        EXPECT_NE(text.find("bytes cut"), std::string::npos);
        output.close(INT64_MAX / 2);
        EXPECT_EQ(output.stats().refused, 0U);
        EXPECT_EQ(output.stats().delivered, 1U);
    }
}

TEST(Output, TellsWhatIsWrongWithAnAddressAndNotItsPassword) {
    for (const auto& [type, url] :
         std::initializer_list<std::pair<const char*, const char*>>{{"http", "htps://user:secret@host/"},
                                                                    {"http", "http://user:secret@ho st/"},
                                                                    {"loki", "http://user:secret@host:99999999/"},
                                                                    {"redis", "redis://user:secret@host:99999"},
                                                                    {"nats", "nats://user:secret@"}}) {
        OutputOptions options;
        options.type = options.name = type;
        options.topic = "t";
        options.url = url;
        const auto channel = make_channel(options);
        ASSERT_FALSE(channel) << url;
        EXPECT_NE(channel.error().message.find("is no address"), std::string::npos) << channel.error().message;
        EXPECT_EQ(channel.error().message.find("secret"), std::string::npos) << channel.error().message;
    }
}

class ClosedChannel final : public Channel {
  public:
    SendResult send(std::span<const Item>, const Patience&) override { return {Sent::closed, 0, {}, 0}; }
};

TEST(Output, WhoseReaderHasGoneDoesNotWork) {
    journal::Journal journal(journal::Options{});
    OutputOptions options;
    options.type = options.name = "stdout";
    std::promise<void> closed;
    OutputEvents events;
    events.on_closed = [&] { closed.set_value(); };
    Output output(options, RecordFilter(), std::make_unique<ClosedChannel>(), journal, journal::Start::resume,
                  std::move(events));
    journal.push(std::make_shared<const AlertRecord>(test_alert(1)));
    closed.get_future().wait();
    EXPECT_EQ(output.stats().problem, "its reader has gone");
    EXPECT_EQ(output.stats().delivered, 0U);
}

TEST(Output, AProgramThatNeverEndsDoesNotHoldUpTheEnd) {
    std::string folder = std::filesystem::temp_directory_path() / "gyr-test-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    journal::Journal journal(journal::Options{});
    OutputOptions options;
    options.type = options.name = "program";
    options.command = "touch " + folder + "/begun; exec sleep 100000";
    options.keep_alive = false;
    options.timeout = 3600LL * 1'000'000'000;
    Output output(options, RecordFilter(), std::move(*make_channel(options)), journal, journal::Start::resume, {});
    journal.push(std::make_shared<const AlertRecord>(test_alert(1)));
    while (!std::filesystem::exists(folder + "/begun")) ::poll(nullptr, 0, 1);
    output.close(1'000'000); // ns
    EXPECT_EQ(output.stats().delivered, 0U);
    std::filesystem::remove_all(folder);
}

TEST(Output, TellsWhatCanNeverWork) {
    const auto problem = [](const char* type, const std::function<void(OutputOptions&)>& change) {
        OutputOptions options;
        options.type = options.name = type;
        options.topic = "t";
        options.url = std::string_view(type) == "redis" ? "redis://h" : "http://h/";
        change(options);
        const auto channel = make_channel(options);
        return channel ? std::string() : channel.error().message;
    };
    using ::testing::AllOf;
    using ::testing::HasSubstr;
    using ::testing::Not;
    EXPECT_EQ(problem("http", [](OutputOptions& o) { o.proxy = "proxy.example:3128"; }), "");
    EXPECT_EQ(problem("http", [](OutputOptions& o) { o.proxy = "socks5h://proxy.example"; }), "");
    EXPECT_THAT(problem("http", [](OutputOptions& o) { o.proxy = "http://me:secret@no proxy"; }),
                AllOf(HasSubstr("proxy"), Not(HasSubstr("secret"))));
    EXPECT_THAT(problem("http", [](OutputOptions& o) { o.headers = {{"A Name", "x"}}; }), HasSubstr("A Name"));
    EXPECT_THAT(problem("http", [](OutputOptions& o) { o.headers = {{"", "x"}}; }), HasSubstr("name of a header"));
    EXPECT_THAT(problem("http", [](OutputOptions& o) { o.token = "secret\nX-Other: y"; }),
                AllOf(HasSubstr("token"), Not(HasSubstr("secret"))));
    EXPECT_THAT(problem("splunk", [](OutputOptions& o) { o.user_agent = "a\rb"; }), HasSubstr("user agent"));
    EXPECT_EQ(problem("redis", [](OutputOptions& o) { o.url = "redis://h/15"; }), "");
    EXPECT_THAT(problem("redis", [](OutputOptions& o) { o.url = "redis://h/alerts"; }), HasSubstr("alerts"));
    EXPECT_THAT(problem("redis", [](OutputOptions& o) { o.url = "unix:///" + std::string(108, 'x'); }),
                HasSubstr("too long"));
    EXPECT_THAT(problem("syslog", [](OutputOptions& o) { o.url = "", o.path = "/" + std::string(108, 'x'); }),
                HasSubstr("too long"));
    EXPECT_THAT(problem("file", [](OutputOptions& o) { o.path = "/var/log/"; }), HasSubstr("folder"));
}

} // namespace
} // namespace gyr::outputs
