#include "journal/journal.h"

#include "journal/database.h"
#include "journal/test_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sys/wait.h>

namespace gyr::journal {
namespace {

std::string uuid_of(const AlertRecord& record) {
    const Alert* alert = std::get_if<Alert>(&record);
    return alert == nullptr ? "" : alert->uuid;
}

// What arrived, and what was said to be lost.
struct Tally {
    std::uint64_t alerts = 0, declared = 0;
    void add(const AlertRecord& record) {
        if (std::holds_alternative<Alert>(record)) ++alerts;
        if (const auto* gap = std::get_if<GapRecord>(&record)) declared += gap->count;
    }
};

class JournalTest : public ::testing::Test {
  protected:
    Options options() {
        Options o;
        o.path = path;
        o.hostname = "node1";
        o.outputs = {"a", "b"};
        o.max_age = 0; // the alerts of these tests are old
        o.on_problem = [this](const std::string& problem) { problems.push_back(problem); };
        return o;
    }
    static void push(Journal& journal, std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t n = first; n <= last; ++n) journal.push(shared(test_alert(n)));
    }
    // The alerts among the records are first..last, all, in order.
    static void expect_alerts(const std::vector<AlertRecordPtr>& records, std::uint64_t first, std::uint64_t last) {
        std::uint64_t next = first;
        for (const AlertRecordPtr& record : records) {
            if (std::holds_alternative<Alert>(*record)) {
                ASSERT_EQ(uuid_of(*record), test_uuid(next));
                ++next;
            }
        }
        EXPECT_EQ(next, last + 1);
    }
    StoreReader::Verdict verify() {
        auto reader = StoreReader::open(path);
        EXPECT_TRUE(reader) << (reader ? "" : reader.error().message);
        if (!reader) return {};
        const auto verdict = reader->verify({});
        EXPECT_TRUE(verdict) << (verdict ? "" : verdict.error().message);
        return verdict.value_or(StoreReader::Verdict{});
    }

