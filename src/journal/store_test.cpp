#include "journal/store.h"

#include "journal/test_support.h"

#include "alerts/format.h"

#include <gtest/gtest.h>

#include <fstream>

namespace gyr::journal {
namespace {

class StoreTest : public ::testing::Test {
  protected:
    Store open(Store::Options options = {}) {
        options.path = path;
        Trouble trouble{};
        auto store = Store::open(options, trouble);
        EXPECT_TRUE(store) << store.error().message;
        return std::move(*store);
    }
    // Appends alerts first..last.
    static void append(Store& store, std::uint64_t first, std::uint64_t last, Rolled rolled = Rolled::no) {
        std::vector<AlertRecord> records;
        for (std::uint64_t n = first; n <= last; ++n) records.emplace_back(test_alert(n));
        std::vector<NewRecord> rows;
        for (std::uint64_t n = first; n <= last; ++n) {
            const AlertRecord& record = records[n - first];
            rows.push_back({n, &record, format_record(record, {AlertFormat::json, TimeFormat::local}), rolled,
                            rolled == Rolled::no ? "" : "key"});
        }
        const auto done = store.append(rows, {});
        ASSERT_TRUE(done) << done.error().message;
    }
    StoreReader::Verdict verify(const std::optional<Head>& expected = {}) {
        auto reader = StoreReader::open(path);
        EXPECT_TRUE(reader);
        auto verdict = reader->verify(expected);
        EXPECT_TRUE(verdict);
        return *verdict;
    }
    void change(const std::string& sql) {
        auto database = Database::open(path, Database::Mode::write);
        ASSERT_TRUE(database);
        const auto done = database->execute(sql);
        ASSERT_TRUE(done) << done.error().message;
    }

