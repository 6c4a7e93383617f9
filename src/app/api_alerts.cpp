#include "app/api_alerts.h"

#include "alerts/filter.h"
#include "alerts/format.h"
#include "alerts/lookup.h"
#include "alerts/parse.h"
#include "base/clock.h"
#include "journal/store.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <memory>
#include <optional>

namespace gyr::app {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kLimit = 100, kMostLimit = 1000;
constexpr std::size_t kLookedAt = 20'000; // records in one call
constexpr std::size_t kPiece = 500;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kAnswerBytes = std::size_t{8} << 20;

Response bad(std::string_view why) {
    const nlohmann::json body{{"error", why}};
    return {.status = 400, .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

std::string parameter(const Request& request, const std::string& name) {
    const auto found = request.query.find(name);
    return found == request.query.end() ? "" : found->second;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string unknown_parameter(const Request& request, std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : request.query) {
        if (std::ranges::find(known, name) == known.end()) return fmt::format("there is no parameter '{}'", name);
    }
    return {};
}

// What a stream gives: first what the journal has behind `after`, then what comes.
struct Feed {
    RecordFilter filter;
    std::uint64_t last = 0;
    std::optional<journal::StoreReader> past;
    std::unique_ptr<journal::Subscription> coming;

    void put(std::string& out, std::uint64_t sequence, const AlertRecord& record) {
        if (sequence <= last && sequence != 0) return;
        last = std::max(last, sequence);
        if (!filter.matches(record)) return;
        out += fmt::format("id: {}\nevent: {}\ndata: {}\n\n", sequence, kind_of(record),
                           format_record(record, {AlertFormat::json, TimeFormat::iso8601}));
    }

    std::string next() {
        std::string out;
        while (past && out.empty()) {
            const auto piece = past->read(last, kPiece, kPieceBytes, true);
            if (!piece || piece->empty()) {
                past.reset();
                break;
            }
            for (const journal::StoredRecord& stored : *piece) {
                if (const auto record = parse_record(stored.text)) put(out, stored.sequence, *record);
                last = std::max(last, stored.sequence);
            }
        }
        while (!past && out.empty()) {
            const auto piece = coming->read(kPiece, kPieceBytes);
            if (piece.empty()) break;
            for (const journal::Entry& entry : piece) put(out, entry.sequence, *entry.record);
            coming->delivered(piece.back().sequence);
        }
        return out;
    }
};

} // namespace

Response query_alerts(Agent& agent, const Request& request) {
    if (const std::string why = unknown_parameter(request, {"filter", "since", "after", "limit"}); !why.empty())
        return bad(why);
    const auto filter = RecordFilter::compile(parameter(request, "filter"));
    if (!filter) return bad("filter: " + filter.error().message);
    std::size_t limit = kLimit;
    if (const std::string text = parameter(request, "limit"); !text.empty()) {
        const auto given = number(text);
        if (!given || *given == 0 || *given > kMostLimit) return bad(fmt::format("limit: 1 to {}", kMostLimit));
        limit = *given;
    }
    std::uint64_t after = 0;
    if (const std::string text = parameter(request, "after"); !text.empty()) {
        const auto given = number(text);
        if (!given) return bad("after: a sequence number");
        after = *given;
    }
    std::optional<Nanos> since;
    if (const std::string text = parameter(request, "since"); !text.empty()) {
        const auto given = parse_since(text, wall_now());
        if (!given) return bad("since: " + given.error().message);
        since = *given;
    }
    const journal::Status status = agent.journal().status();
    auto reader = journal::StoreReader::open(status.path);
    if (status.path.empty() || !reader) return {.status = 503, .body = "{\"error\": \"no journal is kept\"}\n"};
    if (since) after = std::max(after, reader->before_time(*since).value_or(0));

    std::string body = "{\"alerts\": [";
    std::size_t found = 0, looked_at = 0;
    bool complete = false;
    while (found < limit && looked_at < kLookedAt && body.size() < kAnswerBytes) {
        const auto piece = reader->read(after, kPiece, kPieceBytes, false);
        if (!piece) return {.status = 503, .body = "{\"error\": \"the journal cannot be read\"}\n"};
        complete = piece->empty();
        if (complete) break;
        for (const journal::StoredRecord& stored : *piece) {
            if (found >= limit) break;
            after = stored.sequence;
            ++looked_at;
            const auto record = parse_record(stored.text);
            if (!record || !filter->matches(*record)) continue;
            body += fmt::format("{}\n{{\"sequence\": {}, \"record\": {}}}", found++ == 0 ? "" : ",", stored.sequence,
                                stored.text);
        }
    }
    body += fmt::format("{}], \"next\": {}, \"complete\": {}}}\n", found == 0 ? "" : "\n", after, complete);
    return {.body = std::move(body)};
}

Response stream_alerts(Agent& agent, const Request& request, int wake_fd) {
    if (const std::string why = unknown_parameter(request, {"filter", "after"}); !why.empty()) return bad(why);
    auto filter = RecordFilter::compile(parameter(request, "filter"));
    if (!filter) return bad("filter: " + filter.error().message);
    std::string text = parameter(request, "after");
    if (const auto id = request.headers.find("last-event-id"); text.empty() && id != request.headers.end())
        text = id->second;
    const std::optional<std::uint64_t> after = text.empty() ? std::nullopt : number(text);
    if (!text.empty() && !after) return bad("after: a sequence number");

    auto feed = std::make_shared<Feed>();
    feed->filter = std::move(*filter);
    // First it listens, then it reads what was before, so that nothing is between the two.
    feed->coming = agent.journal().listen(wake_fd);
    if (after) {
        feed->last = *after;
        if (auto reader = journal::StoreReader::open(agent.journal().status().path)) feed->past = std::move(*reader);
    }
    Response response{.content_type = "text/event-stream", .body = ":\n\n"};
    response.stream = [feed] { return feed->next(); };
    return response;
}

} // namespace gyr::app
