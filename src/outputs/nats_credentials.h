#pragma once
// Who we are to a NATS server that asks for a signature: an NKEY, or a JWT together with the NKEY it was made out to.
// The seed never leaves this process; what is sent is the public key or the JWT, and the server's nonce, signed.

#include "base/result.h"

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace gyr::outputs {

class NatsCredentials {
  public:
    // text: a user's seed (SU…), or the contents of a .creds file. Errors say what is wrong and never what is in it.
    static Result<NatsCredentials> parse(std::string_view text);

    [[nodiscard]] const std::string& jwt() const { return jwt_; }               // empty: an NKEY alone
    [[nodiscard]] const std::string& public_key() const { return public_key_; } // "U…"
    // In base64url, as CONNECT has it.
    [[nodiscard]] Result<std::string> sign(std::string_view nonce) const;

  private:
    struct KeyEnd {
        void operator()(evp_pkey_st* key) const;
    };
    std::unique_ptr<evp_pkey_st, KeyEnd> key_;
    std::string jwt_, public_key_;
};

} // namespace gyr::outputs
