#include "capfile/enter_event.h"

#include "capfile/conversion.h"
#include "capfile/test_support.h"
#include "event/schema.h"

#include <gtest/gtest.h>

namespace gyr::capfile {
namespace {

struct Entered {
    EventCode code;
    std::vector<std::string> params;
    friend bool operator==(const Entered&, const Entered&) = default;
};

std::optional<Entered> enter_of(EventCode code, const std::vector<std::string>& params) {
    const std::vector<std::string_view> views(params.begin(), params.end());
    RawEvent exit, enter;
    exit.code = code;
    exit.params = views;
    std::array<std::string_view, kMaxParams> room;
    if (!make_enter_event(exit, room, enter)) return std::nullopt;
    return Entered{enter.code, {enter.params.begin(), enter.params.end()}};
}

TEST(EnterEvent, TakesItsParametersFromTheExitEvent) {
    EXPECT_EQ(enter_of(5, {"res", "fd"}), (Entered{4, {"fd"}}));
    EXPECT_EQ(enter_of(7, {"res", "data", "fd", "size"}), (Entered{6, {"fd", "size"}}));
    EXPECT_EQ(enter_of(23, {"res", "tuple", "fd", "addr"}), (Entered{22, {"fd", "addr"}}));
    EXPECT_EQ(enter_of(151, {"res", "fd", "cmd", "arg"}), (Entered{150, {"fd", "cmd"}}));
    EXPECT_EQ(enter_of(1, {"id", "native"}), (Entered{0, {"id", "native"}})) << "the system call's number is in both";
    std::vector<std::string> execve(31, "x");
    execve[30] = "filename";
    EXPECT_EQ(enter_of(kExecve, execve), (Entered{292, {"filename"}}));
}

TEST(EnterEvent, IsThereOnlyWhereAReaderWantsIt) {
    EXPECT_EQ(enter_of(307, std::vector<std::string>(7, "x")), std::nullopt)
        << "openat told everything at its end already";
    EXPECT_EQ(enter_of(kProcExit, {}), std::nullopt);
    EXPECT_EQ(enter_of(kClone, {}), std::nullopt);
    EXPECT_EQ(enter_of(103, {"fd"}), std::nullopt) << "an old event is not written";
    EXPECT_EQ(enter_of(kSnapshot, {}), std::nullopt);
}

TEST(EnterEvent, UpgradesBackToTheSameExitEvent) {
    // What an old exit event lost is found again by way of its enter event: for every event that has one.
    int checked = 0;
    for (const EventInfo& exit : event_schema()) {
        std::vector<std::string> params;
        for (std::size_t i = 0; i < exit.params.size(); ++i) params.push_back("value" + std::to_string(i));
        const auto enter = enter_of(exit.code, params);
        if (!enter) continue;
        ++checked;
        for (std::size_t count = 1; count < params.size(); ++count) {
            Converter converter;
            const std::vector<std::string_view> enter_views(enter->params.begin(), enter->params.end());
            const std::vector<std::string_view> all(params.begin(), params.end());
            RawEvent raw;
            raw.code = enter->code;
            raw.params = enter_views;
            static_cast<void>(converter.convert(raw));
            raw.code = exit.code;
            raw.params = std::span(all).first(count);
            if (converter.convert(raw) == Converter::Outcome::drop || converter.stats().no_rule > 0) continue;
            ASSERT_EQ(raw.params.size(), params.size()) << exit.name;
            for (std::size_t i = count; i < params.size(); ++i) {
                const bool lost =
                    raw.params[i].find_first_not_of('\0') == std::string_view::npos; // the table says empty
                EXPECT_TRUE(lost || raw.params[i] == params[i]) << exit.name << " parameter " << i;
            }
        }
    }
    EXPECT_GE(checked, 70);
}

TEST(EnterEvent, IsWrittenWhenAskedForAndNotSeenByOurReader) {
    const std::vector<std::string_view> params = {std::string_view("\0\0\0\0\0\0\0\0", 8),
                                                  std::string_view("\7\0\0\0\0\0\0\0", 8)};
    RawEvent close;
    close.code = 5;
    close.tid = 9;
    close.params = params;
    std::string bytes;
    auto writer = Writer::to_string(bytes, {.compress = false, .enter_events = true});
    ASSERT_TRUE(writer->write_event(close));
    ASSERT_TRUE(writer->close());
    EXPECT_EQ(writer->events(), 1u);
    auto raw = Reader::from_bytes(as_bytes(bytes), {.upgrade = false});
    EXPECT_EQ(Whole(*raw).events.size(), 2u);
    auto reader = Reader::from_bytes(as_bytes(bytes));
    const Whole w(*reader);
    ASSERT_EQ(w.events.size(), 1u);
    EXPECT_EQ(w.events[0].params[1], params[1]);
}

} // namespace
} // namespace gyr::capfile
