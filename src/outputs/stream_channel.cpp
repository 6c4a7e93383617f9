// Standard output and standard error, a line a record; each line is the kernel's before the next is looked at.

#include "outputs/channels.h"

#include <fmt/format.h>

#include <cstring>

#include <fcntl.h>

namespace gyr::outputs {
namespace {

class StreamChannel final : public Channel {
  public:
    explicit StreamChannel(int fd) : writer_(fd) {}

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        SendResult result;
        for (const Item& item : items) {
            switch (writer_.write_line(item.text + "\n", patience)) {
            case WriteOutcome::written: ++result.done; continue;
            case WriteOutcome::reader_gone: result.outcome = Sent::closed; return result;
            case WriteOutcome::gave_up:
                result.outcome = Sent::retry;
                result.problem = "the reader takes nothing";
                return result;
            case WriteOutcome::error:
                result.outcome = Sent::retry;
                result.problem = fmt::format("cannot write: {}", std::strerror(writer_.last_error()));
                return result;
            }
        }
        return result;
    }
    Idle wait_idle(const Patience& patience) override {
        return writer_.wait_idle(patience) ? Idle::closed : Idle::woken;
    }
    void finish(const Patience&) override { writer_.release(); }

  private:
    LineWriter writer_;
};

} // namespace

MadeChannel make_stream_channel(const OutputOptions& options) {
    const int fd = options.type == "stderr" ? 2 : 1;
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return fail(ErrorKind::invalid, fmt::format("{} is not open for writing", options.type));
    return std::make_unique<StreamChannel>(fd);
}

} // namespace gyr::outputs
