#include "journal/store.h"

#include "alerts/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace gyr::journal {
namespace {

constexpr std::int64_t kSchema = 1;
constexpr std::int64_t kApplication = 0x67797231; // "gyr1", where file(1) looks
constexpr std::int64_t kRemovePiece = 5'000;      // records removed in one transaction
constexpr std::uint64_t kCheckpointedSizeLimit = 64U << 20;

constexpr const char* kTables = R"(
CREATE TABLE record(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, rule TEXT NOT NULL, rolled INTEGER NOT NULL,
                    rollup_key TEXT, text TEXT NOT NULL, digest BLOB NOT NULL);
CREATE INDEX record_time ON record(time);
CREATE INDEX record_rolled ON record(seq) WHERE rolled = 1;
CREATE TABLE cursor(output TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE meta(key TEXT PRIMARY KEY, seq INTEGER NOT NULL, digest BLOB NOT NULL) WITHOUT ROWID;
)";

constexpr Digest kNoDigest{};

Digest digest_of(std::span<const unsigned char> bytes) {
    Digest digest{};
    if (bytes.size() == digest.size()) std::memcpy(digest.data(), bytes.data(), digest.size());
    return digest;
}

// The head or the anchor; nothing when there is none yet.
Result<std::optional<Head>> read_meta(Database& database, std::string_view key) {
    auto statement = database.prepare("SELECT seq, digest FROM meta WHERE key = ?1");
    if (!statement) return std::unexpected(statement.error());
    statement->bind(1, key);
    const Result<bool> row = statement->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::nullopt;
    return Head{static_cast<std::uint64_t>(statement->number(0)), digest_of(statement->bytes(1))};
}

Result<> run(Statement& statement) {
    const Result<bool> done = statement.step();
    if (!done) return std::unexpected(done.error());
    if (*done) statement.reset();
    return {};
}

} // namespace

Result<Store> Store::open(Options options, Trouble& trouble) {
    trouble = Trouble::other;
    Store store;
    store.options_ = std::move(options);
    auto database = Database::open(store.options_.path, Database::Mode::write);
    if (!database) return std::unexpected(database.error());
    store.database_ = std::move(*database);
    Database& db = store.database_;
    const auto failed = [&](const Error& error) {
        trouble = db.trouble();
        return std::unexpected(error);
    };
    const auto version = db.query_number("PRAGMA user_version");
    if (!version) return failed(version.error());
    const auto tables = db.query_number("SELECT count(*) FROM sqlite_master");
    if (!tables) return failed(tables.error());
    if (**tables > 0 && **version != kSchema) {
        trouble = Trouble::corrupt;
        return fail(ErrorKind::invalid, fmt::format("{} is no journal of this version", store.options_.path));
    }
    // Checkpoints happen when the writer has time (Journal), not in the middle of a commit.
    for (const std::string& sql :
         {std::string("PRAGMA journal_mode = WAL"), std::string("PRAGMA wal_autocheckpoint = 0"),
          fmt::format("PRAGMA synchronous = {}", store.options_.sync ? "FULL" : "NORMAL"),
          fmt::format("PRAGMA journal_size_limit = {}", kCheckpointedSizeLimit),
          std::string("PRAGMA temp_store = MEMORY")}) {
        if (auto ok = db.execute(sql); !ok) return failed(ok.error());
    }
    if (store.options_.limit_bytes_for_test != 0) db.limit_size(store.options_.limit_bytes_for_test);
    if (**tables == 0) {
        if (auto ok = db.execute(fmt::format("BEGIN; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT",
                                             kTables, kApplication, kSchema));
            !ok)
            return failed(ok.error());
    }
    if (auto ok = store.prepare_all(); !ok) return failed(ok.error());
    const auto head = read_meta(db, "head");
    if (!head) return failed(head.error());
    if (*head) store.head_ = **head;
    // Proves that it can be written, and that its pages are where the schema says.
    if (auto ok = db.execute("BEGIN IMMEDIATE; SELECT seq FROM record ORDER BY seq DESC LIMIT 1; COMMIT"); !ok)
        return failed(ok.error());
    trouble = Trouble::none;
    return store;
}

