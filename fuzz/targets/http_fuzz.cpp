// Requests of anybody. What is cut off is never taken for whole, and what is taken lies within what came.
#include "http/parser.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace gyr::http;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Limits limits{.head = 512, .headers = 8, .body = 256};
    const Parsed parsed = parse_request(bytes, limits);
    check(parsed.status == 0 || (parsed.status >= 400 && !parsed.request));
    if (bytes.size() > limits.head + limits.body) check(parsed.status != 0 || parsed.request);
    if (!parsed.request) return 0;
    check(parsed.used > 0 && parsed.used <= size && parsed.used <= limits.head + limits.body + 4);
    check(parsed.request->body.size() <= limits.body && parsed.request->headers.size() <= limits.headers);
    const Parsed shorter = parse_request(bytes.substr(0, parsed.used - 1), limits);
    check(!shorter.request && shorter.status == 0);
    const Parsed exact = parse_request(bytes.substr(0, parsed.used), limits);
    check(exact.request && exact.used == parsed.used && exact.request->path == parsed.request->path);
    return 0;
}
