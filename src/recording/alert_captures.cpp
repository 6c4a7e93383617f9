#include "recording/alert_captures.h"

#include "base/folder.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <unistd.h>
#include <utility>

namespace gyr::recording {
namespace {

constexpr std::size_t kSuffix = 20 + 1 + 20 + 5; // TIME_EVENT.scap
constexpr std::size_t kSinceBytes = std::size_t{4} * 1024 * 1024;

} // namespace

AlertCaptures::AlertCaptures(AlertCaptureOptions options, Describe describe)
    : options_(std::move(options)), describe_(std::move(describe)), recorder_(options_.recorder) {
    if (options_.keep_files > 0) find_earlier();
}

// Their names order them by time.
void AlertCaptures::find_earlier() {
    const std::filesystem::path prefix(options_.path_prefix);
    const std::string begin = prefix.filename().string() + "_";
    const std::filesystem::path folder = prefix.has_parent_path() ? prefix.parent_path() : ".";
    for_each_entry(folder, [&](const std::filesystem::directory_entry& entry) {
        const std::string name = entry.path().filename().string();
        if (name.size() == begin.size() + kSuffix && name.starts_with(begin) && name.ends_with(".scap"))
            files_.push_back(entry.path().string());
        return true;
    });
    std::ranges::sort(files_);
}

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
    if (since_) since_->keep(event);
    if (waiting_) return is_due(event.time) ? begin_file() : Result<>{};
    if (!writer_) return {};
    if (event.time > until_) return end();
    return write(event);
}

Result<std::string> AlertCaptures::begin(const RawEvent& event, std::uint64_t number, Nanos duration, Ready ready) {
    const Nanos until = event.time + (duration > 0 ? duration : options_.default_duration);
    if (writing()) {
        until_ = std::max(until_, until);
        return path_;
    }
    path_ = fmt::format("{}_{:020}_{:020}.scap", options_.path_prefix, event.time, number);
    until_ = until;
    if (!recorder_.on()) {
        since_.emplace(FlightRecorderOptions{.span = std::numeric_limits<Nanos>::max() / 2, .max_bytes = kSinceBytes});
        since_->keep(event);
    }
    waiting_ = Waiting{std::move(ready), event.time + options_.metadata_wait};
    if (is_due(event.time)) {
        if (auto done = begin_file(); !done) return std::unexpected(done.error());
    }
    return path_;
}

bool AlertCaptures::is_due(Nanos now) const { return !waiting_->ready || waiting_->ready() || now > waiting_->until; }

Result<> AlertCaptures::begin_file() {
    waiting_.reset();
    const std::optional<FlightRecorder> since = std::exchange(since_, std::nullopt);
    auto writer = capfile::Writer::create(path_, options_.writer);
    if (!writer) {
        ++stats_.failures;
        return std::unexpected(writer.error());
    }
    writer_ = std::move(*writer);
    ++stats_.files;
    files_.push_back(path_);
    while (options_.keep_files > 0 && files_.size() > options_.keep_files) {
        ::unlink(files_.front().c_str()); // gone already is as good
        files_.pop_front();
    }
    if (describe_) {
        if (auto done = describe_(*writer_); !done) return give_up(std::move(done));
    }
    return (recorder_.on() ? recorder_ : *since).for_each([this](const RawEvent& kept) -> Result<> {
        return writer_ ? write(kept) : Result<>{};
    });
}

Result<> AlertCaptures::tick(Nanos now) {
    if (waiting_) return is_due(now) ? begin_file() : Result<>{};
    return writer_ && now > until_ ? end() : Result<>{};
}

Result<> AlertCaptures::end() {
    if (waiting_) {
        if (auto done = begin_file(); !done) return done;
    }
    if (!writer_) return {};
    auto closed = writer_->close();
    if (!closed) return give_up(std::move(closed));
    writer_.reset();
    return {};
}

} // namespace gyr::recording
