#pragma once
// Addresses of the machine that the events are of: what tells the local end of a connection from the remote one.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace gyr {

// Network order. An IPv4 address uses the first four bytes.
struct HostAddress {
    bool ipv6 = false;
    std::array<std::uint8_t, 16> address{}, netmask{};
};

class HostAddresses {
  public:
    void clear() { all_.clear(); }
    void add(const HostAddress& address) { all_.push_back(address); }
    [[nodiscard]] std::span<const HostAddress> all() const { return all_; }
    // Whether an address is of this machine as the rule language means it: in a network that one of its interfaces
    // belongs to, so that its containers are of it. Of IPv6 the first 64 bits count.
    [[nodiscard]] bool is_local(bool ipv6, const std::array<std::uint8_t, 16>& address) const {
        const std::size_t bytes = ipv6 ? 8 : 4;
        for (const HostAddress& h : all_) {
            bool same = h.ipv6 == ipv6;
            for (std::size_t i = 0; same && i < bytes; ++i)
                same = ((h.address[i] ^ address[i]) & (ipv6 ? 0xff : h.netmask[i])) == 0;
            if (same) return true;
        }
        return false;
    }

  private:
    std::vector<HostAddress> all_;
};

} // namespace gyr
