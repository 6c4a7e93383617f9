#include "recording/alert_captures.h"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace gyr::recording {

AlertCaptures::AlertCaptures(AlertCaptureOptions options, Describe describe)
    : options_(std::move(options)), describe_(std::move(describe)), recorder_(options_.recorder) {}

AlertCaptures::~AlertCaptures() { static_cast<void>(end()); }

// The file stays as far as it came: everything before the failure can be read.
Result<> AlertCaptures::give_up(Result<> failure) {
    ++stats_.failures;
    writer_.reset();
    return failure;
}

Result<> AlertCaptures::write(const RawEvent& event) {
    auto done = writer_->write_event(event);
    if (done)
        ++stats_.events;
    else if (done.error().kind != ErrorKind::invalid)
        return give_up(std::move(done)); // invalid: just this event
    if (options_.max_bytes > 0 && writer_->bytes_in() >= options_.max_bytes) {
        ++stats_.ended_by_size;
        return end();
    }
    return {};
}

Result<> AlertCaptures::take(const RawEvent& event) {
    recorder_.keep(event);
    if (!writer_) return {};
    if (event.time > until_) return end();
    return write(event);
}

Result<std::string> AlertCaptures::begin(const RawEvent& event, std::uint64_t number, Nanos duration) {
    const Nanos until = event.time + (duration > 0 ? duration : options_.default_duration);
    if (writer_) {
        until_ = std::max(until_, until);
        return path_;
    }
    std::string path = fmt::format("{}_{:020}_{:020}.scap", options_.path_prefix, event.time, number);
    auto writer = capfile::Writer::create(path, options_.writer);
    if (!writer) {
        ++stats_.failures;
        return std::unexpected(writer.error());
    }
    writer_ = std::move(*writer);
    path_ = path;
    until_ = until;
    ++stats_.files;
    files_.push_back(path);
    while (options_.keep_files > 0 && files_.size() > options_.keep_files) {
        ::unlink(files_.front().c_str()); // gone already is as good
        files_.pop_front();
    }
    if (describe_) {
        if (auto done = describe_(*writer_); !done) return std::unexpected(give_up(std::move(done)).error());
    }
    const auto put = [this](const RawEvent& kept) -> Result<> { return writer_ ? write(kept) : Result<>{}; };
    auto done = recorder_.on() ? recorder_.for_each(put) : put(event);
    if (!done) return std::unexpected(done.error());
    return path;
}

Result<> AlertCaptures::tick(Nanos now) { return writer_ && now > until_ ? end() : Result<>{}; }

Result<> AlertCaptures::end() {
    if (!writer_) return {};
    auto closed = writer_->close();
    if (!closed) return give_up(std::move(closed));
    writer_.reset();
    return {};
}

} // namespace gyr::recording