    TestFolder folder;
    std::string path = folder / "journal.db";
    std::vector<std::string> problems; // read only after the journal has ended
};

TEST_F(JournalTest, ABurstArrivesWholeAndInOrder) {
#ifdef GYR_SANITIZED
    constexpr std::uint64_t kBurst = 3'000; // a record read back takes a millisecond there
#else
    constexpr std::uint64_t kBurst = 50'000;
#endif
    Options o = options();
    o.recent_bytes = 40 * kBurst; // most of it is read from the file
    Journal journal(o);
    TestReader a(journal, "a");
    TestReader b(journal, "b");
    for (std::uint64_t n = 1; n <= kBurst; ++n) { // no more in them than what this looks at
        Alert alert;
        alert.uuid = test_uuid(n);
        alert.time = kTestTime;
        journal.push(shared(std::move(alert)));
    }
    expect_alerts(a.read(kBurst), 1, kBurst);
    expect_alerts(b.read(kBurst), 1, kBurst);
    EXPECT_EQ(journal.status().lost, 0U);
    EXPECT_EQ(journal.status().problem, "");
    const Status status = journal.status();
    EXPECT_EQ(status.committed, kBurst);
    const auto verdict = verify();
    EXPECT_TRUE(verdict.intact);
    EXPECT_EQ(verdict.records, kBurst);
}

TEST_F(JournalTest, ARecordIsOnDiskBeforeAnOutputSeesIt) {
    Journal journal(options());
    TestReader a(journal, "a");
    auto reader = StoreReader::open(path);
    ASSERT_TRUE(reader);
    for (std::uint64_t n = 1; n <= 200; ++n) {
        push(journal, n, n);
        expect_alerts(a.read(1), n, n);
        EXPECT_EQ(reader->read(n - 1, 10, 1U << 20, true)->size(), 1U);
    }
}

TEST_F(JournalTest, EachOutputGoesOnWhereItWas) {
    {
        Journal journal(options());
        TestReader a(journal, "a");
        TestReader b(journal, "b");
        push(journal, 1, 100);
        expect_alerts(a.read(100), 1, 100);
        journal.flush();
    }
    Journal journal(options());
    TestReader a(journal, "a");
    TestReader b(journal, "b");
    TestReader fresh(journal, "new");
    push(journal, 101, 105);
    expect_alerts(a.read(5), 101, 105);
    expect_alerts(b.read(105), 1, 105);
    expect_alerts(fresh.read(5), 101, 105);
}

TEST_F(JournalTest, AfterACleanEndATerminalIsNotToldOldThings) {
    {
        Journal journal(options());
        TestReader a(journal, "a", Start::after_crash);
        push(journal, 1, 10);
        journal.flush();
    }
    Journal journal(options());
    TestReader a(journal, "a", Start::after_crash);
    push(journal, 11, 11);
    expect_alerts(a.read(1), 11, 11);
}

// The agent is killed at any moment. What an output showed is in the journal, what is in the journal is shown.
TEST_F(JournalTest, KilledAtAnyMomentNothingIsLost) {
#ifdef GYR_SANITIZED
    constexpr int kRounds = 5;
#else
    constexpr int kRounds = 15;
#endif
    std::set<std::string> shown;
    for (int round = 0; round < kRounds; ++round) {
        int fds[2];
        ASSERT_EQ(::pipe(fds), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(fds[0]);
            Journal journal(options());
            TestReader a(journal, "a", Start::after_crash);
            const auto base = static_cast<std::uint64_t>(round) * 1'000'000;
            for (std::uint64_t n = 1;; ++n) {
                journal.push(shared(test_alert(base + n)));
                for (const Entry& entry : a.subscription->read(100, 1U << 20)) {
                    if (const std::string line = uuid_of(*entry.record) + "\n";
                        ::write(fds[1], line.data(), line.size()) < 0)
                        ::_exit(1);
                    a.subscription->delivered(entry.sequence);
                }
            }
        }
        ::close(fds[1]);
        std::string text;
        char buffer[4096];
        const auto enough = static_cast<std::size_t>(37 * (round * 97 + 1)); // another moment each time
        while (text.size() < enough) {
            const ssize_t n = ::read(fds[0], buffer, sizeof buffer);
            ASSERT_GT(n, 0);
            text.append(buffer, static_cast<std::size_t>(n));
        }
        ::kill(child, SIGKILL);
        for (ssize_t n = 0; (n = ::read(fds[0], buffer, sizeof buffer)) > 0;)
            text.append(buffer, static_cast<std::size_t>(n));
        ::close(fds[0]);
        ::waitpid(child, nullptr, 0);
        for (std::size_t at = 0; at + 37 <= text.size(); at += 37) shown.insert(text.substr(at, 36));
    }
    // One more life, in which the output catches up.
    Journal journal(options());
    TestReader a(journal, "a", Start::after_crash);
    std::set<std::string> kept;
    auto reader = StoreReader::open(path);
    ASSERT_TRUE(reader);
    const auto all = reader->read(0, 100'000'000, SIZE_MAX, false);
    for (const StoredRecord& record : *all) kept.insert(record.text.substr(9, 36));
    for (const std::string& uuid : shown) EXPECT_TRUE(kept.contains(uuid)) << uuid;
    const auto behind = static_cast<std::size_t>(journal.lag(a.subscription->position()).count);
    for (const AlertRecordPtr& record : a.read(behind)) shown.insert(uuid_of(*record));
    for (const std::string& uuid : kept) EXPECT_TRUE(shown.contains(uuid)) << uuid;
    EXPECT_TRUE(verify().intact);
}

// A reader that is done with everything has its place on disk soon after, though nothing more comes.
TEST_F(JournalTest, AnIdleOutputsPlaceIsSaved) {
    Journal journal(options());
    TestReader a(journal, "a");
    push(journal, 1, 10);
    expect_alerts(a.read(10), 1, 10);
    auto reader = StoreReader::open(path);
    ASSERT_TRUE(reader);
    for (;;) { // the test's time is its patience
        const auto cursors = reader->cursors();
        ASSERT_TRUE(cursors);
        if (!cursors->empty() && cursors->front().sequence == a.subscription->position()) break;
        ::poll(nullptr, 0, 1);
    }
}

TEST_F(JournalTest, AFullDiskIsToldAndAlertsGoOn) {
    {
        Options o = options();
        o.limit_bytes_for_test = 400'000;
        Journal journal(o);
        TestReader a(journal, "a");
        for (std::uint64_t n = 1; n <= 2000; n += 100) {
            push(journal, n, n + 99);
            journal.flush();
        }
        const auto records = a.read(2001);
        expect_alerts(records, 1, 2000);
        EXPECT_EQ(std::count_if(records.begin(), records.end(),
                                [](const auto& r) { return std::holds_alternative<Notice>(*r); }),
                  1);
        EXPECT_FALSE(journal.status().durable);
    }
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].find("full"), std::string::npos) << problems[0];
    EXPECT_TRUE(verify().intact);
    // With room again the next agent writes on.
    Journal journal(options());
    push(journal, 3001, 3010);
    journal.flush();
    EXPECT_TRUE(journal.status().durable);
    EXPECT_TRUE(verify().intact);
}

