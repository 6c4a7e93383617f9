// The webhook over real sockets, with and without TLS, and files that grow.

#include "audit/audit_input.h"

#include <gtest/gtest.h>

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <sys/poll.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gyr {
namespace {

std::string event(const std::string& id) {
    return R"({"kind":"Event","auditID":")" + id + R"(","stageTimestamp":"2026-01-31T10:30:00.5Z"})";
}

// Status of the answer to a request; -1 when there is none. Certificates are PEM files, with the key in it.
struct Client {
    std::string base, certificate = {}, authority = {};

    [[nodiscard]] int ask(const std::string& path, const std::string* body) const {
        const std::unique_ptr<CURL, void (*)(CURL*)> curl(::curl_easy_init(), ::curl_easy_cleanup);
        const std::string url = base + path;
        std::string answer;
        ::curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
        ::curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 120L);
        ::curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
        ::curl_easy_setopt(
            curl.get(), CURLOPT_WRITEFUNCTION, +[](char*, std::size_t size, std::size_t n, void*) { return size * n; });
        if (body != nullptr) {
            ::curl_easy_setopt(curl.get(), CURLOPT_POST, 1L);
            ::curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body->data());
            ::curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
        }
        if (!authority.empty()) ::curl_easy_setopt(curl.get(), CURLOPT_CAINFO, authority.c_str());
        if (!certificate.empty()) {
            ::curl_easy_setopt(curl.get(), CURLOPT_SSLCERT, certificate.c_str());
            ::curl_easy_setopt(curl.get(), CURLOPT_SSLKEY, certificate.c_str());
        }
        if (::curl_easy_perform(curl.get()) != CURLE_OK) return -1;
        long status = -1;
        ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
        return static_cast<int>(status);
    }
    [[nodiscard]] int get(const std::string& path) const { return ask(path, nullptr); }
    [[nodiscard]] int post(const std::string& body, const std::string& path = "/k8s-audit?timeout=30s") const {
        return ask(path, &body);
    }
};
std::string url_of(const AuditInput& input, const char* scheme = "http") {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(input.port());
}

class AuditInputTest : public testing::Test {
  protected:
    AuditInputTest() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
    ~AuditInputTest() override { std::filesystem::remove_all(folder_); }

    std::unique_ptr<AuditInput> make(AuditInputOptions options) {
        auto input = AuditInput::create(std::move(options), [this](const std::string& problem) {
            const std::lock_guard lock(mutex_);
            problems_.push_back(problem);
        });
        EXPECT_TRUE(input) << (input ? "" : input.error().message);
        return input ? std::move(*input) : nullptr;
    }
    // Waits until so many have come.
    static std::vector<std::string> take(AuditInput& input, std::size_t count) {
        std::vector<std::string> ids;
        while (ids.size() < count) {
            pollfd fd{input.fd(), POLLIN, 0};
            if (::poll(&fd, 1, 120'000) <= 0) break;
            for (const AuditEventPtr& e : input.take()) ids.emplace_back(e->text({"auditID"}));
        }
        return ids;
    }
    std::size_t problems() {
        const std::lock_guard lock(mutex_);
        return problems_.size();
    }

    std::string folder_ = (std::filesystem::temp_directory_path() / "gyr-webhook-XXXXXX").string();

  private:
    std::mutex mutex_;
    std::vector<std::string> problems_;
};
using Ids = std::vector<std::string>;

struct Identity {
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;
    ~Identity() {
        ::X509_free(certificate);
        ::EVP_PKEY_free(key);
    }
};

// A key and a certificate for 127.0.0.1, signed by issuer (itself when null); as PEM file both.
void make_identity(Identity& out, const std::string& file, const Identity* issuer) {
    out.key = EVP_EC_gen("P-256");
    out.certificate = ::X509_new();
    X509* c = out.certificate;
    ::X509_set_version(c, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(c), issuer ? 2 : 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(c), -60);
    ::X509_gmtime_adj(::X509_getm_notAfter(c), 3600);
    ::X509_set_pubkey(c, out.key);
    const std::string name = std::filesystem::path(file).filename();
    const void* bytes = name.c_str();
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(c), "CN", MBSTRING_ASC,
                                 static_cast<const unsigned char*>(bytes), -1, -1, 0);
    ::X509_set_issuer_name(c, ::X509_get_subject_name(issuer ? issuer->certificate : c));
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, issuer ? issuer->certificate : c, c, nullptr, nullptr, 0);
    for (const auto& [id, value] : {std::pair{NID_basic_constraints, issuer ? "CA:FALSE" : "CA:TRUE"},
                                    std::pair{NID_subject_alt_name, "IP:127.0.0.1"}}) {
        X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, id, value);
        ::X509_add_ext(c, extension, -1);
        ::X509_EXTENSION_free(extension);
    }
    ASSERT_NE(::X509_sign(c, issuer ? issuer->key : out.key, ::EVP_sha256()), 0);
    FILE* to = std::fopen(file.c_str(), "w");
    ::PEM_write_X509(to, c);
    ::PEM_write_PrivateKey(to, out.key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(to);
}

