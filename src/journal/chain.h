#pragma once
// The chain that ties each journal record to all before it: digest n = SHA-256(digest n-1, sequence number, text). Who
// changes, removes or reorders records must write every later digest again, up to the head that was told elsewhere
// (`gyr alerts verify` prints it, heartbeats carry it).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::journal {

using Digest = std::array<unsigned char, 32>;

[[nodiscard]] Digest next_digest(const Digest& before, std::uint64_t sequence, std::string_view text);
[[nodiscard]] std::string to_hex(const Digest& digest);
[[nodiscard]] std::optional<Digest> digest_from_hex(std::string_view text);

} // namespace gyr::journal
