#include "outputs/channels.h"
#include "outputs/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gyr::outputs {
namespace {

struct Type {
    std::string_view name;
    MadeChannel (*make)(const OutputOptions&);
    std::size_t batch; // records in one request
    AlertFormat format;
    std::string OutputOptions::*needs = nullptr;
    std::string_view needs_key = {};
};

constexpr auto kUrl = &OutputOptions::url;
constexpr std::array kTypes = {
    Type{"stdout", make_stream_channel, 64, AlertFormat::text},
    Type{"stderr", make_stream_channel, 64, AlertFormat::text},
    Type{"file", make_file_channel, 256, AlertFormat::json, &OutputOptions::path, "path"},
    Type{"program", make_program_channel, 64, AlertFormat::json, &OutputOptions::command, "command"},
    Type{"syslog", make_syslog_channel, 64, AlertFormat::text},
    Type{"http", make_http_channel, 1, AlertFormat::json, kUrl, "url"},
    Type{"elasticsearch", make_http_channel, 200, AlertFormat::ecs, kUrl, "url"},
    Type{"splunk", make_http_channel, 100, AlertFormat::json, kUrl, "url"},
    Type{"loki", make_http_channel, 200, AlertFormat::json, kUrl, "url"},
    Type{"otlp", make_http_channel, 200, AlertFormat::json, kUrl, "url"},
    Type{"alertmanager", make_http_channel, 50, AlertFormat::json, kUrl, "url"},
    Type{"slack", make_http_channel, 1, AlertFormat::text, kUrl, "url"},
    Type{"kafka", make_kafka_channel, 500, AlertFormat::json, kUrl, "url"},
    Type{"nats", make_nats_channel, 200, AlertFormat::json, kUrl, "url"},
    Type{"redis", make_redis_channel, 200, AlertFormat::json, kUrl, "url"},
};

const Type* find(std::string_view name) {
    const auto found = std::ranges::find(kTypes, name, &Type::name);
    return found == kTypes.end() ? nullptr : &*found;
}

} // namespace

std::vector<std::string_view> output_types() {
    std::vector<std::string_view> names;
    for (const Type& type : kTypes) names.push_back(type.name);
    return names;
}

std::size_t standard_batch(std::string_view type) {
    const Type* found = find(type);
    return found == nullptr ? 1 : found->batch;
}

AlertFormat standard_format(std::string_view type) {
    const Type* found = find(type);
    return found == nullptr ? AlertFormat::json : found->format;
}

Result<std::unique_ptr<Channel>> make_channel(const OutputOptions& options) {
    const Type* type = find(options.type);
    if (type == nullptr) return fail(ErrorKind::invalid, fmt::format("there is no output of type '{}'", options.type));
    if (type->needs != nullptr && (options.*type->needs).empty())
        return fail(ErrorKind::invalid, fmt::format("an output of type {} needs '{}'", options.type, type->needs_key));
    return type->make(options);
}

} // namespace gyr::outputs