Result<> Store::prepare_all() {
    const auto make = [&](Statement& out, std::string_view sql) -> Result<> {
        auto statement = database_.prepare(sql);
        if (!statement) return std::unexpected(statement.error());
        out = std::move(*statement);
        return {};
    };
    for (const auto& [statement, sql] : {
             std::pair{
                 &insert_,
                 "INSERT INTO record(seq, time, rule, rolled, rollup_key, text, digest) VALUES(?1,?2,?3,?4,?5,?6,?7)"},
             std::pair{&set_meta_, "INSERT OR REPLACE INTO meta(key, seq, digest) VALUES(?1,?2,?3)"},
             std::pair{&set_cursor_, "INSERT OR REPLACE INTO cursor(output, seq) VALUES(?1,?2)"},
             std::pair{&mark_told_, "UPDATE record SET rolled = 2 WHERE rolled = 1 AND seq <= ?1 AND rollup_key = ?2"},
         }) {
        if (auto ok = make(*statement, sql); !ok) return ok;
    }
    return {};
}

Result<> Store::transaction(const std::function<Result<>()>& body) {
    if (auto ok = database_.execute("BEGIN IMMEDIATE"); !ok) return ok;
    Result<> done = body();
    if (done) done = database_.execute("COMMIT");
    if (!done) {
        const Result<> ignored = database_.execute("ROLLBACK"); // a failed COMMIT may have ended it already
        (void)ignored;
    }
    return done;
}

Result<> Store::append(const std::vector<NewRecord>& records, const std::vector<Told>& told, const Cursors& cursors) {
    Head head = head_;
    auto done = transaction([&]() -> Result<> {
        for (const NewRecord& r : records) {
            head.digest = next_digest(head.digest, r.sequence, r.text);
            head.sequence = r.sequence;
            insert_.bind(1, static_cast<std::int64_t>(r.sequence))
                .bind(2, time_of(*r.record))
                .bind(3, rule_of(*r.record))
                .bind(4, static_cast<std::int64_t>(r.rolled))
                .bind(5, r.rollup_key)
                .bind(6, r.text)
                .bind_bytes(7, head.digest);
            if (auto ok = run(insert_); !ok) return ok;
        }
        for (const Told& t : told) {
            mark_told_.bind(1, static_cast<std::int64_t>(t.upto)).bind(2, t.rollup_key);
            if (auto ok = run(mark_told_); !ok) return ok;
        }
        if (auto ok = write_cursors(cursors); !ok) return ok;
        set_meta_.bind(1, "head").bind(2, static_cast<std::int64_t>(head.sequence)).bind_bytes(3, head.digest);
        return run(set_meta_);
    });
    if (done) head_ = head;
    return done;
}

Result<bool> Store::begin_use() {
    const auto before = read_meta(database_, "in use");
    if (!before) return std::unexpected(before.error());
    set_meta_.bind(1, "in use").bind(2, std::int64_t{1}).bind_bytes(3, kNoDigest);
    if (auto ok = run(set_meta_); !ok) return std::unexpected(ok.error());
    return *before && (*before)->sequence == 1;
}

Result<> Store::end_use() {
    set_meta_.bind(1, "in use").bind(2, std::int64_t{0}).bind_bytes(3, kNoDigest);
    return run(set_meta_);
}

Result<> Store::write_cursors(const Cursors& cursors) {
    for (const auto& [output, sequence] : cursors) {
        set_cursor_.bind(1, output).bind(2, static_cast<std::int64_t>(sequence));
        if (auto ok = run(set_cursor_); !ok) return ok;
    }
    return {};
}

Result<> Store::save_cursors(const Cursors& cursors) {
    return transaction([&] { return write_cursors(cursors); });
}

Result<> Store::keep_only_cursors(const std::vector<std::string>& outputs) {
    auto list = database_.prepare("SELECT output FROM cursor");
    auto drop = database_.prepare("DELETE FROM cursor WHERE output = ?1");
    if (!list || !drop) return std::unexpected(list ? drop.error() : list.error());
    std::vector<std::string> gone;
    for (;;) {
        const Result<bool> row = list->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        std::string output(list->text(0));
        if (std::ranges::find(outputs, output) == outputs.end()) gone.push_back(std::move(output));
    }
    for (const std::string& output : gone) {
        drop->bind(1, output);
        if (auto ok = run(*drop); !ok) return ok;
    }
    return {};
}

