#pragma once
// Reader of a BPF ring buffer. Records are handed out where they lie, without a copy, and given back to the kernel
// as soon as the callback returns. libbpf's own reader can neither stop after so many records nor tell, after the
// reader said that it goes to sleep, whether something has come in the meantime; both are needed here.

#include "base/function_ref.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace gyr {

class RingReader {
  public:
    // map_fd is a BPF_MAP_TYPE_RINGBUF of the given size and stays the caller's.
    static Result<std::unique_ptr<RingReader>> create(int map_fd, std::size_t bytes);
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
    [[nodiscard]] bool has_data() const;

  private:
    RingReader(std::size_t bytes, std::size_t page, void* consumer, void* producer)
        : bytes_(bytes), page_(page), consumer_(consumer), producer_(producer) {}
    [[nodiscard]] const std::byte* data() const { return static_cast<const std::byte*>(producer_) + page_; }

    std::size_t bytes_, page_;
    void* consumer_; // one page, ours to write
    void* producer_; // one page, then the data twice in a row, so that no record is ever split
};

} // namespace gyr
