#include "sources/live_bpf/ring_reader.h"

#include <algorithm>
#include <cerrno>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace gyr {
namespace {

template <class T>
T load_acquire(const void* p) {
    return __atomic_load_n(static_cast<const T*>(p), __ATOMIC_ACQUIRE);
}

constexpr std::size_t length_of(std::uint32_t word) { return word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT); }
constexpr std::size_t taken_by(std::uint32_t word) {
    return (length_of(word) + BPF_RINGBUF_HDR_SZ + 7) & ~std::size_t{7};
}

} // namespace

Result<std::unique_ptr<RingReader>> RingReader::create(int map_fd, std::size_t bytes, std::size_t window) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::unique_ptr<RingReader> reader(new RingReader(map_fd, bytes, page, std::max(window, page)));
    void* consumer = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (consumer == MAP_FAILED) return fail_errno("map the ring buffer", errno);
    reader->consumer_ = consumer;
    void* producer = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page));
    if (producer == MAP_FAILED) return fail_errno("map the ring buffer", errno);
    reader->producer_ = producer;
    if (reader->at(0, BPF_RINGBUF_HDR_SZ) == nullptr) return fail_errno("map the ring buffer", errno);
    return reader;
}

RingReader::~RingReader() {
    if (consumer_ != nullptr) ::munmap(consumer_, page_);
    if (producer_ != nullptr) ::munmap(const_cast<void*>(producer_), page_);
    if (begin_ != end_) ::munmap(data_, end_ - begin_);
}

unsigned long RingReader::consumed() const { return load_acquire<unsigned long>(consumer_); }
unsigned long RingReader::produced() const { return load_acquire<unsigned long>(producer_); }
void RingReader::give_back(unsigned long upto) {
    __atomic_store_n(static_cast<unsigned long*>(consumer_), upto, __ATOMIC_RELEASE);
}

const std::byte* RingReader::at(unsigned long position, std::size_t length) {
    const std::size_t offset = position & (bytes_ - 1);
    if (offset < begin_ || offset + length > end_) {
        if (begin_ != end_) ::munmap(data_, end_ - begin_);
        begin_ = offset & ~(page_ - 1);
        const std::size_t needed = (offset + length - begin_ + page_ - 1) & ~(page_ - 1);
        end_ = begin_ + std::min(std::max(window_, needed), 2 * bytes_ - begin_);
        data_ = ::mmap(nullptr, end_ - begin_, PROT_READ, MAP_SHARED, map_fd_, static_cast<off_t>(2 * page_ + begin_));
        if (data_ == MAP_FAILED) {
            begin_ = end_ = 0;
            return nullptr;
        }
    }
    return static_cast<const std::byte*>(data_) + (offset - begin_);
}

bool RingReader::has_data() {
    const auto position = consumed();
    if (position >= produced()) return false;
    const std::byte* header = at(position, BPF_RINGBUF_HDR_SZ);
    return header != nullptr && (load_acquire<std::uint32_t>(header) & BPF_RINGBUF_BUSY_BIT) == 0;
}

std::size_t RingReader::read(std::size_t limit, FunctionRef<void(std::span<const std::byte>)> sink) {
    std::size_t n = 0;
    for (; n < limit; ++n) {
        const auto record = peek();
        if (record.data() == nullptr) break;
        sink(record);
        pop();
    }
    return n;
}

std::span<const std::byte> RingReader::peek() {
    auto position = consumed();
    while (position < produced()) {
        const std::byte* header = at(position, BPF_RINGBUF_HDR_SZ);
        if (header == nullptr) return {};
        const auto word = load_acquire<std::uint32_t>(header);
        if (word & BPF_RINGBUF_BUSY_BIT) return {}; // still being written; whatever follows waits for it
        if ((word & BPF_RINGBUF_DISCARD_BIT) == 0) {
            header = at(position, BPF_RINGBUF_HDR_SZ + length_of(word));
            if (header == nullptr) return {};
            return {header + BPF_RINGBUF_HDR_SZ, length_of(word)};
        }
        position += taken_by(word);
        give_back(position);
    }
    return {};
}

void RingReader::pop() {
    const auto position = consumed();
    if (const std::byte* header = at(position, BPF_RINGBUF_HDR_SZ))
        give_back(position + taken_by(load_acquire<std::uint32_t>(header)));
}

} // namespace gyr