Result<std::optional<std::uint64_t>> Store::cursor(const std::string& output) {
    auto statement = database_.prepare("SELECT seq FROM cursor WHERE output = ?1");
    if (!statement) return std::unexpected(statement.error());
    statement->bind(1, output);
    const Result<bool> row = statement->step();
    if (!row) return std::unexpected(row.error());
    return *row ? std::optional(static_cast<std::uint64_t>(statement->number(0))) : std::nullopt;
}

Result<std::vector<StoredRecord>> Store::open_rollups() {
    auto statement = database_.prepare("SELECT seq, rollup_key, text FROM record WHERE rolled = 1 ORDER BY seq");
    if (!statement) return std::unexpected(statement.error());
    std::vector<StoredRecord> out;
    for (;;) {
        const Result<bool> row = statement->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return out;
        out.push_back({static_cast<std::uint64_t>(statement->number(0)), Rolled::open, std::string(statement->text(1)),
                       std::string(statement->text(2))});
    }
}

Result<std::uint64_t> Store::count_told(std::uint64_t after) {
    const auto count =
        database_.query_number(fmt::format("SELECT count(*) FROM record WHERE seq > {} AND rolled = 0", after));
    if (!count) return std::unexpected(count.error());
    return static_cast<std::uint64_t>(count->value_or(0));
}

Result<bool> Store::has(std::uint64_t sequence, std::string_view text) {
    auto statement = database_.prepare("SELECT 1 FROM record WHERE seq = ?1 AND text = ?2");
    if (!statement) return std::unexpected(statement.error());
    statement->bind(1, static_cast<std::int64_t>(sequence)).bind(2, text);
    return statement->step();
}

std::uint64_t Store::bytes() {
    const auto used = database_.query_number("SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, "
                                             "pragma_freelist_count, pragma_page_size");
    return used && *used ? static_cast<std::uint64_t>(**used) : 0;
}

// The first record that stays; 0 when all stay. Looks at no more records than one call removes.
Result<std::uint64_t> Store::first_to_keep(Nanos now) {
    const auto oldest = database_.query_number("SELECT min(seq) FROM record");
    if (!oldest) return std::unexpected(oldest.error());
    if (!*oldest) return 0;
    std::uint64_t keep = 0;
    if (options_.max_age > 0) {
        // By number, not by time: what is old in the middle waits until all before it is old.
        const auto first = database_.query_number(
            fmt::format("SELECT seq FROM (SELECT seq, time FROM record ORDER BY seq LIMIT {}) WHERE time >= {} LIMIT 1",
                        kRemovePiece + 1, now - options_.max_age));
        if (!first) return std::unexpected(first.error());
        const std::uint64_t until = *first ? static_cast<std::uint64_t>(**first) : head_.sequence + 1;
        if (until > static_cast<std::uint64_t>(**oldest)) keep = until;
    }
    if (bytes() > options_.max_bytes) {
        // A twentieth at a time, so that it does not happen at every commit. Numbers have holes: an agent that found no
        // file at its start began with one that no file has given.
        const auto count = database_.query_number("SELECT count(*) FROM record");
        if (!count) return std::unexpected(count.error());
        if (**count > 1) {
            const auto first = database_.query_number(fmt::format(
                "SELECT seq FROM record ORDER BY seq LIMIT 1 OFFSET {}", std::max<std::int64_t>(1, **count / 20)));
            if (!first) return std::unexpected(first.error());
            if (*first) keep = std::max(keep, static_cast<std::uint64_t>(**first));
        }
    }
    return keep;
}

Result<bool> Store::retain(Nanos now, std::vector<Overrun>& overruns) {
    Result<std::uint64_t> keep = first_to_keep(now);
    if (!keep) return std::unexpected(keep.error());
    if (*keep == 0) return false;
    const auto piece = database_.query_number(
        fmt::format("SELECT seq FROM record WHERE seq < {} ORDER BY seq LIMIT 1 OFFSET {}", *keep, kRemovePiece));
    if (!piece) return std::unexpected(piece.error());
    const bool more = piece->has_value();
    const std::uint64_t end = more ? static_cast<std::uint64_t>(**piece) : *keep;
    auto done = transaction([&] { return remove_below(end, overruns); });
    if (!done) return std::unexpected(done.error());
    return more || bytes() > options_.max_bytes;
}

