#pragma once
// The bytes of a capture, decompressed when they are gzip, seen through a window that moves forward: a few hundred KiB
// whatever the size of the file, more only while one item asks for more. Several gzip members one after another are one
// stream.

#include "base/fd.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gyr::capfile {

class Inflater;

class Input {
  public:
    // "-" is standard input. stop_fd: when it is readable the stream ends, also while nothing comes; -1: never.
    [[nodiscard]] static Result<Input> open(const std::string& path, int stop_fd = -1);
    [[nodiscard]] static Input from_bytes(std::span<const std::byte> bytes);

    Input(Input&&) noexcept;
    Input& operator=(Input&&) noexcept;
    ~Input();

    // Makes size bytes visible at data(), which moves. False: the stream ends, or fails, before.
    [[nodiscard]] bool ensure(std::size_t size) { return size <= available() || refill(size); }
    [[nodiscard]] const char* data() const { return begin_; }
    [[nodiscard]] std::size_t available() const { return static_cast<std::size_t>(end_ - begin_); }
    void consume(std::size_t size) { begin_ += size; } // at most available()
    // Passes over bytes without keeping them; false when the stream ends before.
    [[nodiscard]] bool skip(std::uint64_t size);

    [[nodiscard]] std::uint64_t offset() const { // of data(), in the decompressed stream
        return base_ + static_cast<std::uint64_t>(begin_ - start_);
    }
    [[nodiscard]] bool compressed() const { return inflater_ != nullptr; }
    // Why the stream failed; empty when it just ended.
    [[nodiscard]] const std::string& failure() const { return failure_; }

  private:
    Input();
    [[nodiscard]] Result<> begin();
    [[nodiscard]] bool refill(std::size_t size);
    void grow(std::size_t size);
    void fill(std::size_t size);
    // Both give 0 at the end or on failure.
    [[nodiscard]] std::size_t read_inflating(char* to, std::size_t room);
    [[nodiscard]] std::size_t read_raw(char* to, std::size_t room);
    [[nodiscard]] bool stopped() const;

    UniqueFd owned_;
    int fd_ = -1, stop_fd_ = -1;
    std::span<const std::byte> memory_; // what is left of a source in memory
    std::unique_ptr<Inflater> inflater_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    const char* start_ = nullptr; // of the buffer, at stream position base_
    const char* begin_ = nullptr;
    const char* end_ = nullptr;
    std::uint64_t base_ = 0;
    bool at_end_ = false;
    std::string failure_;
};

} // namespace gyr::capfile
