// What a plan lets through and what it stops in the kernel, and the side doors: io_uring, signals.

#include "event/event_type.h"
#include "event/schema.h"
#include "tests/kernel/live_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

namespace gyr::test {
namespace {

#define STEP(number, condition)                                                                                        \
    if (!(condition)) return number

class CollectorPlan : public LiveFixture {
  protected:
    void SetUp() override {
        LiveFixture::SetUp();
        char name[] = "/tmp/gyr-plan-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    [[nodiscard]] std::string file(std::string_view name) const { return folder_ + "/" + std::string(name); }

    // Reads events of a child until there is enough.
    template <class Enough, class OnEvent>
    void read_until(pid_t child, const Enough& enough, const OnEvent& on_event) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!enough() && std::chrono::steady_clock::now() < deadline)
            source().poll(
                std::chrono::milliseconds(50), [](const ProcessRecord&) {},
                [&](const RawEvent& e) {
                    if (e.process.pid == child) on_event(e);
                });
        EXPECT_TRUE(enough());
    }
    // Up to the first NUL.
    static std::string text_of(const RawEvent& e, std::string_view param) {
        const auto params = find_event(e.code)->params;
        const auto at = std::ranges::find(params, param, &ParamInfo::name) - params.begin();
        const std::string_view bytes = e.params[static_cast<std::size_t>(at)];
        return std::string(bytes.substr(0, bytes.find('\0')));
    }

    std::string folder_;
};

EventPlan opens(std::vector<EventClause> clauses, std::vector<PathName> names) {
    EventPlan plan;
    plan.demands.push_back({.code = 307, .calls = {}, .clauses = std::move(clauses), .forced_by = {}});
    plan.names = std::move(names);
    return plan;
}

std::vector<std::string> paths(const std::vector<SeenEvent>& events) {
    std::vector<std::string> out;
    for (const SeenEvent& e : events) out.push_back(e.fd ? e.fd->name : e.text("name"));
    return out;
}

TEST_F(CollectorPlan, AsksForNamesOfEveryKind) {
    using Kind = PathName::Kind;
    const std::string base = std::filesystem::path(folder_).filename();
    const auto plan =
        opens({{.success = true, .path_sets = 1}},
              {{Kind::base, "by-base", {}, 1}, {Kind::pair, base, "by-pair", 1}, {Kind::parent, base, "inside", 1}});
    const auto events = run(plan, [&] {
        STEP(1, ::mkdir(file("inside").c_str(), 0755) == 0);
        for (const char* name : {"by-base", "by-pair", "by-nothing", "inside/anything", "by-bas", "inside-not"})
            STEP(2, ::open(file(name).c_str(), O_CREAT | O_RDWR, 0600) >= 0);
        STEP(3, ::chdir(file("inside").c_str()) == 0);
        STEP(4, ::open("../inside/../by-pair", O_RDONLY) >= 0); // what it is, however it is spelled
        STEP(5, ::open("/no/by-base", O_RDONLY) < 0);
        return 0;
    });
    EXPECT_EQ(paths(events),
              (std::vector<std::string>{file("by-base"), file("by-pair"), file("inside/anything"), file("by-pair")}));
}

TEST_F(CollectorPlan, AsksForTheFirstFolderAndHowAFileIsOpen) {
    const auto plan = opens({{.success = true, .write = true, .path_sets = 1}}, {{PathName::Kind::top, "tmp", {}, 1}});
    const auto events = run(plan, [&] {
        STEP(1, ::open(file("a").c_str(), O_CREAT | O_WRONLY, 0600) >= 0);
        STEP(2, ::open(file("a").c_str(), O_RDONLY) >= 0);
        STEP(3, ::open(file("a").c_str(), O_RDWR) >= 0);
        STEP(4, ::open("/dev/null", O_WRONLY) >= 0);
        return 0;
    });
    EXPECT_EQ(paths(events), (std::vector<std::string>{file("a"), file("a")}));
}

TEST_F(CollectorPlan, AsksForTheFirstTwoFolders) {
    const std::string base = std::filesystem::path(folder_).filename();
    const auto plan = opens({{.success = true, .path_sets = 1}}, {{PathName::Kind::tops, "tmp", base, 1, {}}});
    const auto events = run(plan, [&] {
        STEP(1, ::mkdir(file("deep").c_str(), 0755) == 0);
        STEP(2, ::open(file("deep/a").c_str(), O_CREAT | O_WRONLY, 0600) >= 0);
        STEP(3, ::open(folder_.c_str(), O_RDONLY) >= 0);
        STEP(4, ::open("/tmp", O_RDONLY) >= 0);
        STEP(5, ::open("/dev/null", O_RDONLY) >= 0);
        return 0;
    });
    EXPECT_EQ(paths(events), (std::vector<std::string>{file("deep/a"), folder_}));
}

TEST_F(CollectorPlan, AsksForAComponentAnywhere) {
    const auto plan = opens({{.success = true, .path_sets = 1}}, {{PathName::Kind::any, "hidden", {}, 1}});
    std::vector<std::string> expected;
    std::string folder = folder_;
    for (int depth = 0; depth < 9; ++depth, folder += "/deeper") {
        std::filesystem::create_directories(folder + "/hidden/a/b/c");
        for (const char* name : {"/hidden/file", "/hidden/a/b/c/file"}) expected.push_back(folder + name);
        for (const char* name : {"/file", "/hiddenfile", "/hidde"}) std::ofstream(folder + name) << "x";
        for (const char* name : {"/hidden/file", "/hidden/a/b/c/file"}) std::ofstream(folder + name) << "x";
    }
    const auto events = run(plan, [&] {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_))
            if (entry.is_regular_file()) STEP(1, ::open(entry.path().c_str(), O_RDONLY) >= 0);
        return 0;
    });
    std::vector<std::string> told = paths(events);
    std::erase_if(told, [](const std::string& path) { return !path.ends_with("file"); }); // folders that were listed
    std::ranges::sort(told);
    std::ranges::sort(expected);
    EXPECT_EQ(told, expected);
}