TEST_F(AuditInputTest, TakesWhatIsPosted) {
    AuditInputOptions options;
    options.webhook.emplace();
    const auto input = make(std::move(options));
    ASSERT_TRUE(input);
    const Client client{url_of(*input)};
    const auto post = [&](const std::string& body) { return client.post(body); };
    EXPECT_EQ(post(event("a")), 200);
    EXPECT_EQ(
        post(R"({"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[)" + event("b") + "," + event("c") + "]}"),
        200);
    EXPECT_EQ(take(*input, 3), (Ids{"a", "b", "c"}));
    EXPECT_EQ(problems(), 0U);
    for (const char* bad : {"", "{", "[[[[", R"({"kind":0})", R"({"kind":"Pod"})", "\xff\xfe"})
        EXPECT_EQ(post(bad), 400);
    EXPECT_EQ(problems(), 6U);
    EXPECT_EQ(client.post(event("x"), "/other"), 404);
    EXPECT_EQ(client.get("/k8s-audit"), 405);
    // One that is bad costs its neighbours nothing.
    EXPECT_EQ(post(R"({"kind":"EventList","items":[7,)" + event("d") + "]}"), 200);
    EXPECT_EQ(take(*input, 1), Ids{"d"});
    EXPECT_EQ(post(std::string(13U << 20, ' ')), 413);
}

TEST_F(AuditInputTest, TurnsAwayWhatItCannotHold) {
    AuditInputOptions options;
    options.webhook.emplace();
    options.queue_bytes = 1'000'000;
    const auto input = make(std::move(options));
    ASSERT_TRUE(input);
    const Client client{url_of(*input)};
    const std::string large = R"({"x":")" + std::string(240'000, 'x') + R"(",)" + event("a").substr(1);
    int kept = 0, refused = 0;
    for (int i = 0; i < 6; ++i) { // the queue has room for four
        const int status = client.post(large);
        if (status == 200) ++kept;
        if (status == 503) ++refused;
    }
    EXPECT_EQ(kept, 4);
    EXPECT_EQ(refused, 2);
    EXPECT_EQ(take(*input, 4).size(), 4U);
    EXPECT_EQ(client.post(large), 200);
}

std::string session_event(const std::string& id, const std::string& part) {
    return R"({"objectRef":{"resource":"pods","subresource":")" + part + R"("},)" + event(id).substr(1);
}