Result<> Store::remove_below(std::uint64_t keep, std::vector<Overrun>& overruns) {
    auto last = database_.prepare("SELECT seq, digest FROM record WHERE seq < ?1 ORDER BY seq DESC LIMIT 1");
    if (!last) return std::unexpected(last.error());
    last->bind(1, static_cast<std::int64_t>(keep));
    const Result<bool> row = last->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    const std::int64_t anchor = last->number(0);
    const Digest digest = digest_of(last->bytes(1));
    last->reset();
    if (auto ok = note_overruns(static_cast<std::uint64_t>(anchor), overruns); !ok) return ok;
    set_meta_.bind(1, "anchor").bind(2, anchor).bind_bytes(3, digest);
    if (auto ok = run(set_meta_); !ok) return ok;
    return database_.execute(fmt::format("DELETE FROM record WHERE seq <= {}", anchor));
}

Result<> Store::note_overruns(std::uint64_t upto, std::vector<Overrun>& overruns) {
    auto late = database_.prepare("SELECT output, seq FROM cursor WHERE seq < ?1");
    auto count =
        database_.prepare("SELECT rule, count(*), min(time), max(time) FROM record WHERE seq > ?1 AND seq <= ?2 AND "
                          "rolled = 0 GROUP BY rule");
    if (!late || !count) return std::unexpected(late ? count.error() : late.error());
    late->bind(1, static_cast<std::int64_t>(upto));
    for (;;) {
        const Result<bool> row = late->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return {};
        Overrun overrun{
            .output = std::string(late->text(0)), .upto = upto, .count = 0, .from = 0, .to = 0, .rules = {}};
        count->bind(1, late->number(1)).bind(2, static_cast<std::int64_t>(upto));
        for (;;) {
            const Result<bool> group = count->step();
            if (!group) return std::unexpected(group.error());
            if (!*group) break;
            const auto n = static_cast<std::uint64_t>(count->number(1));
            overrun.from = overrun.count == 0 ? count->number(2) : std::min(overrun.from, count->number(2));
            overrun.to = std::max(overrun.to, count->number(3));
            overrun.count += n;
            overrun.rules[std::string(count->text(0))] += n;
        }
        if (overrun.count > 0) overruns.push_back(std::move(overrun));
    }
}

// --- reading ---

Result<StoreReader> StoreReader::open(const std::string& path) {
    auto reader = open_as(path, Database::Mode::read);
    // SQLite shares a file that may be written to by one beside it, and cannot make that everywhere. An agent at work
    // has its log there.
    std::error_code error;
    if (reader || std::filesystem::exists(path + "-wal", error) || !std::filesystem::is_regular_file(path, error))
        return reader;
    auto still = open_as(path, Database::Mode::still);
    return still ? std::move(still) : std::move(reader);
}

Result<StoreReader> StoreReader::open_as(const std::string& path, Database::Mode mode) {
    StoreReader reader;
    auto database = Database::open(path, mode);
    if (!database) return std::unexpected(database.error());
    reader.database_ = std::move(*database);
    const auto version = reader.database_.query_number("PRAGMA user_version");
    if (!version) return std::unexpected(version.error());
    if (**version != kSchema) return fail(ErrorKind::invalid, fmt::format("{} is no journal of this version", path));
    auto all = reader.database_.prepare(
        "SELECT seq, rolled, rollup_key, text FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    auto told = reader.database_.prepare(
        "SELECT seq, rolled, rollup_key, text FROM record WHERE seq > ?1 AND rolled = 0 ORDER BY seq LIMIT ?2");
    if (!all || !told) return std::unexpected(all ? told.error() : all.error());
    reader.read_all_ = std::move(*all);
    reader.read_told_ = std::move(*told);
    return reader;
}

