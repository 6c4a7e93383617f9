#pragma once
// The journal on disk: records in order with their chain, one cursor per output, retention. One thread writes
// (Store), any number read (StoreReader, `gyr alerts`), also from other processes, without waiting for each other.
//
// Everything written by a finished append() survives the end of the process (kill -9 included); the system's own crash
// may take the last moments, unless sync is set.

#include "alerts/alert.h"
#include "base/result.h"
#include "journal/chain.h"
#include "journal/database.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gyr::journal {

// Whether outputs are told about a record.
enum class Rolled : std::uint8_t {
    no = 0,   // told at once
    open = 1, // kept back; its summary is still to come
    told = 2, // kept back, and a summary has told of it
};

struct NewRecord {
    std::uint64_t sequence = 0;
    const AlertRecord* record = nullptr;
    std::string text; // native JSON
    Rolled rolled = Rolled::no;
    std::string rollup_key; // when rolled
};

struct StoredRecord {
    std::uint64_t sequence = 0;
    Rolled rolled = Rolled::no;
    std::string rollup_key;
    std::string text;
};

// Records that were removed before an output had them.
struct Overrun {
    std::string output;
    std::uint64_t upto = 0; // the newest removed
    std::uint64_t count = 0;
    Nanos from = 0, to = 0;
    std::map<std::string, std::uint64_t> rules;
};

using Cursors = std::map<std::string, std::uint64_t>; // by output: everything up to there has arrived

struct Head {
    std::uint64_t sequence = 0;
    Digest digest{};
};

class Store {
  public:
    struct Options {
        std::string path;
        std::uint64_t max_bytes = std::uint64_t{1} << 30;
        Nanos max_age = 0; // 0: no limit
        bool sync = false;
        std::uint64_t limit_bytes_for_test = 0;
    };
    // A file that is not a journal, or is damaged, fails with trouble() corrupt told in `trouble`.
    static Result<Store> open(Options options, Trouble& trouble);

    // Rolled-up records of which a summary tells that is appended with them.
    struct Told {
        std::string rollup_key;
        std::uint64_t upto = 0;
    };
    // All of it or, on failure, none.
    Result<> append(const std::vector<NewRecord>& records, const std::vector<Told>& told, const Cursors& cursors = {});
    // Whether the last agent that used the file ended without saying so; says that this one is at work.
    Result<bool> begin_use();
    Result<> end_use();
    Result<> save_cursors(const Cursors& cursors);
    Result<> keep_only_cursors(const std::vector<std::string>& outputs);
    [[nodiscard]] Result<std::optional<std::uint64_t>> cursor(const std::string& output);
    [[nodiscard]] Result<std::vector<StoredRecord>> open_rollups();
    // How many records behind `after` outputs are told of.
    [[nodiscard]] Result<std::uint64_t> count_told(std::uint64_t after);
    [[nodiscard]] Result<bool> has(std::uint64_t sequence, std::string_view text);
    // Removes what is too old or too much, a bounded piece a call; now is wall clock. True: there is more to remove.
    Result<bool> retain(Nanos now, std::vector<Overrun>& overruns);
    [[nodiscard]] std::uint64_t bytes();

    [[nodiscard]] Head head() const { return head_; }
    [[nodiscard]] Trouble trouble() const { return database_.trouble(); }
    void checkpoint(bool truncate) { database_.checkpoint(truncate); }

  private:
    Store() = default;
    Result<> prepare_all();
    Result<> write_cursors(const Cursors& cursors);
    Result<> transaction(const std::function<Result<>()>& body);
    Result<std::uint64_t> first_to_keep(Nanos now);
    Result<> remove_below(std::uint64_t keep, std::vector<Overrun>& overruns);
    Result<> note_overruns(std::uint64_t upto, std::vector<Overrun>& overruns);

    Options options_;
    Database database_;
    Statement insert_, set_meta_, set_cursor_, mark_told_;
    Head head_;
};

class StoreReader {
  public:
    static Result<StoreReader> open(const std::string& path);
    // At most `count` records and about `bytes` of text, those behind `after`, oldest first; told_only leaves out
    // records that are rolled up.
    Result<std::vector<StoredRecord>> read(std::uint64_t after, std::size_t count, std::size_t bytes, bool told_only);
    // Records of that time or later begin behind the number returned.
    Result<std::uint64_t> before_time(Nanos time);
    // Number and time of what is behind `after` and not rolled up.
    struct Lag {
        std::uint64_t count = 0;
        Nanos oldest = 0;
    };
    Result<Lag> lag(std::uint64_t after);
    struct Cursor {
        std::string output;
        std::uint64_t sequence = 0;
    };
    Result<std::vector<Cursor>> cursors();

    struct Verdict {
        bool intact = false;
        std::string problem; // what is wrong, with the sequence number
        std::uint64_t records = 0;
        std::uint64_t first = 0;
        Head anchor, head; // what retention left off at; the end
    };
    // expected: a head that was noted earlier; it must be part of the chain.
    Result<Verdict> verify(const std::optional<Head>& expected);

  private:
    StoreReader() = default;
    static Result<StoreReader> open_as(const std::string& path, Database::Mode mode);
    Database database_;
    Statement read_all_, read_told_;
};

} // namespace gyr::journal
