#include "capfile/reader.h"

#include "base/test_data.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace gyr::capfile {
namespace {

TEST(CaptureReader, ReadsEveryCaptureToItsEndWithTheEventsThatFalcoSaw) {
    const std::string data = test_data_dir();
    std::ifstream file(data + "/captures/index.json");
    if (!file) GTEST_SKIP() << "no captures: set GYR_TEST_DATA";
    for (const auto& entry : nlohmann::json::parse(file)) {
        const std::string name = entry["capture"];
        auto reader = Reader::open(data + "/captures/" + name);
        ASSERT_TRUE(reader) << reader.error().message;
        std::uint64_t seen = 0;
        for (Item item = reader->next(); item != Item::end; item = reader->next()) {
            ASSERT_NE(item, Item::damage) << name << ": " << reader->damage().message;
            EXPECT_NE(item, Item::unknown_block) << name;
            if (item == Item::event && reader->for_rules()) ++seen;
        }
        EXPECT_EQ(seen, entry["events_seen_by_falco"].get<std::uint64_t>()) << name;
        EXPECT_EQ(reader->stats().conversion.no_rule, 0u) << name;
        EXPECT_EQ(reader->stats().conversion.evicted, 0u) << name;
    }
}

} // namespace
} // namespace gyr::capfile
