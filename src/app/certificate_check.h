#pragma once
// Whether files of certificates can be used, before anybody needs them.

#include <string>
#include <string_view>
#include <vector>

namespace gyr::app {

struct CertificateFiles {
    std::string cert, key; // key empty: it is in cert
    std::string ca;
    bool ca_may_be_folder = true;
    std::string_view ca_member = "ca";
};

struct CertificateProblem {
    std::string member;  // "cert", "key", ca_member
    std::string message; // what is wrong with the file, with its path
};

// Paths that are empty are not looked at.
[[nodiscard]] std::vector<CertificateProblem> check_certificates(const CertificateFiles& files);

} // namespace gyr::app