TEST_F(CollectorPlan, AsksForTwoLettersAnywhere) {
    const auto plan = opens({{.success = true, .path_sets = 1}}, {{PathName::Kind::letters, "q_", {}, 1}});
    std::vector<std::string> expected, others;
    for (std::size_t length = 2; length < 40; ++length) {
        const std::string name(length, 'q');
        for (std::size_t at = 0; at + 1 < length; ++at) {
            std::string with = std::string(length, '_');
            with[at] = 'q';
            std::ranges::fill(with.begin(), with.begin() + static_cast<std::ptrdiff_t>(at), 'x');
            expected.push_back(file(with)); // x...q_...
        }
        // Longer ones are not looked at, and told of. Of those that fill no words, neighbours in the kernel's memory
        // may have the letters.
        if (length < 32 && length % 8 != 0) continue;
        std::vector<std::string>& list = length < 32 ? others : expected;
        list.push_back(file(name));
        list.push_back(file(std::string(length, '_')));
        if (length < 32) list.push_back(file(std::string(length - 1, '_') + "q"));
    }
    std::filesystem::create_directories(file("1/2/3/q_/4/5/6/7/8/9"));
    std::filesystem::create_directories(file("1/2/3/q/4/5/6/7/8/9"));
    for (const char* above : {"1/2/3/q_", "1/2/3/q_/4", "1/2/3/q_/4/5", "1/2/3/q_/4/5/6/7/8/9"})
        expected.push_back(file(above) + "/a");
    std::filesystem::create_directories(file("aaaaaaaa"));
    others.push_back(file("aaaaaaaa/_aaaaaaa")); // what lies deeper is told of by kernels that leave less room to look
    const auto events = run(plan, [&] {
        for (const auto* list : {&expected, &others})
            for (const std::string& path : *list) STEP(1, ::close(::open(path.c_str(), O_CREAT | O_RDWR, 0600)) == 0);
        return 0;
    });
    const std::vector<std::string> told = paths(events);
    for (const std::string& path : expected)
        EXPECT_NE(std::ranges::find(told, path), told.end()) << path << " was not told";
    for (const std::string& path : others) EXPECT_EQ(std::ranges::find(told, path), told.end()) << path << " was told";
}

