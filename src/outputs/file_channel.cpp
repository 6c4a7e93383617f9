// A file, a line a record, with rotation of its own: path, path.1, path.2 …, older ones compressed when asked for. A
// file that somebody moves away is noticed and begun anew. A line that did not fit onto a full disk is taken back, and
// one that an end in the middle has left is ended, so that no two records share a line.

#include "outputs/channels.h"

#include "base/clock.h"
#include "base/fd.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr::outputs {
namespace {

bool compress(const std::string& from, const std::string& to) {
    const UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (!in || out < 0) {
        if (out >= 0) ::close(out);
        return false;
    }
    const gzFile gz = ::gzdopen(out, "wb6");
    if (gz == nullptr) {
        ::close(out);
        return false;
    }
    std::array<char, 65536> buffer{};
    bool good = true;
    ssize_t n = 0;
    while (good && (n = ::read(in.get(), buffer.data(), buffer.size())) > 0)
        good = ::gzwrite(gz, buffer.data(), static_cast<unsigned>(n)) == n;
    return ::gzclose(gz) == Z_OK && good && n == 0;
}

class FileChannel final : public Channel {
  public:
    explicit FileChannel(const OutputOptions& options)
        : path_(options.path), rotate_(options.rotate), timeout_(options.timeout) {}

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        SendResult result;
        for (const Item& item : items) {
            if (!ready(item.text.size() + 1) ||
                !(reader_ ? write_to_reader(item.text + "\n", patience) : write(torn_ + item.text + "\n"))) {
                result.outcome = Sent::retry;
                result.problem = problem_;
                return result;
            }
            ++result.done;
        }
        return result;
    }
    void reopen() override { close(); }

  private:
    void close() {
        reader_.reset();
        fd_.reset();
    }
    bool failed(std::string_view what) {
        problem_ = fmt::format("cannot {} {}: {}", what, path_, std::strerror(errno));
        close();
        return false;
    }

    // Opens what is to be written next, rotating first when it is time.
    bool ready(std::size_t bytes) {
        struct stat named {};
        const bool exists = ::stat(path_.c_str(), &named) == 0;
        if (fd_ && (!exists || named.st_ino != inode_ || named.st_dev != device_)) close(); // moved away
        if (!fd_ && !open()) return false;
        if (reader_) return true; // a pipe or a device has no size
        const Nanos now = wall_now();
        const bool big = rotate_.bytes != 0 && size_ > 0 && size_ + bytes > rotate_.bytes;
        const bool old = rotate_.age != 0 && size_ > 0 && now - begun_ >= rotate_.age;
        return (!big && !old) || (rotate() && open());
    }

    bool open() {
        // Opening a pipe would wait for a reader, and writing for room in it.
        constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
        fd_ = UniqueFd(::open(path_.c_str(), kFlags, 0600));
        if (!fd_ && errno == ENXIO) return nobody_reads();
        if (!fd_) return failed("open");
        struct stat info {};
        ::fstat(fd_.get(), &info);
        inode_ = info.st_ino;
        device_ = info.st_dev;
        size_ = static_cast<std::uint64_t>(info.st_size);
        torn_.clear();
        if (!S_ISREG(info.st_mode))
            reader_ = std::make_unique<LineWriter>(fd_.get());
        else if (size_ > 0)
            end_torn_line(info.st_size);
        // When it was begun is its birth; file systems without one give the change time, which is later.
        struct statx more {};
        const bool born =
            ::statx(fd_.get(), "", AT_EMPTY_PATH, STATX_BTIME, &more) == 0 && (more.stx_mask & STATX_BTIME) != 0;
        begun_ = static_cast<Nanos>(born ? more.stx_btime.tv_sec : info.st_ctime) * 1'000'000'000;
        return true;
    }

    void end_torn_line(off_t size) {
        const UniqueFd reading(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
        char last = '\n';
        if (reading && ::pread(reading.get(), &last, 1, size - 1) == 1 && last != '\n') torn_ = "\n";
    }

    bool nobody_reads() {
        problem_ = fmt::format("nobody reads {}", path_);
        return false;
    }

    // To a pipe or a device. What is in a pipe stays there for the next reader as long as it is open here.
    bool write_to_reader(const std::string& line, const Patience& patience) {
        WriteOutcome written = WriteOutcome::gave_up;
        if (reader_->await_room(patience, deadline_of(patience, timeout_)))
            written = reader_->write_line(line, patience); // without an end, so that no line is torn
        switch (written) {
        case WriteOutcome::written: return true;
        case WriteOutcome::reader_gone: return nobody_reads();
        case WriteOutcome::gave_up: problem_ = fmt::format("the reader of {} takes nothing", path_); return false;
        case WriteOutcome::error: break;
        }
        errno = reader_->last_error();
        return failed("write");
    }

    bool write(const std::string& line) {
        std::size_t done = 0;
        while (done < line.size()) {
            const ssize_t n = ::write(fd_.get(), line.data() + done, line.size() - done);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) {
                const int why = errno;
                if (done > 0) take_back(done);
                errno = why;
                return failed("write");
            }
            done += static_cast<std::size_t>(n);
        }
        size_ += line.size();
        torn_.clear();
        return true;
    }

    // The beginning of a line that had no room; not when somebody else has written behind it.
    void take_back(std::size_t bytes) {
        const off_t end = ::lseek(fd_.get(), 0, SEEK_CUR);
        struct stat info {};
        if (::fstat(fd_.get(), &info) != 0 || info.st_size != end) return;
        [[maybe_unused]] const int cut = ::ftruncate(fd_.get(), end - static_cast<off_t>(bytes));
    }

    [[nodiscard]] std::string numbered(std::uint64_t n, bool compressed) const {
        return fmt::format("{}.{}{}", path_, n, compressed ? ".gz" : "");
    }

    bool rotate() {
        std::error_code error;
        close();
        if (rotate_.keep == 0) {
            std::filesystem::remove(path_, error);
            return true;
        }
        for (const bool compressed : {false, true}) std::filesystem::remove(numbered(rotate_.keep, compressed), error);
        for (std::uint64_t n = rotate_.keep; n-- > 1;) {
            for (const bool compressed : {false, true}) {
                if (std::filesystem::exists(numbered(n, compressed), error))
                    std::filesystem::rename(numbered(n, compressed), numbered(n + 1, compressed), error);
            }
        }
        if (::rename(path_.c_str(), numbered(1, false).c_str()) != 0) return failed("rename");
        if (rotate_.compress) {
            const bool good = compress(numbered(1, false), numbered(1, true));
            std::filesystem::remove(numbered(1, !good), error); // where there is no room for both, the whole one stays
        }
        return true;
    }

    const std::string path_;
    const RotationOptions rotate_;
    const Nanos timeout_;
    UniqueFd fd_;
    std::unique_ptr<LineWriter> reader_; // of what is no regular file
    ino_t inode_ = 0;
    dev_t device_ = 0;
    std::uint64_t size_ = 0;
    Nanos begun_ = 0;
    std::string torn_; // a newline, when the file ends without one
    std::string problem_;
};

} // namespace

MadeChannel make_file_channel(const OutputOptions& options) {
    if (options.path.ends_with('/'))
        return fail(ErrorKind::invalid, fmt::format("'{}' is a folder, and no file", options.path));
    return std::make_unique<FileChannel>(options);
}

} // namespace gyr::outputs
