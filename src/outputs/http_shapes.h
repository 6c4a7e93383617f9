#pragma once
// What a batch of records looks like to each of the services that take them over HTTP: address, headers, body, and what
// an answer means. A table, one line a service.

#include "outputs/channel.h"
#include "outputs/options.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::outputs {

struct HttpAnswer {
    long status = 0;
    std::string body;
    Nanos retry_after = 0;
};

struct HttpShape {
    std::string_view type;
    std::string_view path;          // added to an address that has none
    std::string_view content_type;  // of a batch
    std::string_view authorization; // scheme before the token
    std::string (*body)(std::span<const Item> items, const OutputOptions& options);
    SendResult (*judge)(const HttpAnswer& answer, std::size_t count); // of an answer that came
};

// Null for a type that is none of them.
[[nodiscard]] const HttpShape* find_http_shape(std::string_view type);

// Status codes as most services mean them.
[[nodiscard]] SendResult judge_status(const HttpAnswer& answer, std::size_t count);

} // namespace gyr::outputs
