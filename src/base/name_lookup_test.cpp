// Names that are found late, or never: the waiting is who asks.

#include "base/name_lookup.h"

#include "base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gyr {
namespace {

// A resolver that answers once something has been written into this pipe.
std::atomic<int> g_gate{-1};
std::atomic<int> g_asked{0}, g_given{0};

int slow(const char*, const char* service, const addrinfo*, addrinfo** found) {
    ++g_asked;
    char answer = 0;
    if (::read(g_gate, &answer, 1) != 1) std::abort();
    const int code = ::getaddrinfo("127.0.0.1", service, nullptr, found);
    ++g_given;
    return answer == 'y' ? code : EAI_NONAME;
}

class NameLookupTest : public testing::Test {
  protected:
    NameLookupTest() {
        if (::pipe(gate) != 0) std::abort();
        g_gate = gate[0];
        g_asked = g_given = 0;
    }
    ~NameLookupTest() override {
        while (g_given != g_asked) answer('y'); // nobody is left at a pipe that goes
        ::close(gate[0]);
        ::close(gate[1]);
    }
    void answer(char what) const {
        if (::write(gate[1], &what, 1) != 1) std::abort();
    }
    static constexpr auto kForEver = [](int fd) {
        pollfd wait{fd, POLLIN, 0};
        return ::poll(&wait, 1, -1) == 1;
    };
    static constexpr auto kNotAtAll = [](int) { return false; };

    int gate[2] = {-1, -1};
    NameLookup names{slow};
};

TEST_F(NameLookupTest, WhatIsAnAddressIsNotAskedFor) {
    for (const char* host : {"127.0.0.1", "::1"}) {
        const auto found = names.find(host, "514", SOCK_DGRAM, 0, kNotAtAll);
        ASSERT_TRUE(found) << found.error().message;
        EXPECT_NE((*found)->ai_addr, nullptr);
    }
    EXPECT_EQ(g_asked, 0);
}

TEST_F(NameLookupTest, AnAnswerEndsTheWaiting) {
    answer('y');
    const auto found = names.find("siem.example", "514", SOCK_STREAM, 0, kForEver);
    ASSERT_TRUE(found) << found.error().message;
    const void* raw = (*found)->ai_addr;
    EXPECT_EQ(static_cast<const sockaddr_in*>(raw)->sin_port, htons(514));
}

TEST_F(NameLookupTest, AnUnknownNameIsToldAsSuch) {
    answer('n');
    const auto found = names.find("siem.example", "514", SOCK_STREAM, 0, kForEver);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().message, "cannot find siem.example: Name or service not known");
}

TEST_F(NameLookupTest, WhoCannotWaitIsToldAndTheAnswerIsForTheNextOne) {
    for (int i = 0; i < 3; ++i) {
        const auto found = names.find("siem.example", "514", SOCK_STREAM, 0, kNotAtAll);
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().kind, ErrorKind::timeout);
        EXPECT_EQ(found.error().message, "cannot find siem.example: the name server does not answer");
    }
    answer('y');
    const auto found = names.find("siem.example", "514", SOCK_STREAM, 0, kForEver);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(g_asked, 1); // by one thread, however often it was tried
}

TEST_F(NameLookupTest, EachNameHasAnAnswerOfItsOwn) {
    ASSERT_FALSE(names.find("one.example", "1", SOCK_STREAM, 0, kNotAtAll));
    while (g_asked != 1) ::poll(nullptr, 0, 1);
    answer('n');
    while (g_given != 1) ::poll(nullptr, 0, 1);
    answer('y');
    EXPECT_TRUE(names.find("two.example", "1", SOCK_STREAM, 0, kForEver));
    EXPECT_FALSE(names.find("one.example", "1", SOCK_STREAM, 0, kForEver));
}

TEST_F(NameLookupTest, ItMayGoWhileSomethingIsAsked) {
    {
        NameLookup own(slow);
        ASSERT_FALSE(own.find("siem.example", "514", SOCK_STREAM, 0, kNotAtAll));
    }
    while (g_asked != 1) ::poll(nullptr, 0, 1);
    answer('y');
    while (g_given != 1) ::poll(nullptr, 0, 1);
}

} // namespace
} // namespace gyr
