#pragma once
// SQLite as values: a connection, a prepared statement, errors as Result. The only files that name sqlite3 are this one
// and its .cpp. A connection and its statements belong to one thread.

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace gyr::journal {

// What a failure means for the journal.
enum class Trouble : std::uint8_t { none, full, corrupt, other };

class Statement {
  public:
    Statement() = default;
    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, std::string_view text);                      // must outlive the next step
    Statement& bind_bytes(int index, std::span<const unsigned char> bytes); // likewise
    // True: there is a row; false: it is finished (and reset, ready for the next binding).
    Result<bool> step();
    void reset();
    [[nodiscard]] std::int64_t number(int column) const;
    [[nodiscard]] std::string_view text(int column) const; // until the next step
    [[nodiscard]] std::span<const unsigned char> bytes(int column) const;

  private:
    friend class Database;
    struct Close {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Close> handle_;
};

class Database {
  public:
    // still: nobody writes to the file, and nothing can be written beside it (a copy on read-only media).
    enum class Mode : std::uint8_t { read, write, still };
    static Result<Database> open(const std::string& path, Mode mode);

    Result<> execute(const std::string& sql);
    Result<Statement> prepare(std::string_view sql);
    // The single number a query gives; nothing when it gives no row.
    Result<std::optional<std::int64_t>> query_number(std::string_view sql);
    // What the last failure was.
    [[nodiscard]] Trouble trouble() const;
    // Moves what the write-ahead log holds into the database file. truncate waits for readers; otherwise nobody waits.
    void checkpoint(bool truncate);
    // Pages of records may grow to bytes; then writing fails as on a full disk. For tests of that.
    void limit_size(std::uint64_t bytes);

  private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    [[nodiscard]] std::unexpected<Error> failure(std::string_view what) const;
    std::unique_ptr<sqlite3, Close> handle_;
};

} // namespace gyr::journal
