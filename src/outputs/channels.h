#pragma once
// The makers of all channels, one for each file of outputs/*_channel.cpp. Options are complete, not checked.

#include "base/result.h"
#include "outputs/channel.h"
#include "outputs/options.h"

#include <memory>

namespace gyr::outputs {

using MadeChannel = Result<std::unique_ptr<Channel>>;

MadeChannel make_stream_channel(const OutputOptions& options); // stdout, stderr
MadeChannel make_file_channel(const OutputOptions& options);
MadeChannel make_program_channel(const OutputOptions& options);
MadeChannel make_http_channel(const OutputOptions& options); // http and all that speak it
MadeChannel make_syslog_channel(const OutputOptions& options);
MadeChannel make_kafka_channel(const OutputOptions& options);
MadeChannel make_nats_channel(const OutputOptions& options);
MadeChannel make_redis_channel(const OutputOptions& options);

} // namespace gyr::outputs
