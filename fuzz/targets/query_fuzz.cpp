// What people ask the journal for, by `gyr alerts` and by the HTTP API. Input: a filter, a newline, a time ("since").
// What comes by a URL is what was meant; a filter that is refused says why in one line; one that is taken has the same
// answer twice, and the opposite one when it is negated.

#include "alerts/filter.h"
#include "alerts/parse.h"
#include "alerts/test_support.h"
#include "http/parser.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    return out;
}

const std::array<gyr::AlertRecord, 3>& records() {
    static const std::array<gyr::AlertRecord, 3> made = {
        gyr::test_alert(1), gyr::test_alert(2, gyr::Priority::critical),
        gyr::Notice{.time = gyr::kTestTime, .kind = "heartbeat", .message = "still here", .hostname = "node1"}};
    return made;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::size_t end = all.find('\n');
    const std::string text(all.substr(0, end));
    const std::string since(end == std::string_view::npos ? "" : all.substr(end + 1));

    const gyr::http::Limits limits{.head = 1U << 20, .headers = 8, .body = 0};
    const auto asked =
        gyr::http::parse_request(fmt::format("GET /api/v1/alerts?filter={}&since={} HTTP/1.1\r\nHost: gyr\r\n\r\n",
                                             encoded(text), encoded(since)),
                                 limits);
    if (size < limits.head / 8) {
        check(asked.request && asked.request->query.at("filter") == text && asked.request->query.at("since") == since);
    }
    // As it stands, it may be anything.
    (void)gyr::http::parse_request(fmt::format("GET /api/v1/alerts?filter={} HTTP/1.1\r\nHost: gyr\r\n\r\n", all),
                                   limits);
    if (const auto time = gyr::parse_since(since, gyr::kTestTime); !time) check(!time.error().message.empty());

    const auto filter = gyr::RecordFilter::compile(text);
    if (!filter) {
        check(!filter.error().message.empty());
        return 0;
    }
    const auto opposite = gyr::RecordFilter::compile("not (" + text + ")"); // may be too deep now
    for (const gyr::AlertRecord& record : records()) {
        const bool found = filter->matches(record);
        check(filter->matches(record) == found);
        if (opposite && !text.empty()) check(opposite->matches(record) != found);
    }
    return 0;
}