    TestFolder folder;
    std::string path = folder / "journal.db";
};

TEST_F(StoreTest, WhatIsWrittenIsReadInOrder) {
    Store store = open();
    append(store, 1, 10);
    auto reader = StoreReader::open(path);
    ASSERT_TRUE(reader);
    const auto some = reader->read(3, 4, 1U << 20, true);
    ASSERT_TRUE(some);
    ASSERT_EQ(some->size(), 4U);
    EXPECT_EQ(some->front().sequence, 4U);
    EXPECT_EQ(some->back().sequence, 7U);
    // A byte budget holds too, but never gives nothing.
    EXPECT_EQ(reader->read(0, 10, 1, true)->size(), 1U);
    EXPECT_EQ(reader->lag(7)->count, 3U);
    EXPECT_EQ(reader->before_time(test_alert(5).time), 4U);
    EXPECT_EQ(reader->before_time(test_alert(99).time), 10U);
}

TEST_F(StoreTest, AnUntouchedJournalIsIntactAndTellsItsHead) {
    Store store = open();
    EXPECT_TRUE(verify().intact);
    append(store, 1, 5);
    const Head noted = store.head();
    append(store, 6, 9);
    EXPECT_TRUE(verify().intact);
    EXPECT_EQ(verify().records, 9U);
    EXPECT_TRUE(verify(noted).intact);
    EXPECT_TRUE(verify(store.head()).intact);
}

TEST_F(StoreTest, EveryKindOfTamperingIsFound) {
    const auto tampered = [&](const std::string& sql) {
        std::filesystem::remove(path);
        std::filesystem::remove(path + "-wal");
        std::filesystem::remove(path + "-shm");
        {
            Store store = open();
            append(store, 1, 9);
        }
        EXPECT_TRUE(verify().intact);
        change(sql);
        const auto verdict = verify();
        return !verdict.intact && !verdict.problem.empty();
    };
    EXPECT_TRUE(tampered("UPDATE record SET text = replace(text, 'root', 'toor') WHERE seq = 4"));
    EXPECT_TRUE(tampered("DELETE FROM record WHERE seq = 4"));
    EXPECT_TRUE(tampered("DELETE FROM record WHERE seq < 4"));
    EXPECT_TRUE(tampered("DELETE FROM record WHERE seq > 4"));
    EXPECT_TRUE(tampered("DELETE FROM record"));
    EXPECT_TRUE(tampered("UPDATE record SET seq = seq + 100 WHERE seq = 9"));
    EXPECT_TRUE(tampered(
        "INSERT INTO record SELECT seq + 100, time, rule, rolled, rollup_key, text, digest FROM record WHERE seq = 9"));
}

TEST_F(StoreTest, AWholeRewriteIsFoundByAHeadThatWasNoted) {
    Head noted;
    {
        Store store = open();
        append(store, 1, 9);
        noted = store.head();
    }
    std::filesystem::remove(path);
    Store store = open();
    append(store, 2, 20);
    EXPECT_TRUE(verify().intact);
    EXPECT_FALSE(verify(noted).intact);
}

TEST_F(StoreTest, RetentionKeepsTheChainAndTellsWhoMissedWhat) {
    Store store = open({.path = {}, .max_bytes = 200'000, .max_age = 0, .sync = false, .limit_bytes_for_test = 0});
    append(store, 1, 1000);
    ASSERT_TRUE(store.save_cursors({{"slow", 2}, {"fast", 1000}}));
    std::vector<Overrun> overruns;
    while (store.retain(kTestTime, overruns).value_or(false)) {
    }
    EXPECT_LE(store.bytes(), 200'000U);
    const auto verdict = verify();
    EXPECT_TRUE(verdict.intact) << verdict.problem;
    EXPECT_GT(verdict.first, 2U);
    EXPECT_EQ(verdict.anchor.sequence, verdict.first - 1);
    ASSERT_FALSE(overruns.empty());
    // The cursor stays where it was (moving it is the output's), so the last one counts all.
    for (const Overrun& overrun : overruns) EXPECT_EQ(overrun.output, "slow");
    EXPECT_EQ(overruns.back().upto, verdict.anchor.sequence);
}

TEST_F(StoreTest, RetentionByAge) {
    constexpr Nanos kMs = 1'000'000;
    Store store =
        open({.path = {}, .max_bytes = 1U << 30, .max_age = 100 * kMs, .sync = false, .limit_bytes_for_test = 0});
    append(store, 1, 50);
    std::vector<Overrun> overruns;
    EXPECT_EQ(store.retain(kTestTime + 100 * kMs, overruns), false);
    EXPECT_EQ(verify().records, 50U);
    EXPECT_EQ(store.retain(kTestTime + 120 * kMs, overruns), false);
    EXPECT_EQ(verify().first, 20U);
    EXPECT_EQ(store.retain(kTestTime + 1000 * kMs, overruns), false);
    EXPECT_EQ(verify().records, 0U);
    EXPECT_TRUE(verify().intact);
    append(store, 51, 52);
    EXPECT_TRUE(verify().intact);
}

TEST_F(StoreTest, AnEndIsTold) {
    {
        Store store = open();
        EXPECT_EQ(store.begin_use(), false);
    }
    {
        Store store = open();
        EXPECT_EQ(store.begin_use(), true) << "the first agent never said that it ended";
        ASSERT_TRUE(store.end_use());
    }
    Store store = open();
    EXPECT_EQ(store.begin_use(), false);
}

TEST_F(StoreTest, OtherFilesAreRefused) {
    std::ofstream(path) << std::string(5000, 'x');
    Trouble trouble{};
    EXPECT_FALSE(
        Store::open({.path = path, .max_bytes = 1, .max_age = 0, .sync = false, .limit_bytes_for_test = 0}, trouble));
    EXPECT_EQ(trouble, Trouble::corrupt);
    EXPECT_FALSE(StoreReader::open(path));
    EXPECT_FALSE(StoreReader::open(folder / "nothing"));
}

// The numbers of an agent that begins without its file have a hole before them.
TEST_F(StoreTest, RetentionBySizeTakesATwentiethThoughNumbersHaveHoles) {
    Store store = open({.path = {}, .max_bytes = 1, .max_age = 0, .sync = false, .limit_bytes_for_test = 0});
    append(store, 1, 95);
    append(store, 1'000'001, 1'000'005);
    std::vector<Overrun> overruns;
    EXPECT_EQ(store.retain(kTestTime, overruns), true);
    const auto verdict = verify();
    EXPECT_EQ(verdict.records, 95U);
    EXPECT_EQ(verdict.first, 6U);
}

} // namespace
} // namespace gyr::journal
