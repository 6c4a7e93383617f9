#include "journal/chain.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <memory>

namespace gyr::journal {

Digest next_digest(const Digest& before, std::uint64_t sequence, std::string_view text) {
    // One context a thread: making one costs more than hashing a short record.
    thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                                       EVP_MD_CTX_free);
    std::array<unsigned char, 8> number{};
    for (std::size_t i = 0; i < number.size(); ++i) number[i] = static_cast<unsigned char>(sequence >> (8 * i));
    Digest digest{};
    unsigned length = 0;
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    EVP_DigestUpdate(context.get(), before.data(), before.size());
    EVP_DigestUpdate(context.get(), number.data(), number.size());
    EVP_DigestUpdate(context.get(), text.data(), text.size());
    EVP_DigestFinal_ex(context.get(), digest.data(), &length);
    return digest;
}

std::string to_hex(const Digest& digest) {
    std::string out;
    for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
    return out;
}

std::optional<Digest> digest_from_hex(std::string_view text) {
    Digest digest{};
    if (text.size() != digest.size() * 2) return std::nullopt;
    const auto nibble = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const int high = nibble(text[2 * i]);
        const int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        digest[i] = static_cast<unsigned char>(high * 16 + low);
    }
    return digest;
}

} // namespace gyr::journal