TEST_F(JournalTest, ADiskThatStaysFullIsToldOnceAndCountsNothingTwice) {
    RollupRules rules;
    rules.all = RollupRule{{}, 3600LL * 1'000'000'000, 1};
    Options o = options();
    o.limit_bytes_for_test = 400'000;
    o.retry_every = 0; // after every batch
    Journal journal(o);
    journal.set_rollup(rules);
    TestReader a(journal, "a");
    constexpr std::uint64_t kCount = 2000;
    for (std::uint64_t n = 1; n <= kCount; n += 20) {
        push(journal, n, n + 19);
        journal.flush();
    }
    journal.close();
    const auto records = a.read(3); // the first alert, the notice, the summary of the rest
    ASSERT_EQ(records.size(), 3U);
    EXPECT_TRUE(a.subscription->read(100, 1U << 20).empty());
    EXPECT_EQ(problems.size(), 1U);
    std::uint64_t counted = 0;
    for (const auto& record : records) {
        const Alert* alert = std::get_if<Alert>(record.get());
        const AlertBlock* block = alert != nullptr ? alert->find_block("rollup") : nullptr;
        if (block != nullptr) counted += std::get<std::uint64_t>(block->find("count")->data);
    }
    EXPECT_EQ(counted, kCount - 1);
}

TEST_F(JournalTest, ADamagedFileIsSetAside) {
    std::ofstream(path) << std::string(100'000, 'x');
    std::ofstream(path + ".lock") << ""; // an agent has been here
    Journal journal(options());
    TestReader a(journal, "a");
    push(journal, 1, 10);
    const auto records = a.read(11);
    expect_alerts(records, 1, 10);
    ASSERT_TRUE(std::holds_alternative<Notice>(*records.front()));
    EXPECT_NE(std::get<Notice>(*records.front()).message.find("damaged"), std::string::npos);
    EXPECT_TRUE(journal.status().durable);
    bool kept = false;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path))
        kept = kept || entry.path().filename().string().starts_with("journal.db.damaged-");
    EXPECT_TRUE(kept);
}

TEST_F(JournalTest, AFileThatIsNoJournalIsLeftAlone) {
    const std::string text = "root:x:0:0:root:/root:/bin/bash\n";
    std::ofstream(path) << text;
    for (int start = 0; start < 2; ++start) {
        Journal journal(options());
        TestReader a(journal, "a");
        push(journal, 1, 10);
        expect_alerts(a.read(11), 1, 10);
        EXPECT_FALSE(journal.status().durable);
        EXPECT_NE(journal.status().problem.find("left alone"), std::string::npos) << journal.status().problem;
    }
    std::ifstream file(path);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
}

