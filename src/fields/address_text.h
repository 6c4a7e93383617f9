#pragma once
// Texts of addresses, tuples and lists of descriptors in the capture format's encoding (reference/param-types.tsv).
// What is cut short reads as "NULL".

#include "fields/context.h"

#include <cstdint>
#include <string_view>

namespace gyr::fields {

[[nodiscard]] std::string_view sockaddr_text(std::string_view bytes, Arena& arena);   // "10.0.0.1:80", a path
[[nodiscard]] std::string_view socktuple_text(std::string_view bytes, Arena& arena);  // "a:p->b:p"
[[nodiscard]] std::string_view fdlist_text(const Context& c, std::string_view bytes); // "4:64 5:f1"

// Descriptors of a list, in order.
class PolledFds {
  public:
    struct Entry {
        std::int64_t fd = 0;
        std::uint16_t flags = 0;
    };
    explicit PolledFds(std::string_view bytes);
    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] Entry operator[](std::size_t i) const;

  private:
    std::string_view bytes_;
    std::size_t count_ = 0;
};

} // namespace gyr::fields
