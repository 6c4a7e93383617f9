#pragma once
// Reader of a BPF ring buffer. Records are handed out where they lie, without a copy, and given back to the kernel
// as soon as the callback returns. libbpf's own reader can neither stop after so many records nor tell, after the
// reader said that it goes to sleep, whether something has come in the meantime; both are needed here.
//
// Only a window of the buffer is mapped at a time: the kernel maps all of a ring's pages at once, and twice, so that
// a ring would count double in the memory of this process. The window moves when it has been read through.

#include "base/function_ref.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace gyr {

class RingReader {
  public:
    static constexpr std::size_t kWindow = std::size_t{512} << 10;

    // map_fd is a BPF_MAP_TYPE_RINGBUF of the given size and stays the caller's, who keeps it open. window: bytes
    // mapped at a time, unless a record is larger.
    static Result<std::unique_ptr<RingReader>> create(int map_fd, std::size_t bytes, std::size_t window = kWindow);
    ~RingReader();
    RingReader(const RingReader&) = delete;
    RingReader& operator=(const RingReader&) = delete;

    // Hands out at most limit finished records, in order; returns how many.
    std::size_t read(std::size_t limit, FunctionRef<void(std::span<const std::byte>)> sink);
    // The oldest record, when it is finished; empty when there is none. Stays until pop().
    [[nodiscard]] std::span<const std::byte> peek();
    // REQUIRES: peek() has just given a record.
    void pop();
    // A finished record waits.
    [[nodiscard]] bool has_data();

  private:
    RingReader(int map_fd, std::size_t bytes, std::size_t page, std::size_t window)
        : map_fd_(map_fd), bytes_(bytes), page_(page), window_(window) {}
    // The bytes at this position of the ring, mapped; null when the kernel finds no memory to map them.
    [[nodiscard]] const std::byte* at(unsigned long position, std::size_t length);
    [[nodiscard]] unsigned long consumed() const;
    [[nodiscard]] unsigned long produced() const;
    void give_back(unsigned long upto);

    int map_fd_;
    std::size_t bytes_, page_, window_;
    void* consumer_ = nullptr;       // one page, ours to write
    const void* producer_ = nullptr; // one page
    void* data_ = nullptr; // the window: of the data, which the kernel has twice in a row, so that no record is split
    std::size_t begin_ = 0, end_ = 0; // of the window, in the doubled data; the same when nothing is mapped
};

} // namespace gyr
