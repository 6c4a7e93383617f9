#include "sources/live_bpf/ring_reader.h"

#include <atomic>
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

} // namespace

Result<std::unique_ptr<RingReader>> RingReader::create(int map_fd, std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* consumer = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (consumer == MAP_FAILED) return fail_errno("map the ring buffer", errno);
    void* producer = ::mmap(nullptr, page + 2 * bytes, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page));
    if (producer == MAP_FAILED) {
        const int err = errno;
        ::munmap(consumer, page);
        return fail_errno("map the ring buffer", err);
    }
    return std::unique_ptr<RingReader>(new RingReader(bytes, page, consumer, producer));
}

RingReader::~RingReader() {
    ::munmap(consumer_, page_);
    ::munmap(producer_, page_ + 2 * bytes_);
}

bool RingReader::has_data() const {
    const auto at = load_acquire<unsigned long>(consumer_);
    if (at >= load_acquire<unsigned long>(producer_)) return false;
    return (load_acquire<std::uint32_t>(data() + (at & (bytes_ - 1))) & BPF_RINGBUF_BUSY_BIT) == 0;
}

std::size_t RingReader::read(std::size_t limit, FunctionRef<void(std::span<const std::byte>)> sink) {
    std::size_t n = 0;
    auto at = load_acquire<unsigned long>(consumer_);
    while (n < limit && at < load_acquire<unsigned long>(producer_)) {
        const std::byte* header = data() + (at & (bytes_ - 1));
        const auto word = load_acquire<std::uint32_t>(header);
        if (word & BPF_RINGBUF_BUSY_BIT) break; // still being written; whatever follows waits for it
        const std::size_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        if ((word & BPF_RINGBUF_DISCARD_BIT) == 0) {
            sink({header + BPF_RINGBUF_HDR_SZ, length});
            ++n;
        }
        at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~std::size_t{7};
        __atomic_store_n(static_cast<unsigned long*>(consumer_), at, __ATOMIC_RELEASE);
    }
    return n;
}

std::span<const std::byte> RingReader::peek() {
    auto at = load_acquire<unsigned long>(consumer_);
    while (at < load_acquire<unsigned long>(producer_)) {
        const std::byte* header = data() + (at & (bytes_ - 1));
        const auto word = load_acquire<std::uint32_t>(header);
        if (word & BPF_RINGBUF_BUSY_BIT) return {};
        const std::size_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        if ((word & BPF_RINGBUF_DISCARD_BIT) == 0) return {header + BPF_RINGBUF_HDR_SZ, length};
        at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~std::size_t{7};
        __atomic_store_n(static_cast<unsigned long*>(consumer_), at, __ATOMIC_RELEASE);
    }
    return {};
}

void RingReader::pop() {
    const auto at = load_acquire<unsigned long>(consumer_);
    const auto word = load_acquire<std::uint32_t>(data() + (at & (bytes_ - 1)));
    const std::size_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    __atomic_store_n(static_cast<unsigned long*>(consumer_), at + ((length + BPF_RINGBUF_HDR_SZ + 7) & ~std::size_t{7}),
                     __ATOMIC_RELEASE);
}

} // namespace gyr