TEST_F(JournalTest, AFileThatIsTakenAwayBeginsAnew) {
    { // so that the numbers do not begin with 1
        Journal before(options());
        push(before, 1, 100);
    }
    const auto take_away = [&] {
        for (const char* tail : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path + tail);
    };
    std::uint64_t had = 0; // alerts that b had
    {
        Journal journal(options());
        TestReader a(journal, "a");
        TestReader b(journal, "b");
        take_away();
        push(journal, 101, 105);
        expect_alerts(a.read(6), 101, 105);
        take_away();
        push(journal, 106, 110);
        expect_alerts(a.read(6), 106, 110);
        const std::vector<Entry> some = b.subscription->read(2, 1U << 20);
        ASSERT_EQ(some.size(), 2U);
        for (const Entry& entry : some) had += std::holds_alternative<Alert>(*entry.record) ? 1U : 0U;
        b.subscription->delivered(some.back().sequence);
    }
    EXPECT_EQ(std::ranges::count_if(problems, [](const std::string& p) { return p.contains("taken away"); }), 2);
    EXPECT_EQ(verify().records, 12U) << "what was in memory is in the new file";
    Journal after(options());
    TestReader b(after, "b");
    expect_alerts(b.read(10), 101 + had, 110);
}

TEST_F(JournalTest, AFileThatCanBeMadeLaterIsUsedThen) {
    std::ofstream(folder / "later") << "";
    Options o = options();
    o.path = path = folder / "later/journal.db";
    o.demanded = false;
    o.retry_every = 1'000'000; // ns
    Journal journal(o);
    TestReader a(journal, "a");
    EXPECT_FALSE(journal.status().durable);
    std::filesystem::remove(folder / "later");
    while (!std::filesystem::exists(path)) ::poll(nullptr, 0, 1);
    push(journal, 1, 10);
    expect_alerts(a.read(10), 1, 10);
    journal.flush();
    EXPECT_TRUE(journal.status().durable);
}

