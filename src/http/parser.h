#pragma once
// HTTP/1.1 requests from bytes as they come. Foreign bytes: every length is bounded, nothing is guessed; what is not
// plainly right is refused with a status code.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::http {

// Where a request comes from, and so whether others could have sent it.
enum class Origin : std::uint8_t {
    unix_socket, // the file's permissions say who may
    loopback,    // anybody on this host, also a web page in a browser here
    remote,
};

struct Request {
    std::string method, path;                   // path decoded, without the query
    std::map<std::string, std::string> query;   // decoded
    std::map<std::string, std::string> headers; // names in lower case
    std::string body;
    bool keep_alive = true;
    // Set by the server.
    Origin origin = Origin::remote;
    std::size_t endpoint = 0;        // index of the address it came in by
    bool client_certificate = false; // it showed one that was verified
};

struct Limits {
    std::size_t head = 16'384;
    std::size_t headers = 64; // how many
    std::size_t body = 65'536;
};

// What is at the beginning of `bytes`.
struct Parsed {
    int status = 0; // not 0: refuse with this, and close
    std::optional<Request> request;
    std::size_t used = 0; // bytes of the request
};                        // neither: more bytes are needed

[[nodiscard]] Parsed parse_request(std::string_view bytes, const Limits& limits);

// %41 and, in queries, + for a blank. Nothing when a % is followed by something else than two digits.
[[nodiscard]] std::optional<std::string> decode_url(std::string_view text, bool plus_is_blank);

} // namespace gyr::http