TEST_F(CollectorPlan, AsksForNetworksOfEitherFamily) {
    const auto of = [](std::initializer_list<int> bytes) {
        std::array<std::uint8_t, 16> out{};
        std::ranges::transform(bytes, out.begin(), [](int b) { return static_cast<std::uint8_t>(b); });
        return out;
    };
    const auto whole_v4 = of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
    const auto mapped = [&](int a, int b) {
        auto out = whole_v4;
        out[12] = static_cast<std::uint8_t>(a), out[13] = static_cast<std::uint8_t>(b);
        return out;
    };
    struct Network {
        int prefix;
        std::array<std::uint8_t, 16> address;
        std::vector<std::string> told; // of the connections below
    };
    const std::vector<std::string> v4 = {"127.0.0.1", "127.200.0.1"};
    const Network networks[] = {
        {96 + 8, mapped(127, 0), v4},
        {96 + 9, mapped(127, 128), {"127.200.0.1"}},
        {96 + 16, mapped(127, 200), {"127.200.0.1"}},
        {96 + 3, mapped(96, 0), v4},
        {96 + 8, mapped(10, 0), {}},
        {96, whole_v4, v4},
        {90, of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xc0}), v4},
        {128, of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), {"::1"}},
        {3, of({0x20}), {}},
        {0, of({}), {"127.0.0.1", "127.200.0.1", "::1"}},
    };
    for (const Network& n : networks) {
        EventPlan plan;
        plan.demands.push_back({.code = 23, .calls = {}, .clauses = {{.end_sets = 1}}, .forced_by = {}}); // connect
        plan.ends = {{.is_port = false,
                      .prefix = static_cast<std::uint8_t>(n.prefix),
                      .port = 0,
                      .address = n.address,
                      .sets = 1}};
        const auto events = run(plan, [&] {
            for (const char* to : {"127.0.0.1", "127.200.0.1"}) {
                sockaddr_in a{};
                a.sin_family = AF_INET, a.sin_port = htons(9);
                ::inet_pton(AF_INET, to, &a.sin_addr);
                const int s = ::socket(AF_INET, SOCK_DGRAM, 0);
                STEP(2, ::connect(s, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
            }
            sockaddr_in6 a{};
            a.sin6_family = AF_INET6, a.sin6_port = htons(9), a.sin6_addr = in6addr_loopback;
            STEP(3, ::connect(::socket(AF_INET6, SOCK_DGRAM, 0), reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
            return 0;
        });
        std::vector<std::string> told;
        for (const SeenEvent& e : events) {
            ASSERT_TRUE(e.fd);
            const std::string& name = e.fd->name;
            told.push_back(name.substr(name.find("->") + 2, name.rfind(':') - name.find("->") - 2));
        }
        EXPECT_EQ(told, n.told) << "in a network of " << n.prefix << " bits";
    }
}

TEST_F(CollectorPlan, TakesADirectoryForItsOwnFolderAndAPathForOpenToAll) {
    const std::string base = std::filesystem::path(folder_).filename();
    const auto events = run(opens({{.success = true, .read = true, .path_sets = 1}, {.success = true, .write = true}},
                                  {{PathName::Kind::parent, "tmp", base, 1, {}}}),
                            [&] {
                                STEP(1, ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY) >= 0);
                                STEP(2, ::open(folder_.c_str(), O_PATH) >= 0);
                                STEP(3, ::open("/dev/null", O_PATH | O_RDWR) >= 0);
                                STEP(4, ::open("/dev/null", O_RDONLY) >= 0);
                                return 0;
                            });
    EXPECT_EQ(paths(events), (std::vector<std::string>{folder_, folder_, "/dev/null"}));
}

TEST_F(CollectorPlan, AsksForTheEndsOfAConnection) {
    EventPlan plan;
    plan.demands.push_back({.code = 23, .calls = {}, .clauses = {{.end_sets = 1}}, .forced_by = {}});
    ConnectionEnd port{.is_port = true, .prefix = 0, .port = 4321, .address = {}, .sets = 1};
    ConnectionEnd network{.is_port = false, .prefix = 96 + 16, .port = 0, .address = {}, .sets = 1};
    network.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 77, 0, 0};
    plan.ends = {port, network};
    const auto events = run(plan, [] {
        for (const auto& [address, to] : {std::pair{"127.0.0.1", 4321}, {"127.0.0.1", 4322}, {"127.77.1.2", 5}}) {
            const int s = ::socket(AF_INET, SOCK_DGRAM, 0);
            sockaddr_in a{};
            a.sin_family = AF_INET;
            a.sin_port = htons(static_cast<std::uint16_t>(to));
            ::inet_pton(AF_INET, address, &a.sin_addr);
            STEP(1, ::connect(s, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
        }
        return 0;
    });
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].fd->destination_port, 4321);
    EXPECT_EQ(events[1].fd->destination_port, 5);
}

// A datagram socket that is connected to one end may send to another, which the call names.
TEST_F(CollectorPlan, AsksForTheEndThatADatagramNames) {
    EventPlan plan;
    for (const EventCode code : {EventCode{31}, EventCode{49}, EventCode{51}}) // sendto, sendmsg, sendmmsg
        plan.demands.push_back({.code = code, .calls = {}, .clauses = {{.end_sets = 1}}, .forced_by = {}});
    plan.ends = {{.is_port = true, .prefix = 0, .port = 4321, .address = {}, .sets = 1}};
    const auto events = run(plan, [] {
        const int s = ::socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in harmless{}, meant{};
        harmless.sin_family = meant.sin_family = AF_INET;
        harmless.sin_addr.s_addr = meant.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        harmless.sin_port = htons(4322);
        meant.sin_port = htons(4321);
        for (const sockaddr_in& a : {harmless, meant}) // somebody takes them, so that none is refused
            STEP(4, ::bind(::socket(AF_INET, SOCK_DGRAM, 0), reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
        STEP(1, ::connect(s, reinterpret_cast<const sockaddr*>(&harmless), sizeof harmless) == 0);
        STEP(2, ::send(s, "a", 1, 0) == 1);
        STEP(5, ::sendto(s, "bc", 2, 0, reinterpret_cast<const sockaddr*>(&meant), sizeof meant) == 2);
        char text[] = "defg";
        iovec part{text, 3};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        iovec other{text, 4};
        mmsghdr several[2]{};
        several[0].msg_hdr = several[1].msg_hdr = header;
        header.msg_name = several[1].msg_hdr.msg_name = &meant;
        header.msg_namelen = several[1].msg_hdr.msg_namelen = sizeof meant;
        several[1].msg_hdr.msg_iov = &other;
        STEP(6, ::sendmsg(s, &header, 0) == 3);
        STEP(3, ::sendmmsg(s, several, 2, 0) == 2);
        return 0;
    });
    std::map<std::string, std::string> meant; // the longest text of each call that went there
    for (const SeenEvent& e : events)
        if (e.fd && e.fd->destination_port == 4321) meant[e.name] = std::max(meant[e.name], e.text("data"));
    EXPECT_EQ(meant, (std::map<std::string, std::string>{{"sendto", "bc"}, {"sendmsg", "def"}, {"sendmmsg", "defg"}}));
    EXPECT_TRUE(std::ranges::none_of(events, [](const SeenEvent& e) { return e.text("data") == "a"; }));
}

// What waits in a socket when it is connected to one end came from others.
TEST_F(CollectorPlan, AsksForTheEndThatADatagramCameFrom) {
    EventPlan plan;
    for (const EventCode code : {EventCode{35}, EventCode{53}}) // recvfrom, recvmsg
        plan.demands.push_back({.code = code, .calls = {}, .clauses = {{.end_sets = 1}}, .forced_by = {}});
    plan.ends = {{.is_port = true, .prefix = 0, .port = 4321, .address = {}, .sets = 1}};
    const auto events = run(plan, [] {
        sockaddr_in sender{}, other{}, own{};
        sender.sin_family = other.sin_family = own.sin_family = AF_INET;
        sender.sin_addr.s_addr = other.sin_addr.s_addr = own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sender.sin_port = htons(4321);
        other.sin_port = htons(4322);
        socklen_t size = sizeof own;
        const int s = ::socket(AF_INET, SOCK_DGRAM, 0), from = ::socket(AF_INET, SOCK_DGRAM, 0);
        STEP(1, ::bind(s, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
        STEP(2, ::getsockname(s, reinterpret_cast<sockaddr*>(&own), &size) == 0);
        STEP(3, ::bind(from, reinterpret_cast<const sockaddr*>(&sender), sizeof sender) == 0);
        for (int i = 0; i < 2; ++i)
            STEP(4, ::sendto(from, "a", 1, 0, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 1);
        STEP(5, ::connect(s, reinterpret_cast<const sockaddr*>(&other), sizeof other) == 0);
        char byte = 0;
        sockaddr_in told{};
        size = sizeof told;
        STEP(6, ::recvfrom(s, &byte, 1, 0, reinterpret_cast<sockaddr*>(&told), &size) == 1);
        STEP(7, told.sin_port == sender.sin_port);
        iovec part{&byte, 1};
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_name = &told;
        header.msg_namelen = sizeof told;
        STEP(8, ::recvmsg(s, &header, 0) == 1);
        return 0;
    });
    ASSERT_EQ(events.size(), 2u);
    for (const SeenEvent& e : events) EXPECT_EQ(e.fd->source_port, 4321) << e.name;
}

TEST_F(CollectorPlan, AsksForTheProtocolOfAConnection) {
    const auto connects = [] {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.sin_port = htons(1);
        for (const int type : {SOCK_STREAM, SOCK_DGRAM})
            (void)!::connect(::socket(AF_INET, type, 0), reinterpret_cast<const sockaddr*>(&a), sizeof a);
        (void)!::connect(::socket(AF_INET, SOCK_RAW, IPPROTO_TCP), reinterpret_cast<const sockaddr*>(&a), sizeof a);
        (void)!::connect(::socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<const sockaddr*>(&a), sizeof a);
        return 0;
    };
    EventPlan plan;
    plan.demands.push_back({.code = 23, .calls = {}, .clauses = {{.udp = true}}, .forced_by = {}});
    const auto datagrams = run(plan, connects);
    ASSERT_EQ(datagrams.size(), 1u);
    EXPECT_EQ(datagrams[0].fd->l4, L4Protocol::udp);
    plan.demands[0].clauses = {{.tcp = true}};
    const auto streams = run(plan, connects);
    ASSERT_EQ(streams.size(), 1u);
    EXPECT_EQ(streams[0].fd->l4, L4Protocol::tcp);
    plan.demands[0].clauses = {{.internet = true, .not_tcp = true}};
    const auto others = run(plan, connects);
    ASSERT_EQ(others.size(), 2u);
    EXPECT_EQ(others[0].fd->l4, L4Protocol::udp);
    EXPECT_EQ(others[1].fd->l4, L4Protocol::raw) << "whatever its protocol";
    plan.demands[0].clauses = {{.not_tcp = true}};
    EXPECT_EQ(run(plan, connects).size(), 3u) << "and that of a family without protocols";
}

// TCP over several paths is TCP to whoever asks for it, and knows its ends as TCP does.
TEST_F(CollectorPlan, TakesTcpOverSeveralPathsForTcp) {
    const int probe = ::socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
    if (probe < 0) GTEST_SKIP() << "this kernel has no such sockets";
    ::close(probe);
    EventPlan plan;
    for (const EventCode code : {kConnect, kAccept4, kSendto})
        plan.demands.push_back({.code = code, .calls = {}, .clauses = {{.tcp = true}}, .forced_by = {}});
    const auto events = run(plan, [] {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto* address = reinterpret_cast<const sockaddr*>(&a);
        const auto stream = [] { return ::socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP); };
        const int server = stream(), client = stream();
        STEP(1, ::bind(server, address, sizeof a) == 0);
        STEP(2, ::listen(server, 1) == 0);
        socklen_t size = sizeof a;
        STEP(3, ::getsockname(server, reinterpret_cast<sockaddr*>(&a), &size) == 0);
        STEP(4, ::connect(client, address, sizeof a) == 0);
        const int peer = ::accept4(server, nullptr, nullptr, 0);
        STEP(5, ::send(client, "ping", 4, 0) == 4);
        STEP(6, peer >= 0);
        a.sin_port = htons(1);
        STEP(7, ::connect(stream(), address, sizeof a) < 0 && errno == ECONNREFUSED);
        STEP(8, ::unshare(CLONE_NEWNET) == 0); // from where no way leads anywhere
        STEP(9, ::connect(stream(), address, sizeof a) < 0 && errno == ENETUNREACH);
        return 0;
    });
    const auto connects = named(events, "connect");
    ASSERT_EQ(connects.size(), 3u);
    for (const SeenEvent& e : events) {
        ASSERT_TRUE(e.fd) << e.name;
        EXPECT_EQ(e.fd->type, FdType::ipv4) << e.name;
        EXPECT_EQ(e.fd->l4, L4Protocol::tcp) << e.name;
    }
    EXPECT_NE(connects[0].fd->source_port, 0);
    EXPECT_NE(connects[0].fd->destination_port, 0);
    EXPECT_NE(connects[0].fd->marks & kFdRoleClient, 0);
    const SeenEvent accepted = the_one(events, "accept4");
    EXPECT_NE(accepted.fd->marks & kFdRoleServer, 0);
    EXPECT_EQ(accepted.bytes("tuple"), connects[0].bytes("tuple")) << "both ends tell the same connection";
    for (const SeenEvent& e : {accepted, the_one(events, "sendto")})
        EXPECT_EQ(e.fd->name, connects[0].fd->name) << e.name;
    for (const SeenEvent& e : {connects[1], connects[2]})
        EXPECT_TRUE(e.fd->name.ends_with("->127.0.0.1:1")) << e.fd->name;
}

// Calls without an event of their own have the file of their descriptor all the same.
TEST_F(CollectorPlan, AsksForTheFileOfACallThatHasNoEventOfItsOwn) {
    const auto calls = syscall_table();
    const auto call = std::ranges::find(calls, std::string_view("pwritev2"), &SyscallInfo::name);
    ASSERT_NE(call, calls.end());
    EventPlan plan;
    plan.demands.push_back(
        {.code = kGenericExit, .calls = {call->number}, .clauses = {{.path_sets = 1}}, .forced_by = {}});
    plan.names = {{PathName::Kind::base, "one", {}, 1, {}}};
    const auto events = run(plan, [&] {
        for (const char* name : {"one", "two"}) {
            const int fd = ::open(file(name).c_str(), O_CREAT | O_RDWR, 0600);
            char byte = 'x';
            iovec part{&byte, 1};
            STEP(1, ::pwritev2(fd, &part, 1, 0, 0) == 1);
        }
        return 0;
    });
    EXPECT_EQ(paths(events), std::vector<std::string>{file("one")});
}

// A rule may name either side of a copy.
TEST_F(CollectorPlan, AsksForBothSidesOfACopy) {
    EventPlan plan;
    for (const EventCode code : {EventCode{189}, EventCode{333}}) // sendfile, copy_file_range
        plan.demands.push_back({.code = code, .calls = {}, .clauses = {{.path_sets = 1}}, .forced_by = {}});
    plan.names = {{PathName::Kind::base, "one", {}, 1, {}}};
    const auto events = run(plan, [&] {
        const auto open = [&](const char* name) { return ::open(file(name).c_str(), O_CREAT | O_RDWR, 0600); };
        const int one = open("one"), two = open("two"), three = open("three");
        for (const int fd : {one, two, three}) STEP(1, ::write(fd, "x", 1) == 1);
        const auto copy = [](int from, int to) {
            loff_t in = 0, out = 0, again = 0;
            return ::syscall(SYS_copy_file_range, from, &in, to, &out, 1, 0) == 1 &&
                   ::syscall(SYS_sendfile, to, from, &again, 1) == 1;
        };
        STEP(2, copy(one, two) && copy(two, one) && copy(two, three));
        return 0;
    });
    ASSERT_EQ(events.size(), 4u);
    for (const SeenEvent& e : events) {
        ASSERT_TRUE(e.fd && e.other_fd);
        EXPECT_NE(e.fd->name == file("one"), e.other_fd->name == file("one"));
    }
}

// The root of a copy of its mount that hangs nowhere has no name at all.
TEST_F(CollectorPlan, KnowsAFolderByItsIdentity) {
    const int folder = ::open(folder_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const auto id = source().identify(folder);
    ::close(folder);
    ASSERT_TRUE(id) << id.error().message;
    ASSERT_TRUE(source().set_files({{folder_, *id}}));
    const std::string base = std::filesystem::path(folder_).filename();
    const auto events =
        run(opens({{.success = true, .path_sets = 1}}, {{PathName::Kind::pair, "tmp", base, 1, folder_}}), [&] {
            constexpr unsigned kClone = 1;
            const long tree = ::syscall(SYS_open_tree, AT_FDCWD, folder_.c_str(), kClone);
            STEP(1, tree >= 0);
            STEP(2, ::openat(static_cast<int>(tree), ".", O_RDONLY | O_DIRECTORY) >= 0);
            return 0;
        });
    ASSERT_TRUE(source().set_files({}));
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].fd->ino, id->front().ino);
}

// More files than the kernel's table has room for: those that have it are known, and the plan stays in use.
TEST_F(CollectorPlan, KnowsFilesByTheirIdentityAsFarAsThereIsRoom) {
    const int known = ::open(file("known").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ASSERT_EQ(::link(file("known").c_str(), file("other").c_str()), 0);
    const auto id = source().identify(known);
    ::close(known);
    ASSERT_TRUE(id) << id.error().message;
    std::vector<FileId> files = *id;
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        FileId& more = files.emplace_back(id->front());
        more.ino = (std::uint64_t{1} << 40) + i;
    }
    ASSERT_TRUE(source().set_files({{file("known"), files}}));
    const std::string base = std::filesystem::path(folder_).filename();
    const auto events =
        run(opens({{.success = true, .path_sets = 1}}, {{PathName::Kind::pair, base, "known", 1, file("known")}}), [&] {
            STEP(1, ::open(file("other").c_str(), O_RDONLY) >= 0);
            return 0;
        });
    EXPECT_EQ(paths(events), std::vector<std::string>{file("other")});
    EXPECT_FALSE(source().set_files({{file("known"), files}})) << "it is said that some are not known so";
    ASSERT_TRUE(source().set_files({}));
}

TEST_F(CollectorPlan, AsksForFailureAndForWaysUp) {
    const auto plan = opens({{.failure = true, .upward = true}}, {});
    const auto events = run(plan, [&] {
        STEP(1, ::open("/no/such", O_RDONLY) < 0);
        STEP(2, ::open("/no/../such", O_RDONLY) < 0);
        STEP(3, ::open("/tmp/../tmp", O_RDONLY) >= 0);
        return 0;
    });
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].text("name"), "/no/../such");
    const auto counts = source().event_counts();
    const auto count = std::ranges::find(counts, EventCode{307}, &LiveSource::EventCount::code);
    ASSERT_NE(count, counts.end());
    EXPECT_GE(count->stopped, 2u) << "what a clause stops is counted";
}

TEST_F(CollectorPlan, ANewPlanTakesTheOldOnesPlace) {
    using Kind = PathName::Kind;
    for (const char* name : {"first", "second", "third"}) {
        const auto events = run(opens({{.success = true, .path_sets = 1}}, {{Kind::base, name, {}, 1}}), [&] {
            for (const char* each : {"first", "second", "third"})
                STEP(1, ::open(file(each).c_str(), O_CREAT | O_RDWR, 0600) >= 0);
            return 0;
        });
        EXPECT_EQ(paths(events), std::vector<std::string>{file(name)});
    }
}

// Plans for calls that the program at hand was not loaded for: each time another one takes its place while it is in
// use.
TEST_F(CollectorPlan, ToldCallsGoOnWhileOthersAreAddedAndTakenAway) {
    const EventPlan opened = opens({{.failure = true}}, {});
    ASSERT_TRUE(source().set_events(opened));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    for (unsigned i = 0; child == 0; ++i) {
        const std::string name = "no/" + std::to_string(i);
        ::openat(AT_FDCWD, name.c_str(), O_PATH);
        ::unlink(name.c_str());
        ::mkdir(name.c_str(), 0700);
        ::rmdir(name.c_str());
        ::chdir(name.c_str());
        ::usleep(200); // what is told while nobody reads has room
    }
    const std::uint64_t lost = source().events_lost();
    std::vector<std::string> names;
    std::size_t others = 0;
    const auto until = [&](const auto& enough) {
        read_until(child, enough, [&](const RawEvent& e) {
            if (e.code == opened.demands[0].code)
                names.push_back(text_of(e, "name"));
            else
                ++others;
        });
    };
    const auto more_names = [&](std::size_t count) {
        return [&names, least = names.size() + count] { return names.size() >= least; };
    };
    until(more_names(100));
    EXPECT_EQ(others, 0u);
    for (const char* added : {"unlink", "mkdir", "rmdir", "chdir"}) {
        EventPlan more = opened;
        for (const EventInfo& e : event_schema())
            if (e.name == added) more.demands.push_back({.code = e.code, .calls = {}, .clauses = {}, .forced_by = {}});
        ASSERT_GT(more.demands.size(), 1u);
        ASSERT_TRUE(source().prepare_events(more));
        until(more_names(100));
        ASSERT_TRUE(source().set_events(more));
        until([&, least = others + 100] { return others >= least; });
    }
    ASSERT_TRUE(source().set_events(opened));
    until(more_names(1000)); // those that were told before among them
    const std::size_t before = others;
    until(more_names(100));
    EXPECT_EQ(others, before);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_TRUE(source().set_events({}));
    EXPECT_EQ(source().events_lost(), lost) << "by the ring, which is another matter";
    const std::size_t first = std::stoul(names[0].substr(3));
    for (std::size_t i = 0; i < names.size(); ++i)
        ASSERT_EQ(names[i], "no/" + std::to_string(first + i)) << "each is told once";
}

// The program for rules about datagrams passes sends over TCP over without a look at the plan: one that wants them
// takes its place, and the other way round.
TEST_F(CollectorPlan, DatagramsAreToldOnceWhateverIsWantedOfTcpMeanwhile) {
    const auto sends = [](std::vector<EventClause> clauses) {
        EventPlan plan;
        plan.demands.push_back({.code = kSendto, .calls = {}, .clauses = std::move(clauses), .forced_by = {}});
        return plan;
    };
    const EventPlan datagrams = sends({{.internet = true, .not_tcp = true}}), all = sends({});
    EventPlan again = sends({{.udp = true}});
    for (const EventInfo& e : event_schema())
        if (e.name == "rmdir") again.demands.push_back({.code = e.code, .calls = {}, .clauses = {}, .forced_by = {}});
    ASSERT_TRUE(source().set_events(datagrams));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto bound = [&here](int type) {
            const int fd = ::socket(AF_INET, type, 0);
            here.sin_port = 0;
            socklen_t size = sizeof here;
            (void)!::bind(fd, reinterpret_cast<const sockaddr*>(&here), size);
            if (type == SOCK_STREAM) (void)!::listen(fd, 1);
            (void)!::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size);
            const int other = ::socket(AF_INET, type, 0);
            (void)!::connect(other, reinterpret_cast<const sockaddr*>(&here), size);
            return std::pair(other, type == SOCK_STREAM ? ::accept4(fd, nullptr, nullptr, 0) : fd);
        };
        const auto udp = bound(SOCK_DGRAM), tcp = bound(SOCK_STREAM);
        for (unsigned i = 0;; ++i) {
            char text[32] = {};
            std::snprintf(text, sizeof text, "%u", i);
            if (::send(tcp.first, text, sizeof text, 0) != sizeof text) ::_exit(1);
            if (::recv(tcp.second, text, sizeof text, MSG_WAITALL) != sizeof text) ::_exit(1);
            if (::send(udp.first, text, sizeof text, 0) != sizeof text) ::_exit(1);
            if (::recv(udp.second, text, sizeof text, 0) != sizeof text) ::_exit(1);
            ::rmdir("no/such");
            ::usleep(200); // what is told while nobody reads has room
        }
    }
    const std::uint64_t lost = source().events_lost();
    std::vector<unsigned long> by_udp, by_tcp;
    std::size_t others = 0;
    const auto until = [&](const auto& enough) {
        read_until(child, enough, [&](const RawEvent& e) {
            if (e.code == kSendto)
                (e.fd->l4 == L4Protocol::udp ? by_udp : by_tcp).push_back(std::stoul(text_of(e, "data")));
            else
                ++others;
        });
    };
    const auto more = [](const std::vector<unsigned long>& told) {
        return [&told, least = told.size() + 100] { return told.size() >= least; };
    };
    until(more(by_udp));
    EXPECT_TRUE(by_tcp.empty());
    ASSERT_TRUE(source().prepare_events(all));
    ASSERT_TRUE(source().set_events(all));
    until(more(by_tcp));
    ASSERT_TRUE(source().prepare_events(again));
    until(more(by_udp));
    ASSERT_TRUE(source().set_events(again));
    until([&, least = others + 100] { return others >= least; });
    const std::size_t told = by_tcp.size();
    until(more(by_udp));
    EXPECT_EQ(by_tcp.size(), told);
    ASSERT_TRUE(source().set_events(all));
    until([&, least = told + 100] { return by_tcp.size() >= least; });
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_TRUE(source().set_events({}));
    EXPECT_EQ(source().events_lost(), lost) << "by the ring, which is another matter";
    for (std::size_t i = 0; i < by_udp.size(); ++i) ASSERT_EQ(by_udp[i], by_udp[0] + i) << "each is told once";
    for (std::size_t i = 0; i < told; ++i) ASSERT_EQ(by_tcp[i], by_tcp[0] + i) << "as long as they are wanted";
    for (std::size_t i = told; i < by_tcp.size(); ++i) ASSERT_EQ(by_tcp[i], by_tcp[told] + i - told);
}

