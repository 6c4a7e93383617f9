#include "journal/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace gyr::journal {
namespace {

constexpr int kBusyPatienceMs = 2000;

// As a URI, by which alone SQLite can be told that the file does not change.
std::string still_name(const std::string& path) {
    std::string name = "file:";
    for (const char c : path) {
        if (c == '%' || c == '?' || c == '#')
            name += fmt::format("%{:02x}", c);
        else
            name += c;
    }
    return name + "?immutable=1";
}

ErrorKind kind_of(int code) { return (code & 0xff) == SQLITE_MISUSE ? ErrorKind::invalid : ErrorKind::io; }

} // namespace

void Statement::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Statement& Statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(handle_.get(), index, value);
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    sqlite3_bind_text64(handle_.get(), index, text.data(), text.size(), nullptr /* SQLITE_STATIC */, SQLITE_UTF8);
    return *this;
}

Statement& Statement::bind_bytes(int index, std::span<const unsigned char> bytes) {
    sqlite3_bind_blob64(handle_.get(), index, bytes.data(), bytes.size(), nullptr /* SQLITE_STATIC */);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    sqlite3* const database = sqlite3_db_handle(handle_.get());
    const std::string message = code == SQLITE_DONE ? std::string() : std::string(sqlite3_errmsg(database));
    sqlite3_reset(handle_.get());
    if (code == SQLITE_DONE) return false;
    return fail(kind_of(code), message);
}

void Statement::reset() { sqlite3_reset(handle_.get()); }

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(handle_.get(), column); }

std::string_view Statement::text(int column) const {
    const unsigned char* bytes = sqlite3_column_text(handle_.get(), column);
    if (bytes == nullptr) return {};
    return {reinterpret_cast<const char*>(bytes),
            static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::span<const unsigned char> Statement::bytes(int column) const {
    const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(handle_.get(), column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::unexpected<Error> Database::failure(std::string_view what) const {
    return fail(kind_of(sqlite3_errcode(handle_.get())), fmt::format("{}: {}", what, sqlite3_errmsg(handle_.get())));
}

Result<Database> Database::open(const std::string& path, Mode mode) {
    Database database;
    sqlite3* handle = nullptr;
    int flags = mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (mode == Mode::still) flags |= SQLITE_OPEN_URI;
    const std::string name = mode == Mode::still ? still_name(path) : path;
    const int code = sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    database.handle_.reset(handle);
    if (code != SQLITE_OK) return fail(ErrorKind::io, fmt::format("cannot open {}: {}", path, sqlite3_errstr(code)));
    sqlite3_extended_result_codes(handle, 0);
    sqlite3_busy_timeout(handle, kBusyPatienceMs);
    return database;
}

Result<> Database::execute(const std::string& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        return failure(std::string_view(sql).substr(0, 40));
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    Statement statement;
    sqlite3_stmt* handle = nullptr;
    if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &handle,
                           nullptr) != SQLITE_OK)
        return failure("prepare");
    statement.handle_.reset(handle);
    return statement;
}

Result<std::optional<std::int64_t>> Database::query_number(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    const Result<bool> row = statement->step();
    if (!row) return std::unexpected(row.error());
    return *row ? std::optional(statement->number(0)) : std::nullopt;
}

Trouble Database::trouble() const {
    switch (sqlite3_errcode(handle_.get()) & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return Trouble::none;
    case SQLITE_FULL: return Trouble::full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Trouble::corrupt;
    default: return Trouble::other;
    }
}

void Database::checkpoint(bool truncate) {
    sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
                              nullptr, nullptr);
}

void Database::limit_size(std::uint64_t bytes) {
    const auto page = query_number("PRAGMA page_size");
    if (page && *page && **page > 0)
        (void)query_number(fmt::format("PRAGMA max_page_count = {}", bytes / static_cast<std::uint64_t>(**page)));
}

} // namespace gyr::journal
