#include "app/certificate_check.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

namespace gyr::app {
namespace {

struct End {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, End>;
using Certificate = std::unique_ptr<X509, End>;
using Key = std::unique_ptr<EVP_PKEY, End>;

// Why it cannot be read; empty: text has it.
std::string read(const std::string& path, std::string& text) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return fmt::format("{} is a folder", path);
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) return fmt::format("cannot open {}: {}", path, std::strerror(errno));
    text.assign(std::istreambuf_iterator<char>(in), {});
    return in.bad() ? fmt::format("cannot read {}", path) : "";
}

Bio over(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

Certificate certificate_in(const std::string& text) {
    const Bio bio = over(text);
    Certificate found(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    return found;
}

Key key_in(const std::string& text) {
    const Bio bio = over(text);
    const auto no_password = [](char*, int, int, void*) { return 0; };
    Key found(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    ERR_clear_error();
    return found;
}

std::string time_text(const ASN1_TIME* time) {
    std::tm parts{};
    std::array<char, 32> text{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

// Empty: it holds now.
std::string wrong_with_time(const X509& certificate, const std::string& path) {
    const ASN1_TIME* const end = X509_get0_notAfter(&certificate);
    const ASN1_TIME* const begin = X509_get0_notBefore(&certificate);
    if (X509_cmp_current_time(end) < 0) return fmt::format("the certificate in {} expired at {}", path, time_text(end));
    if (X509_cmp_current_time(begin) > 0)
        return fmt::format("the certificate in {} does not hold before {}", path, time_text(begin));
    return {};
}

std::string wrong_with_key(const std::string& path, const std::string& text, X509* certificate,
                           const std::string& certificate_path) {
    const Key key = key_in(text);
    if (!key && text.find("ENCRYPTED") != std::string::npos)
        return fmt::format("the key in {} has a password, which nobody could be asked for", path);
    if (!key) return fmt::format("{} has no private key (PEM)", path);
    const bool fits = certificate == nullptr || X509_check_private_key(certificate, key.get()) == 1;
    ERR_clear_error();
    return fits ? "" : fmt::format("the key in {} is not that of the certificate in {}", path, certificate_path);
}

} // namespace

std::vector<CertificateProblem> check_certificates(const CertificateFiles& files) {
    std::vector<CertificateProblem> found;
    const auto add = [&](std::string_view member, std::string message) {
        if (!message.empty()) found.push_back({std::string(member), std::move(message)});
    };
    Certificate certificate;
    std::string text;
    if (!files.cert.empty()) {
        if (std::string wrong = read(files.cert, text); !wrong.empty()) {
            add("cert", std::move(wrong));
        } else if (certificate = certificate_in(text); !certificate) {
            add("cert", fmt::format("{} has no certificate (PEM)", files.cert));
        } else {
            add("cert", wrong_with_time(*certificate, files.cert));
            if (files.key.empty()) add("cert", wrong_with_key(files.cert, text, certificate.get(), files.cert));
        }
    } else if (!files.key.empty()) {
        add("key", "a key without a certificate");
    }
    if (!files.key.empty()) {
        std::string wrong = read(files.key, text);
        if (wrong.empty()) wrong = wrong_with_key(files.key, text, certificate.get(), files.cert);
        add("key", std::move(wrong));
    }
    std::error_code error;
    if (files.ca.empty() || (files.ca_may_be_folder && std::filesystem::is_directory(files.ca, error))) return found;
    std::string wrong = read(files.ca, text);
    if (wrong.empty() && !certificate_in(text)) wrong = fmt::format("{} has no certificate (PEM)", files.ca);
    add(files.ca_member, std::move(wrong));
    return found;
}

} // namespace gyr::app