TEST_F(CollectorPlan, TellsOfSignals) {
    EventPlan plan;
    plan.demands.push_back({.code = kSignalDeliver, .calls = {}, .clauses = {}, .forced_by = {}});
    const auto events = run(plan, [] {
        ::signal(SIGUSR1, [](int) {});
        STEP(1, ::raise(SIGUSR1) == 0);
        return 0;
    });
    const auto usr1 =
        std::ranges::find_if(events, [](const SeenEvent& e) { return e.number<std::uint8_t>("sig") == SIGUSR1; });
    ASSERT_NE(usr1, events.end());
    EXPECT_EQ(usr1->number<std::int64_t>("spid"), usr1->process.pid);
    EXPECT_EQ(usr1->number<std::int64_t>("dpid"), usr1->process.pid);
}

// The smallest io_uring: one entry, submitted and waited for.
class Uring {
  public:
    bool create() {
        io_uring_params p{};
        fd_ = static_cast<int>(::syscall(SYS_io_uring_setup, 4, &p));
        if (fd_ < 0) return false;
        const auto map = [&](std::size_t size, off_t at) {
            return static_cast<char*>(
                ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, at));
        };
        sq_ = map(p.sq_off.array + p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
        cq_ = map(p.cq_off.cqes + p.cq_entries * sizeof(io_uring_cqe), IORING_OFF_CQ_RING);
        entries_ = reinterpret_cast<io_uring_sqe*>(map(p.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES));
        p_ = p;
        return true;
    }
    int run(const io_uring_sqe& entry) {
        auto* tail = reinterpret_cast<unsigned*>(sq_ + p_.sq_off.tail);
        const unsigned index = *tail & *reinterpret_cast<unsigned*>(sq_ + p_.sq_off.ring_mask);
        entries_[index] = entry;
        reinterpret_cast<unsigned*>(sq_ + p_.sq_off.array)[index] = index;
        __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
        const bool silent = (entry.flags & IOSQE_CQE_SKIP_SUCCESS) != 0;
        if (::syscall(SYS_io_uring_enter, fd_, 1, silent ? 0 : 1, IORING_ENTER_GETEVENTS, nullptr, 0) != 1) return -1;
        if (silent) return 0;
        auto* head = reinterpret_cast<unsigned*>(cq_ + p_.cq_off.head);
        const auto* cqes = reinterpret_cast<io_uring_cqe*>(cq_ + p_.cq_off.cqes);
        const int result = cqes[*head & *reinterpret_cast<unsigned*>(cq_ + p_.cq_off.ring_mask)].res;
        __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
        return result;
    }

