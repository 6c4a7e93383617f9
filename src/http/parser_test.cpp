#include "http/parser.h"

#include <gtest/gtest.h>

namespace gyr::http {
namespace {

Parsed parse(std::string_view text) { return parse_request(text, Limits{}); }

TEST(RequestParser, ReadsARequest) {
    const std::string text = "POST /api/v1/a%20b?filter=priority%20%3E%3D+error&x HTTP/1.1\r\nHost: here\r\n"
                             "Content-Length: 4\r\nX-Odd:  padded \r\n\r\nbodyGET";
    const Parsed parsed = parse(text);
    ASSERT_TRUE(parsed.request);
    EXPECT_EQ(parsed.used, text.size() - 3);
    EXPECT_EQ(parsed.request->method, "POST");
    EXPECT_EQ(parsed.request->path, "/api/v1/a b");
    EXPECT_EQ(parsed.request->query.at("filter"), "priority >= error");
    EXPECT_EQ(parsed.request->query.at("x"), "");
    EXPECT_EQ(parsed.request->headers.at("x-odd"), "padded");
    EXPECT_EQ(parsed.request->body, "body");
    EXPECT_TRUE(parsed.request->keep_alive);
}

TEST(RequestParser, WaitsForWhatIsNotThereYet) {
    const std::string text = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    for (std::size_t n = 0; n < text.size(); ++n) {
        const Parsed parsed = parse(std::string_view(text).substr(0, n));
        EXPECT_EQ(parsed.status, 0) << n;
        EXPECT_FALSE(parsed.request) << n;
    }
    EXPECT_TRUE(parse(text).request);
}

TEST(RequestParser, RefusesWhatIsNotPlainlyRight) {
    const auto status = [](std::string_view text) { return parse(text).status; };
    EXPECT_EQ(status("\r\n\r\n"), 400);
    EXPECT_EQ(status("GET\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), 400); // no host
    EXPECT_EQ(status("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
    EXPECT_EQ(status("GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    EXPECT_EQ(status("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    EXPECT_EQ(status("GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    EXPECT_EQ(status("G@T / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1x\r\n\r\n"), 400);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n"), 413);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 413);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
}

TEST(RequestParser, BoundsTheHead) {
    EXPECT_EQ(parse("GET /" + std::string(20'000, 'a')).status, 431);
    std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (int i = 0; i < 100; ++i) many += "X" + std::to_string(i) + ": y\r\n";
    EXPECT_EQ(parse(many + "\r\n").status, 431);
}

TEST(RequestParser, KeepsAliveAsTheVersionHasIt) {
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").request->keep_alive);
    EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n").request->keep_alive);
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").request->keep_alive);
}

} // namespace
} // namespace gyr::http
