#include "outputs/nats_credentials.h"

#include <gtest/gtest.h>

#include <string>

namespace gyr::outputs {
namespace {

// The pair that the documentation of NATS shows; no server has it.
constexpr const char* kSeed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
constexpr const char* kPublic = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

std::string problem(const std::string& text) {
    const auto parsed = NatsCredentials::parse(text);
    return parsed ? "" : parsed.error().message;
}

TEST(NatsCredentials, ASeedGivesThePublicKeyOfItsUser) {
    for (const std::string& text : {std::string(kSeed), " " + std::string(kSeed) + "\n"}) {
        const auto parsed = NatsCredentials::parse(text);
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(parsed->public_key(), kPublic);
        EXPECT_EQ(parsed->jwt(), "");
    }
}

TEST(NatsCredentials, ACredsFileGivesJwtAndKey) {
    const auto parsed = NatsCredentials::parse(std::string("-----BEGIN NATS USER JWT-----\r\neyJ0.eyJq.sig\r\n") +
                                               "------END NATS USER JWT------\r\n\r\nIMPORTANT\r\n"
                                               "-----BEGIN USER NKEY SEED-----\r\n" +
                                               kSeed + "\r\n------END USER NKEY SEED------\r\n");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->jwt(), "eyJ0.eyJq.sig");
    EXPECT_EQ(parsed->public_key(), kPublic);
}

TEST(NatsCredentials, SignaturesAreTheSameEachTimeAndInBase64url) {
    const auto parsed = NatsCredentials::parse(kSeed);
    ASSERT_TRUE(parsed);
    const auto one = parsed->sign("nonce"), again = parsed->sign("nonce"), other = parsed->sign("another");
    ASSERT_TRUE(one && again && other);
    EXPECT_EQ(*one, *again);
    EXPECT_NE(*one, *other);
    EXPECT_EQ(one->size(), 86U) << "64 bytes, not padded";
    EXPECT_EQ(one->find_first_of("+/="), std::string::npos);
}

TEST(NatsCredentials, WhatIsNoSeedIsNamedAndNotShown) {
    std::string mistyped = kSeed;
    mistyped[20] = mistyped[20] == 'A' ? 'B' : 'A';
    for (const std::string& text :
         {std::string("hunter2"), std::string(kPublic), mistyped, std::string(),
          std::string("-----BEGIN NATS USER JWT-----\neyJ0\n------END\n"), std::string(kSeed) + "AAAA"}) {
        const std::string said = problem(text);
        EXPECT_NE(said, "") << text;
        EXPECT_EQ(said.find("hunter2"), std::string::npos);
        EXPECT_EQ(said.find(mistyped), std::string::npos);
    }
    EXPECT_EQ(problem(mistyped), "the seed is mistyped");
}

} // namespace
} // namespace gyr::outputs