  private:
    int fd_ = -1;
    char *sq_ = nullptr, *cq_ = nullptr;
    io_uring_sqe* entries_ = nullptr;
    io_uring_params p_{};
};

io_uring_sqe open_entry(const std::string& path, unsigned char flags = 0) {
    io_uring_sqe e{};
    e.opcode = IORING_OP_OPENAT;
    e.flags = flags;
    e.fd = AT_FDCWD;
    e.addr = reinterpret_cast<std::uintptr_t>(path.c_str());
    e.open_flags = O_RDWR | O_CREAT;
    e.len = 0600;
    return e;
}

TEST_F(CollectorPlan, HearsWhatIoUringDoes) {
    const std::string one = file("one"), two = file("two");
    const auto events = run([&] {
        Uring ring;
        STEP(1, ring.create());
        STEP(2, ring.run(open_entry(one)) >= 0);
        STEP(3, ring.run(open_entry(two, IOSQE_CQE_SKIP_SUCCESS)) == 0);
        io_uring_sqe e{};
        e.opcode = IORING_OP_UNLINKAT;
        e.fd = AT_FDCWD;
        e.addr = reinterpret_cast<std::uintptr_t>(one.c_str());
        STEP(4, ring.run(e) == 0);
        return 0;
    });
    const auto opened = named(events, "openat");
    ASSERT_EQ(opened.size(), 2u);
    EXPECT_EQ(opened[0].text("name"), one);
    EXPECT_GE(opened[0].number<std::int64_t>("fd"), 0);
    ASSERT_TRUE(opened[0].fd);
    EXPECT_EQ(opened[0].fd->name, one);
    EXPECT_NE(opened[0].fd->ino, 0u);
    EXPECT_EQ(opened[1].text("name"), two) << "told although its completion was not asked for";
    ASSERT_TRUE(opened[1].fd);
    EXPECT_EQ(opened[1].fd->name, two);
    const SeenEvent unlinked = the_one(events, "unlinkat");
    EXPECT_EQ(unlinked.text("name"), one);
    EXPECT_EQ(unlinked.number<std::int64_t>("res"), 0);
}

} // namespace
} // namespace gyr::test