// An earlier agent's file, of whose ten alerts a had four and b all.
class EarlierJournal : public JournalTest {
  protected:
    EarlierJournal() {
        std::filesystem::create_directory(folder / "mounted");
        path = folder / "mounted/journal.db";
        Journal journal(options());
        TestReader a(journal, "a");
        TestReader b(journal, "b");
        push(journal, 1, 10);
        expect_alerts(b.read(10), 1, 10);
        const std::vector<Entry> some = a.subscription->read(4, 1U << 20);
        EXPECT_EQ(some.size(), 4U);
        a.subscription->delivered(some.back().sequence);
    }
    void hide() { std::filesystem::rename(folder / "mounted", folder / "away"); }
    // In the place of what is there, at once: a folder that is missing would be made.
    void show() const {
        ASSERT_EQ(
            ::renameat2(AT_FDCWD, (folder / "away").c_str(), AT_FDCWD, (folder / "mounted").c_str(), RENAME_EXCHANGE),
            0);
    }
    // Alerts while that file is hidden: in another one, or in memory.
    static void go_on_without(Journal& journal, TestReader& a) {
        push(journal, 11, 15);
        expect_alerts(alerts_of(a, 5), 11, 15);
    }
    // The file is back, and a has had two of the six that it holds for it.
    void begin_with_what_is_late(Journal& journal, TestReader& a) const {
        show();
        push(journal, 16, 16);
        expect_alerts(first_of(a, 2), 5, 6);
    }
    // Without notices.
    static std::vector<AlertRecordPtr> alerts_of(TestReader& reader, std::size_t count) {
        std::vector<AlertRecordPtr> out;
        while (out.size() < count) {
            const std::vector<AlertRecordPtr> some = reader.read(1);
            if (some.empty()) break;
            for (const AlertRecordPtr& record : some) {
                EXPECT_FALSE(std::holds_alternative<GapRecord>(*record));
                if (std::holds_alternative<Alert>(*record)) out.push_back(record);
            }
        }
        return out;
    }
    // No more than these are read.
    static std::vector<AlertRecordPtr> first_of(TestReader& reader, std::size_t count) {
        std::vector<AlertRecordPtr> out;
        while (out.size() < count) {
            pollfd wanted{reader.wake_fd, POLLIN, 0};
            if (::poll(&wanted, 1, 10'000) <= 0) break;
            for (Entry& entry : reader.subscription->read(1, 1U << 20)) {
                if (std::holds_alternative<Alert>(*entry.record)) out.push_back(std::move(entry.record));
                reader.subscription->delivered(entry.sequence);
            }
        }
        return out;
    }
    void expect_whole(std::uint64_t alerts) {
        const auto verdict = verify();
        EXPECT_TRUE(verdict.intact) << verdict.problem;
        auto reader = StoreReader::open(path);
        ASSERT_TRUE(reader);
        const auto records = reader->read(0, 1000, 1U << 20, false);
        ASSERT_TRUE(records);
        std::set<std::string> found;
        for (const StoredRecord& record : *records) {
            for (std::uint64_t n = 1; n <= alerts; ++n)
                if (record.text.contains(test_uuid(n))) found.insert(test_uuid(n));
        }
        EXPECT_EQ(found.size(), alerts);
    }
};

TEST_F(EarlierJournal, FoundAfterTheStartIsDeliveredAndGoneOnWith) {
    hide();
    std::ofstream(folder / "mounted") << "";
    {
        Options o = options();
        o.retry_every = 1'000'000; // ns
        Journal journal(o);
        TestReader a(journal, "a");
        TestReader b(journal, "b");
        go_on_without(journal, a);
        show();
        expect_alerts(alerts_of(a, 6), 5, 10);
        push(journal, 16, 16);
        expect_alerts(alerts_of(a, 1), 16, 16);
        expect_alerts(alerts_of(b, 6), 11, 16);
        journal.flush();
        EXPECT_TRUE(journal.status().durable);
    }
    expect_whole(16);
    Journal after(options());
    TestReader a(after, "a");
    push(after, 17, 17);
    expect_alerts(alerts_of(a, 1), 17, 17);
}

// Both files have given the numbers 1 to 10.
TEST_F(EarlierJournal, InThePlaceOfANewOneTakesWhatThatHad) {
    hide();
    {
        Journal journal(options());
        TestReader a(journal, "a");
        TestReader b(journal, "b");
        go_on_without(journal, a);
        show();
        push(journal, 16, 16);
        expect_alerts(alerts_of(a, 6), 5, 10);
        expect_alerts(alerts_of(a, 1), 16, 16);
        expect_alerts(alerts_of(b, 6), 11, 16);
    }
    expect_whole(16);
}

TEST_F(EarlierJournal, KilledBeforeItHadArrivedItComesAgain) {
    hide();
    {
        Journal journal(options());
        TestReader a(journal, "a");
        go_on_without(journal, a);
        begin_with_what_is_late(journal, a);
    }
    Journal after(options());
    TestReader a(after, "a");
    expect_alerts(alerts_of(a, 10), 7, 16);
}

TEST_F(EarlierJournal, TakenAwayAgainIsDeclared) {
    hide();
    Journal journal(options());
    TestReader a(journal, "a");
    go_on_without(journal, a);
    begin_with_what_is_late(journal, a);
    std::filesystem::remove_all(folder / "mounted");
    push(journal, 17, 17);
    journal.flush();
    Tally tally;
    while (tally.alerts < 2) {
        const auto some = a.read(1);
        ASSERT_FALSE(some.empty());
        for (const AlertRecordPtr& record : some) tally.add(*record);
    }
    EXPECT_EQ(tally.declared, 4U);
}

TEST_F(JournalTest, OurOwnFilePutBackIsGoneOnWith) {
    std::filesystem::create_directory(folder / "mounted");
    path = folder / "mounted/journal.db";
    {
        Journal journal(options());
        TestReader a(journal, "a");
        push(journal, 1, 5);
        expect_alerts(a.read(5), 1, 5);
        std::filesystem::rename(folder / "mounted", folder / "away");
        push(journal, 6, 8);
        expect_alerts(a.read(4), 6, 8);
        ASSERT_EQ(::renameat2(AT_FDCWD, (folder / "away").c_str(), AT_FDCWD, path.substr(0, path.rfind('/')).c_str(),
                              RENAME_EXCHANGE),
                  0);
        push(journal, 9, 9);
        expect_alerts(a.read(2), 9, 9); // and nothing twice
    }
    const auto verdict = verify();
    EXPECT_TRUE(verdict.intact) << verdict.problem;
    EXPECT_EQ(verdict.records, 11U);
}

TEST_F(JournalTest, WithoutAFileAlertsGoOnFromMemory) {
    for (const std::string& bad :
         {std::string("/proc/nothing/journal.db"), std::string("/dev/null/journal.db"), folder.path}) {
        Options o = options();
        o.path = bad;
        Journal journal(o);
        TestReader a(journal, "a");
        push(journal, 1, 500);
        expect_alerts(a.read(501), 1, 500);
        EXPECT_FALSE(journal.status().durable);
        EXPECT_NE(journal.status().problem, "");
    }
    Options off = options();
    off.path = "";
    Journal journal(off);
    TestReader a(journal, "a");
    push(journal, 1, 500);
    expect_alerts(a.read(500), 1, 500);
}

TEST_F(JournalTest, ASecondAgentDoesNotTouchTheFirstOnesJournal) {
    Journal first(options());
    {
        Journal second(options());
        EXPECT_FALSE(second.status().durable);
        TestReader b(second, "b");
        push(second, 1, 3);
        expect_alerts(b.read(4), 1, 3);
    }
    push(first, 7, 9);
    first.flush();
    EXPECT_EQ(verify().records, 3U);
}

TEST_F(JournalTest, WhatMemoryCannotHoldIsDeclaredPerOutput) {
    Options o = options();
    o.path = "";
    o.recent_bytes = 64'000;
    Journal journal(o);
    TestReader slow(journal, "slow");
    TestReader quick(journal, "quick");
    std::uint64_t quick_alerts = 0;
    for (std::uint64_t n = 1; n <= 1000; ++n) {
        push(journal, n, n);
        for (const auto& record : quick.read(1)) quick_alerts += std::holds_alternative<Alert>(*record) ? 1U : 0U;
    }
    EXPECT_EQ(quick_alerts, 1000U);
    EXPECT_GT(journal.lag(slow.subscription->position()).count, 0U) << "what waits in memory";
    EXPECT_EQ(journal.lag(quick.subscription->position()).count, 0U);
    // The slow one gets a gap record in the place of what it missed, then the rest; nothing is unaccounted for.
    const std::vector<Entry> some = slow.subscription->read(100'000, 1U << 30);
    ASSERT_GT(some.size(), 1U);
    const auto* gap = std::get_if<GapRecord>(some.front().record.get());
    ASSERT_NE(gap, nullptr);
    std::uint64_t alerts = some.size() - 1;
    EXPECT_EQ(gap->stage, "output slow");
    EXPECT_EQ(gap->count + alerts + slow.subscription->read(100'000, 1U << 30).size(), 1000U);
    ASSERT_EQ(gap->rules.size(), 1U);
    EXPECT_EQ(gap->rules[0].second, gap->count);
}

TEST_F(JournalTest, WhatCannotBeReadBackIsDeclared) {
    {
        Journal journal(options());
        const TestReader a(journal, "a"); // takes nothing
        push(journal, 1, 10);
    }
    {
        auto database = Database::open(path, Database::Mode::write);
        ASSERT_TRUE(database);
        ASSERT_TRUE(database->execute("UPDATE record SET text = 'x' WHERE seq IN (4, 10)"));
    }
    Journal journal(options());
    TestReader a(journal, "a");
    const auto records = a.read(9);
    ASSERT_EQ(records.size(), 9U);
    EXPECT_EQ(uuid_of(*records[3]), test_uuid(5));
    ASSERT_TRUE(std::holds_alternative<GapRecord>(*records[8]));
    EXPECT_EQ(std::get<GapRecord>(*records[8]).count, 2U);
}

TEST_F(JournalTest, WhatTheQueueCannotHoldIsDeclared) {
    Options o = options();
    o.queue_bytes = 20'000;
    Journal journal(o);
    TestReader a(journal, "a");
    push(journal, 1, 5000);
    journal.flush();
    push(journal, 5001, 5001);
    journal.flush();
    Tally tally;
    for (;;) {
        const auto some = a.subscription->read(1000, 1U << 20);
        if (some.empty()) break;
        for (const Entry& entry : some) tally.add(*entry.record);
    }
    EXPECT_EQ(tally.alerts + tally.declared, 5001U);
}

TEST_F(JournalTest, RetentionDeclaresWhatALateOutputMissed) {
    Options o = options();
    o.max_bytes = 300'000;
    o.recent_bytes = 20'000;
    Journal journal(o);
    TestReader a(journal, "a");
    push(journal, 1, 3000);
    journal.flush();
    Tally tally;
    while (journal.status().bytes == 0 || journal.status().bytes > o.max_bytes) ::poll(nullptr, 0, 50);
    while (tally.alerts + tally.declared < 3000) {
        const auto some = a.read(1);
        if (some.empty()) break;
        for (const auto& record : some) tally.add(*record);
    }
    EXPECT_EQ(tally.alerts + tally.declared, 3000U);
    EXPECT_GT(tally.declared, 0U);
    EXPECT_TRUE(verify().intact);
}

TEST_F(JournalTest, RolledUpAlertsStayInTheJournalAndTheirSummaryReachesTheOutputs) {
    RollupRules rules;
    rules.all = RollupRule{{}, 3600LL * 1'000'000'000, 2};
    {
        Journal journal(options());
        journal.set_rollup(rules);
        TestReader a(journal, "a");
        push(journal, 1, 50);
        expect_alerts(a.read(2), 1, 2);
        journal.flush();
        EXPECT_TRUE(a.subscription->read(100, 1U << 20).empty());
        EXPECT_EQ(journal.status().rolled_up, 48U);
    }
    EXPECT_EQ(verify().records, 51U) << "all alerts, and the summary that the end brought";
    Journal journal(options());
    TestReader a(journal, "a");
    const auto records = a.read(1);
    ASSERT_EQ(records.size(), 1U);
    const Alert& summary = std::get<Alert>(*records[0]);
    ASSERT_NE(summary.find_block("rollup"), nullptr);
    EXPECT_EQ(summary.find_block("rollup")->find("count")->data, AlertValue{std::uint64_t{48}}.data);
}

TEST_F(JournalTest, AKilledAgentsRollUpIsToldByTheNext) {
    const pid_t child = ::fork();
    if (child == 0) {
        Journal journal(options());
        RollupRules rules;
        rules.all = RollupRule{{}, 3600LL * 1'000'000'000, 1};
        journal.set_rollup(rules);
        push(journal, 1, 50);
        journal.flush();
        ::raise(SIGKILL);
    }
    ::waitpid(child, nullptr, 0);
    for (int life = 0; life < 2; ++life) {
        Journal journal(options());
        TestReader a(journal, life == 0 ? "a" : "b");
        push(journal, 100, 100);
        const auto records = a.read(life == 0 ? 2 : 1);
        std::uint64_t counted = 0;
        for (const auto& record : records) {
            if (const AlertBlock* block = std::get<Alert>(*record).find_block("rollup"))
                counted += std::get<std::uint64_t>(block->find("count")->data);
        }
        EXPECT_EQ(counted, life == 0 ? 49U : 0U) << "told once";
    }
}

} // namespace
} // namespace gyr::journal
