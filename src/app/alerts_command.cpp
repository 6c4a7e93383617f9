// gyr alerts: what the journal holds, and whether it is whole.

#include "alerts/filter.h"
#include "alerts/format.h"
#include "alerts/parse.h"
#include "app/commands.h"
#include "app/settings.h"
#include "journal/store.h"

#include "base/clock.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <poll.h>
#include <sys/stat.h>

#include <charconv>
#include <memory>
#include <utility>

namespace gyr::app {
namespace {

constexpr std::size_t kPieceRecords = 1000;
constexpr std::size_t kPieceBytes = std::size_t{8} << 20;
constexpr int kFollowEveryMs = 100;

struct AlertsOptions {
    CommonOptions common;
    std::string filter, since, format = "text", journal, expect;
    bool follow = false;
};

std::expected<std::string, Exit> journal_path(const AlertsOptions& options) {
    if (!options.journal.empty()) return options.journal;
    const auto settings = load_settings(options.common);
    if (!settings) return std::unexpected(settings.error());
    if (settings->config.journal.path.empty())
        return std::unexpected(complain(Exit::usage, "no journal is configured (journal.path)"));
    return settings->config.journal.path;
}

// The file that a path leads to: another one after the agent has begun a new journal.
struct FileId {
    std::uint64_t device = 0, inode = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
};

FileId file_at(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? FileId{info.st_dev, info.st_ino} : FileId{};
}

std::expected<journal::StoreReader, Exit> open(const std::string& path) {
    auto reader = journal::StoreReader::open(path);
    if (!reader)
        return std::unexpected(complain(Exit::bad, fmt::format("cannot read the journal: {}", reader.error().message)));
    return std::move(*reader);
}

Exit show(const AlertsOptions& options) {
    const auto filter = RecordFilter::compile(options.filter);
    if (!filter) return complain(Exit::usage, filter.error().message);
    const auto path = journal_path(options);
    if (!path) return path.error();
    FileId file = file_at(*path);
    bool left = false; // it is not at its path any more
    auto reader = open(*path);
    if (!reader) return reader.error();
    std::uint64_t after = 0;
    if (!options.since.empty()) {
        const auto since = parse_since(options.since, wall_now());
        if (!since) return complain(Exit::usage, since.error().message);
        after = reader->before_time(*since).value_or(0);
    }
    const FormatOptions format{parse_alert_format(options.format).value_or(AlertFormat::text), TimeFormat::iso8601};
    for (;;) {
        const auto records = reader->read(after, kPieceRecords, kPieceBytes, false);
        if (!records) return complain(Exit::bad, fmt::format("cannot read the journal: {}", records.error().message));
        std::string out;
        for (const journal::StoredRecord& stored : *records) {
            after = stored.sequence;
            const auto record = parse_record(stored.text);
            if (!record)
                return complain(Exit::bad,
                                fmt::format("record {} is damaged: {}", stored.sequence, record.error().message));
            if (filter->matches(*record)) out += format_record(*record, format) + "\n";
        }
        if (!out.empty()) {
            if (const Exit printed = print(out); printed != Exit::fine) return printed;
        }
        if (!records->empty()) continue;
        if (!options.follow) return Exit::fine;
        // The old one is read to its end; numbers go on in the new one, unless it is that of another agent.
        if (const FileId now = file_at(*path); now != file && now != FileId{}) {
            if (!std::exchange(left, true)) continue;
            auto next = journal::StoreReader::open(*path);
            const std::uint64_t head = next ? next->before_time(INT64_MAX).value_or(0) : 0;
            if (head > 0) {
                if (head < after) after = 0;
                *reader = std::move(*next);
                file = now;
                left = false;
                continue;
            }
        }
        pollfd reader_gone{1, 0, 0}; // without a reader there is nobody to follow for
        if (::poll(&reader_gone, 1, kFollowEveryMs) > 0 && (reader_gone.revents & (POLLERR | POLLHUP)) != 0)
            return Exit::fine;
    }
}

Exit verify(const AlertsOptions& options) {
    std::optional<journal::Head> expected;
    if (!options.expect.empty()) {
        const std::size_t colon = options.expect.find(':');
        journal::Head head;
        const auto [end, error] =
            std::from_chars(options.expect.data(), options.expect.data() + options.expect.size(), head.sequence);
        const auto digest =
            colon == std::string::npos ? std::nullopt : journal::digest_from_hex(options.expect.substr(colon + 1));
        if (!digest || error != std::errc() || end != options.expect.data() + colon)
            return complain(Exit::usage, "--expect takes NUMBER:DIGEST, as an earlier verify printed it");
        head.digest = *digest;
        expected = head;
    }
    const auto path = journal_path(options);
    if (!path) return path.error();
    auto reader = open(*path);
    if (!reader) return reader.error();
    const auto verdict = reader->verify(expected);
    if (!verdict) return complain(Exit::bad, fmt::format("cannot read the journal: {}", verdict.error().message));
    if (!verdict->intact) return complain(Exit::bad, "the journal is not intact: " + verdict->problem);
    std::string kept = verdict->anchor.sequence == 0
                           ? ""
                           : fmt::format(" (those up to {} left by age or size)", verdict->anchor.sequence);
    return print(fmt::format("intact: {} records{}\nhead {}:{}\n", verdict->records, kept, verdict->head.sequence,
                             journal::to_hex(verdict->head.digest)));
}

} // namespace

void add_alerts_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand("alerts", "Query the journal of alerts, or verify it");
    auto options = std::make_shared<AlertsOptions>();
    options->common.add_config(*command);
    command->add_option("FILTER", options->filter, "Condition over fields of the records, such as 'priority >= error'");
    command->add_option("--since", options->since, "Only from then on: 1h, or 2026-01-31T10:30:00Z")->type_name("TIME");
    command->add_option("--format", options->format, "text, json, falco, ecs or ocsf")
        ->check(CLI::IsMember({"text", "json", "falco", "ecs", "ocsf"}));
    command->add_flag("-f,--follow", options->follow, "Go on with what comes");
    command->add_option("--journal", options->journal, "The journal's file (default: as configured)")
        ->type_name("FILE");
    command->footer("Examples:\n  gyr alerts 'priority >= warning and container.name = web' --since 1h\n"
                    "  gyr alerts --follow --format json\n  gyr alerts verify");
    CLI::App* check =
        command->add_subcommand("verify", "Prove that no record was removed, changed or put in another place");
    check->add_option("--expect", options->expect, "A head that was noted before: it must be part of the journal")
        ->type_name("NUMBER:DIGEST");
    check->add_option("--journal", options->journal, "The journal's file (default: as configured)")->type_name("FILE");
    check->footer("Example:\n  gyr alerts verify --expect 1234:9f86d0…");
    command->callback([&action, options, check] {
        action = [options, wanted = check->parsed()] { return wanted ? verify(*options) : show(*options); };
    });
}

} // namespace gyr::app
