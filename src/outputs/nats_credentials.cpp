#include "outputs/nats_credentials.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace gyr::outputs {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kKeyBytes = 32;
// First bytes of an encoded key; five bits each, so that they read as letters.
constexpr std::uint8_t kSeed = 18 << 3; // S
constexpr std::uint8_t kUser = 20 << 3; // U

std::uint16_t crc16(std::string_view bytes) { // CCITT, as XMODEM has it
    std::uint16_t crc = 0;
    for (const char c : bytes) {
        crc = static_cast<std::uint16_t>(crc ^ (static_cast<std::uint8_t>(c) << 8));
        for (int bit = 0; bit < 8; ++bit)
            crc = static_cast<std::uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

std::optional<std::string> from_base32(std::string_view text) {
    std::string out;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : text) {
        const std::size_t value = kBase32.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        held = held << 5 | static_cast<std::uint32_t>(value);
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        out += static_cast<char>(held >> bits & 0xff);
    }
    return out;
}

std::string to_base32(std::string_view bytes) {
    std::string out;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : bytes) {
        held = held << 8 | static_cast<std::uint8_t>(c);
        for (bits += 8; bits >= 5; bits -= 5) out += kBase32[held >> (bits - 5) & 31];
    }
    if (bits > 0) out += kBase32[held << (5 - bits) & 31];
    return out;
}

std::string to_base64url(std::span<const std::uint8_t> bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<std::uint8_t*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(length));
    while (out.ends_with('=')) out.pop_back();
    for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The line behind the one with this mark.
std::string_view line_after(std::string_view text, std::string_view mark) {
    const std::size_t at = text.find(mark);
    const std::size_t end = at == std::string_view::npos ? at : text.find('\n', at);
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
    return trimmed(text.substr(0, text.find('\n')));
}

} // namespace

void NatsCredentials::KeyEnd::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<NatsCredentials> NatsCredentials::parse(std::string_view text) {
    const auto wrong = [](const char* what) { return fail(ErrorKind::invalid, what); };
    NatsCredentials out;
    std::string_view seed = trimmed(text);
    if (text.find("-----BEGIN ") != std::string_view::npos) {
        out.jwt_ = line_after(text, "BEGIN NATS USER JWT");
        seed = line_after(text, "BEGIN USER NKEY SEED");
        if (out.jwt_.empty() || seed.empty()) return wrong("the credentials lack the user's JWT or the seed");
    }
    const auto bytes = from_base32(seed);
    if (!bytes || bytes->size() != kKeyBytes + 4) return wrong("the seed is no NKEY (SU…)");
    const std::string_view checked = std::string_view(*bytes).substr(0, kKeyBytes + 2);
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>((*bytes)[i]); };
    if (crc16(checked) != (at(kKeyBytes + 2) | at(kKeyBytes + 3) << 8)) return wrong("the seed is mistyped");
    if ((at(0) & 0xf8) != kSeed) return wrong("that is a public key; the seed (SU…) is wanted");
    if (static_cast<std::uint8_t>((at(0) & 7) << 5 | at(1) >> 3) != kUser)
        return wrong("the seed is not that of a user (SU…)");
    out.key_.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                reinterpret_cast<const std::uint8_t*>(bytes->data()) + 2, kKeyBytes));
    std::string name(1 + kKeyBytes, static_cast<char>(kUser));
    std::size_t length = kKeyBytes;
    if (!out.key_ ||
        EVP_PKEY_get_raw_public_key(out.key_.get(), reinterpret_cast<std::uint8_t*>(name.data()) + 1, &length) != 1)
        return wrong("the seed makes no key");
    const std::uint16_t check = crc16(name);
    name += static_cast<char>(check & 0xff);
    name += static_cast<char>(check >> 8);
    out.public_key_ = to_base32(name);
    return out;
}

Result<std::string> NatsCredentials::sign(std::string_view nonce) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    std::array<std::uint8_t, 64> signature{};
    std::size_t length = signature.size();
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &length, reinterpret_cast<const std::uint8_t*>(nonce.data()),
                       nonce.size()) != 1)
        return fail(ErrorKind::io, "the server's nonce cannot be signed");
    return to_base64url(std::span(signature).first(length));
}

} // namespace gyr::outputs
