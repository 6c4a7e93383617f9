#include "event/listing.h"

#include "event/schema.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

namespace gyr {
namespace {

TEST(EventListing, HasEveryCurrentEventOnce) {
    const auto all = nlohmann::json::parse(list_events("json", true)),
               current = nlohmann::json::parse(list_events("json", false));
    EXPECT_EQ(all.size(), 454u - 35u) << "35 codes have no event";
    EXPECT_LT(current.size(), all.size());
    std::set<int> codes;
    for (const auto& e : current) {
        EXPECT_FALSE(e["old"]) << e;
        EXPECT_TRUE(codes.insert(e["code"].get<int>()).second);
    }
    EXPECT_TRUE(codes.contains(kExecve));
    EXPECT_FALSE(codes.contains(102)) << "the first openat";
}

TEST(EventListing, TellsParametersWithTheirTypes) {
    const std::string text = list_events("text", false);
    EXPECT_NE(text.find("307  openat"), std::string::npos);
    EXPECT_NE(text.find("name:fsrelpath(dirfd=param1) flags:flags32(file_flags)"), std::string::npos);
    for (const auto& e : nlohmann::json::parse(list_events("json", false)))
        if (e["code"] == 5) {
            EXPECT_EQ(e["params"][1], (nlohmann::json{{"name", "fd"}, {"type", "fd"}, {"format", "dec"}}));
        }
    EXPECT_TRUE(list_events("markdown", false).starts_with("| code |"));
}

TEST(EventListing, HasEverySystemCall) {
    const auto all = nlohmann::json::parse(list_syscalls("json"));
    EXPECT_EQ(all.size(), syscall_table().size());
    EXPECT_NE(list_syscalls("text").find("sched_yield"), std::string::npos);
    EXPECT_TRUE(list_syscalls("markdown").starts_with("| number |"));
}

} // namespace
} // namespace gyr