// An API server posts to one address: who gets the log passes on what the agents of other nodes need.
TEST_F(AuditInputTest, PassesOnWhatTellsOfSessions) {
    AuditInputOptions options;
    options.webhook.emplace();
    const auto last = make(options);
    ASSERT_TRUE(last);
    options.share = {url_of(*last) + "/k8s-audit"};
    const auto middle = make(options);
    ASSERT_TRUE(middle);
    options.share = {url_of(*middle) + "/k8s-audit", "http://127.0.0.1:1/nobody"};
    const auto first = make(options);
    ASSERT_TRUE(first);
    const Client client{url_of(*first)};
    EXPECT_EQ(client.post(event("a")), 200);
    EXPECT_EQ(client.post(session_event("b", "exec")), 200);
    EXPECT_EQ(client.post(session_event("c", "log")), 200);
    EXPECT_EQ(client.post(session_event("d", "attach")), 200);
    EXPECT_EQ(take(*first, 4), (Ids{"a", "b", "c", "d"}));
    EXPECT_EQ(take(*middle, 2), (Ids{"b", "d"}));
    // What was passed on is not passed on again: the last one has only what came to the middle one itself.
    EXPECT_EQ(Client{url_of(*middle)}.post(session_event("e", "exec")), 200);
    EXPECT_EQ(take(*last, 1), Ids{"e"});
    // Nobody is there for the other name, which is told once it was tried for long enough.
    for (int i = 0; i < 12'000 && problems() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    EXPECT_GE(problems(), 1U);
}

TEST_F(AuditInputTest, WhatIsPassedOnIsMarked) {
    AuditInputOptions options;
    options.webhook.emplace();
    const auto input = make(std::move(options));
    ASSERT_TRUE(input);
    const auto shared = [&](const std::string& path) {
        EXPECT_EQ(Client{url_of(*input)}.post(session_event("a", "exec"), path), 200);
        const auto events = input->take();
        return events.size() == 1 && events[0]->shared;
    };
    EXPECT_TRUE(shared("/k8s-audit/sessions"));
    EXPECT_FALSE(shared("/k8s-audit"));
}

TEST_F(AuditInputTest, AsksForCertificatesOfItsAuthority) {
    Identity authority, server, client, stranger;
    make_identity(authority, folder_ + "/authority.pem", nullptr);
    make_identity(server, folder_ + "/server.pem", &authority);
    make_identity(client, folder_ + "/client.pem", &authority);
    make_identity(stranger, folder_ + "/stranger.pem", nullptr);
    AuditInputOptions options;
    options.webhook.emplace();
    options.webhook->certificate = options.webhook->key = folder_ + "/server.pem";
    options.webhook->client_ca = folder_ + "/authority.pem";
    const auto input = make(options);
    ASSERT_TRUE(input);
    const auto post = [&](const std::string& identity) {
        return Client{url_of(*input, "https"), identity, folder_ + "/authority.pem"}.post(event("a"));
    };
    EXPECT_EQ(post(folder_ + "/client.pem"), 200);
    EXPECT_EQ(take(*input, 1), Ids{"a"});
    EXPECT_EQ(post(folder_ + "/stranger.pem"), -1);
    EXPECT_EQ(post(""), -1);
    EXPECT_EQ(Client{url_of(*input)}.post(event("a")), -1);
    // An agent shows the others its own, and passes nothing on to who is of another authority.
    options.share = {url_of(*input, "https") + "/k8s-audit"};
    const auto friendly = make(options);
    ASSERT_TRUE(friendly);
    const Client to_friendly{url_of(*friendly, "https"), folder_ + "/client.pem", folder_ + "/authority.pem"};
    EXPECT_EQ(to_friendly.post(session_event("b", "exec")), 200);
    EXPECT_EQ(take(*input, 1), Ids{"b"});
    options.webhook->certificate = options.webhook->key = options.webhook->client_ca = folder_ + "/stranger.pem";
    const auto other = make(options);
    ASSERT_TRUE(other);
    const Client to_other{url_of(*other, "https"), folder_ + "/stranger.pem", folder_ + "/stranger.pem"};
    EXPECT_EQ(to_other.post(session_event("c", "exec")), 200);
    EXPECT_EQ(take(*other, 1), Ids{"c"});
    for (int i = 0; i < 12'000 && problems() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    EXPECT_GE(problems(), 1U);
    EXPECT_TRUE(input->take().empty());
}

TEST_F(AuditInputTest, TakesRenewedCertificates) {
    Identity before, after;
    const std::string file = folder_ + "/server.pem", next = folder_ + "/next.pem", old = folder_ + "/old.pem";
    make_identity(before, file, nullptr);
    std::filesystem::copy_file(file, old);
    AuditInputOptions options;
    options.webhook.emplace();
    options.webhook->certificate = options.webhook->key = file;
    const auto input = make(options);
    ASSERT_TRUE(input);
    const auto post = [&](const std::string& trusted) {
        return Client{url_of(*input, "https"), "", trusted}.post(event("a"));
    };
    EXPECT_EQ(post(old), 200);
    EXPECT_EQ(problems(), 0U);
    // What cannot be used is told, once, and what was there goes on.
    std::ofstream(next) << "no certificate";
    std::filesystem::rename(next, file);
    for (int i = 0; i < 12'000 && problems() == 0; ++i) {
        EXPECT_EQ(post(old), 200);
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    EXPECT_EQ(problems(), 1U);
    make_identity(after, next, nullptr);
    std::filesystem::rename(next, file);
    int status = -1;
    for (int i = 0; i < 12'000 && status < 0; ++i) {
        status = post(file);
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    EXPECT_EQ(status, 200);
    EXPECT_EQ(post(old), -1);
    EXPECT_EQ(problems(), 1U);
}

TEST_F(AuditInputTest, SaysWhatItCannotUse) {
    for (const char* bad : {"", "gyr:9765/k8s-audit", "ftp://gyr/k8s-audit", "http://", "http://gyr/?x=1"}) {
        AuditInputOptions sharing;
        sharing.webhook.emplace();
        sharing.share = {bad};
        EXPECT_FALSE(AuditInput::create(sharing, [](const std::string&) {})) << bad;
    }
    AuditInputOptions options;
    options.webhook.emplace();
    options.webhook->certificate = options.webhook->key = folder_ + "/absent.pem";
    EXPECT_FALSE(AuditInput::create(options, [](const std::string&) {}));
    options.webhook->certificate = options.webhook->key = "";
    options.webhook->address = "203.0.113.7:0"; // not of this machine
    EXPECT_FALSE(AuditInput::create(options, [](const std::string&) {}));
}

TEST_F(AuditInputTest, FollowsAFileAcrossRotationAndTruncation) {
    const std::string path = folder_ + "/audit.log";
    const auto add = [&](const std::string& text) { std::ofstream(path, std::ios::app) << text; };
    add(event("old") + "\n");
    AuditInputOptions options;
    options.files = {path, folder_ + "/later.log"};
    const auto input = make(std::move(options));
    ASSERT_TRUE(input);
    add(event("a") + "\n" + event("b").substr(0, 20));
    EXPECT_EQ(take(*input, 1), Ids{"a"}); // what was there before is the past
    add(event("b").substr(20) + "\n");
    EXPECT_EQ(take(*input, 1), Ids{"b"});
    std::filesystem::rename(path, path + ".1");
    std::ofstream(path + ".1", std::ios::app) << event("c") << "\n";
    add(event("d") + "\n");
    EXPECT_EQ(take(*input, 2), (Ids{"c", "d"}));
    std::filesystem::resize_file(path, 0);
    // Shorter than before, so that it is seen to be another content whenever it is looked at.
    add(R"({"kind":"Event","auditID":"e","stageTimestamp":"2026-01-31T10:30:00Z"})"
        "\n");
    EXPECT_EQ(take(*input, 1), Ids{"e"});
    std::ofstream(folder_ + "/later.log") << event("f") << "\n";
    EXPECT_EQ(take(*input, 1), Ids{"f"});
    EXPECT_EQ(problems(), 0U);
}

} // namespace
} // namespace gyr