Result<std::vector<StoredRecord>> StoreReader::read(std::uint64_t after, std::size_t count, std::size_t bytes,
                                                    bool told_only) {
    Statement& statement = told_only ? read_told_ : read_all_;
    statement.bind(1, static_cast<std::int64_t>(after)).bind(2, static_cast<std::int64_t>(count));
    std::vector<StoredRecord> out;
    std::size_t size = 0;
    while (size < bytes) {
        const Result<bool> row = statement.step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return out;
        out.push_back({static_cast<std::uint64_t>(statement.number(0)), static_cast<Rolled>(statement.number(1)),
                       std::string(statement.text(2)), std::string(statement.text(3))});
        size += out.back().text.size();
    }
    statement.reset();
    return out;
}

Result<std::uint64_t> StoreReader::before_time(Nanos time) {
    const auto first = database_.query_number(fmt::format("SELECT min(seq) FROM record WHERE time >= {}", time));
    if (!first) return std::unexpected(first.error());
    if (*first && **first > 0) return static_cast<std::uint64_t>(**first - 1);
    const auto last = database_.query_number("SELECT max(seq) FROM record");
    if (!last) return std::unexpected(last.error());
    return *last ? static_cast<std::uint64_t>(**last) : 0;
}

Result<StoreReader::Lag> StoreReader::lag(std::uint64_t after) {
    auto statement = database_.prepare("SELECT count(*), min(time) FROM record WHERE seq > ?1 AND rolled = 0");
    if (!statement) return std::unexpected(statement.error());
    statement->bind(1, static_cast<std::int64_t>(after));
    if (const Result<bool> row = statement->step(); !row) return std::unexpected(row.error());
    return Lag{static_cast<std::uint64_t>(statement->number(0)), statement->number(1)};
}

Result<std::vector<StoreReader::Cursor>> StoreReader::cursors() {
    auto statement = database_.prepare("SELECT output, seq FROM cursor");
    if (!statement) return std::unexpected(statement.error());
    std::vector<Cursor> out;
    for (;;) {
        const Result<bool> row = statement->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return out;
        out.push_back({std::string(statement->text(0)), static_cast<std::uint64_t>(statement->number(1))});
    }
}

Result<StoreReader::Verdict> StoreReader::verify(const std::optional<Head>& expected) {
    Verdict verdict;
    // One transaction, so that an agent that writes meanwhile does not look like tampering.
    if (auto ok = database_.execute("BEGIN"); !ok) return std::unexpected(ok.error());
    const auto anchor = read_meta(database_, "anchor");
    const auto head = read_meta(database_, "head");
    if (!anchor || !head) return std::unexpected(anchor ? head.error() : anchor.error());
    verdict.anchor = anchor->value_or(Head{});
    verdict.head = head->value_or(Head{});
    auto rows = database_.prepare("SELECT seq, text, digest FROM record ORDER BY seq");
    if (!rows) return std::unexpected(rows.error());
    Head at = verdict.anchor;
    bool met = !expected || (expected->sequence == at.sequence && expected->digest == at.digest);
    const auto problem = [&](std::string text) {
        verdict.problem = std::move(text);
        return verdict;
    };
    for (;;) {
        const Result<bool> row = rows->step();
        if (!row) return problem("the file is damaged: " + row.error().message);
        if (!*row) break;
        const auto sequence = static_cast<std::uint64_t>(rows->number(0));
        const Digest digest = next_digest(at.digest, sequence, rows->text(1));
        if (digest != digest_of(rows->bytes(2)))
            return problem(
                fmt::format("record {} was changed, or records between {} and it were removed", sequence, at.sequence));
        at = {sequence, digest};
        if (verdict.records++ == 0) verdict.first = sequence;
        if (expected && expected->sequence == sequence) {
            if (expected->digest != digest)
                return problem(fmt::format("record {} is not the one that was noted", sequence));
            met = true;
        }
    }
    if (at.sequence != verdict.head.sequence || at.digest != verdict.head.digest)
        return problem(fmt::format("records behind {} were removed: the journal went on to {}", at.sequence,
                                   verdict.head.sequence));
    if (!met) return problem(fmt::format("record {} that was noted is not there", expected->sequence));
    verdict.intact = true;
    return verdict;
}

} // namespace gyr::journal
