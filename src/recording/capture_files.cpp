#include "recording/capture_files.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace gyr::recording {
namespace {

// "dir/a.scap" -> "dir/a-000001.scap"
std::string numbered(const std::string& path, std::uint64_t number) {
    const std::size_t slash = path.rfind('/');
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    std::size_t dot = path.rfind('.');
    if (dot == std::string::npos || dot <= begin) dot = path.size();
    return fmt::format("{}-{:06}{}", path.substr(0, dot), number, path.substr(dot));
}

} // namespace

CaptureFiles::CaptureFiles(std::string path, CaptureLimits limits, capfile::WriterOptions options, Describe describe)
    : path_(std::move(path)), limits_(limits), options_(options), describe_(std::move(describe)) {}

Result<CaptureFiles> CaptureFiles::create(std::string path, CaptureLimits limits, capfile::WriterOptions options,
                                          Describe describe) {
    CaptureFiles files(std::move(path), limits, options, std::move(describe));
    if (files.is_series() && files.path_ == "-")
        return fail(ErrorKind::invalid, "standard output cannot be divided into files of limited size");
    if (auto begun = files.begin_file(); !begun) return std::unexpected(begun.error());
    return files;
}

bool CaptureFiles::is_series() const {
    return limits_.max_bytes > 0 || limits_.max_events > 0 || limits_.max_duration > 0;
}

bool CaptureFiles::is_full(const RawEvent& next) const {
    const std::uint64_t events = writer_->events();
    if (events == 0) return false; // a file has at least one event, whatever the limits
    if (limits_.max_events > 0 && events >= limits_.max_events) return true;
    if (limits_.max_duration > 0 && next.time - first_time_ >= limits_.max_duration) return true;
    if (limits_.max_bytes == 0) return false;
    const std::uint64_t most = std::max(limits_.max_bytes, 2 * described_);
    if (options_.compress) return writer_->bytes_out() >= most;
    return writer_->bytes_in() + capfile::event_size(next, options_.enter_events) > most;
}

Result<> CaptureFiles::begin_file() {
    if (writer_) {
        if (auto closed = writer_->close(); !closed) return closed;
    }
    const std::string path = is_series() ? numbered(path_, begun_ + 1) : path_;
    auto writer = capfile::Writer::create(path, options_);
    if (!writer) return std::unexpected(writer.error());
    writer_ = std::move(*writer);
    files_.push_back(path);
    ++begun_;
    while (limits_.keep_files > 0 && files_.size() > limits_.keep_files) {
        if (::unlink(files_.front().c_str()) != 0 && errno != ENOENT)
            return fail_errno("delete " + files_.front(), errno);
        files_.pop_front();
    }
    if (describe_) {
        if (auto described = describe_(*writer_); !described) return described;
    }
    described_ = options_.compress ? writer_->bytes_out() : writer_->bytes_in();
    return {};
}

Result<> CaptureFiles::write(const RawEvent& event) {
    if (is_series() && is_full(event)) {
        if (auto begun = begin_file(); !begun) return begun;
    }
    if (writer_->events() == 0) first_time_ = event.time;
    auto done = writer_->write_event(event);
    if (done) ++events_;
    return done;
}

Result<> CaptureFiles::flush() { return writer_->flush(); }
Result<> CaptureFiles::close() { return writer_->close(); }

} // namespace gyr::recording
