#include "event/schema.h"
#include "fields/registry.h"
#include "match/event_names.h"
#include "match/external_set.h"
#include "match/test_support.h"
#include "rules/items_file.h"
#include "rules/loader.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gyr {
namespace {

fields::IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    fields::IpAddress ip;
    ip.bytes = {a, b, c, d};
    return ip;
}
fields::IpAddress ipv6(std::uint8_t first, std::uint8_t last) {
    fields::IpAddress ip;
    ip.v6 = true;
    ip.bytes[0] = first, ip.bytes[15] = last;
    return ip;
}

auto make(const std::string& text, lang::TypeClass type_class) {
    return match::ExternalSet::make(*rules::parse_items(text, "list", "/x/bad.txt"), type_class);
}

TEST(ExternalSet, HoldsAddressesAndNetworks) {
    const auto set = make("# known\n10.0.0.1\n192.168.0.0/16\n0.0.0.0\n\nfe80::/10\n2000::1\n::\n203.0.113.64/27\n",
                          lang::TypeClass::ip);
    ASSERT_TRUE(set.has_value()) << set.error().message;
    const auto has = [&](const fields::IpAddress& ip) { return (*set)->contains(fields::Value::of_ip(ip)); };
    EXPECT_TRUE(has(ipv4(10, 0, 0, 1)));
    EXPECT_FALSE(has(ipv4(10, 0, 0, 2)));
    EXPECT_TRUE(has(ipv4(192, 168, 200, 1)));
    EXPECT_FALSE(has(ipv4(192, 169, 0, 1)));
    EXPECT_TRUE(has(ipv4(0, 0, 0, 0)));
    EXPECT_FALSE(has(ipv4(0, 0, 0, 1)));
    EXPECT_TRUE(has(ipv4(203, 0, 113, 95)));
    EXPECT_FALSE(has(ipv4(203, 0, 113, 96)));
    EXPECT_TRUE(has(ipv6(0xfe, 9)) == false) << "fe00::9 is outside fe80::/10";
    EXPECT_TRUE(has(ipv6(0x20, 1)));
    EXPECT_FALSE(has(ipv6(0x20, 2)));
    EXPECT_TRUE(has(ipv6(0, 0)));
    EXPECT_FALSE(has(ipv6(0, 1)));
    EXPECT_FALSE((*set)->contains(fields::Value::of_text("10.0.0.1"))) << "a text is no address";
    auto link_local = ipv6(0xfe, 9);
    link_local.bytes[1] = 0xbf;
    EXPECT_TRUE(has(link_local));
}

TEST(ExternalSet, EverythingIsAMemberOfTheWholeNetwork) {
    const auto set = make("0.0.0.0/0\n", lang::TypeClass::net);
    ASSERT_TRUE(set.has_value());
    EXPECT_TRUE((*set)->contains(fields::Value::of_ip(ipv4(1, 2, 3, 4))));
    EXPECT_FALSE((*set)->contains(fields::Value::of_ip(ipv6(1, 2))));
}

TEST(ExternalSet, ErrorsNameTheLine) {
    const struct {
        const char *text, *says;
    } cases[] = {{"10.0.0.1\n# x\n\n10.0.0.256\n", "/x/bad.txt:4: '10.0.0.256' is neither an address nor a network"},
                 {"10.0.0.0/33\n", "/x/bad.txt:1: '10.0.0.0/33' is neither"},
                 {"a\n10.0.0.1\nb\n", "/x/bad.txt:1: 'a' is neither an address nor a network (and 1 entries more)"}};
    for (const auto& [text, says] : cases) {
        const auto set = make(text, lang::TypeClass::ip);
        ASSERT_FALSE(set.has_value()) << text;
        EXPECT_TRUE(set.error().message.starts_with(says)) << set.error().message;
    }
    EXPECT_TRUE(make("anything\n", lang::TypeClass::string).has_value());
}

// From the file to the verdict, for texts and for addresses.
TEST(ExternalSet, DecidesRules) {
    const std::filesystem::path dir =
        std::filesystem::temp_directory_path() / ("gyr-lists-" + std::to_string(::getpid()));
    std::filesystem::create_directories(dir);
    std::ofstream(dir / "nets.txt") << "10.1.0.0/16\n172.16.0.9\n";
    std::ofstream(dir / "hashes.txt") << "d41d8cd98f00b204e9800998ecf8427e\nnc\n";
    const auto rule = [](const std::string& name, const std::string& condition) {
        return "- rule: " + name + "\n  desc: d\n  condition: evt.type = connect and " + condition +
               "\n  output: o\n  priority: INFO\n";
    };
    std::ofstream(dir / "r.yaml") << "- list: nets\n  items_file: nets.txt\n- list: hashes\n  items_file: hashes.txt\n"
                                  << rule("ip", "fd.sip in (nets)") << rule("net", "fd.snet in (nets)")
                                  << rule("text", "proc.name in (hashes)") << rule("not", "not fd.sip in (nets)")
                                  << rule("number", "proc.pid in (nets)");
    rules::LoadOptions options;
    options.fields = &fields::catalog();
    options.events = &match::event_names();
    auto loaded = rules::load_rules({(dir / "r.yaml").string()}, options);
    std::filesystem::remove_all(dir);
    ASSERT_TRUE(loaded.ok()) << to_text(loaded.diagnostics.front());
    const auto c = test::compile(std::move(loaded.rules));
    ASSERT_EQ(c.diagnostics.size(), 1U);
    EXPECT_NE(c.diagnostics[0].message.find("can only be used with in and intersects, on texts"), std::string::npos);
    test::World world;
    Event event = test::exec_event(world.process(1, "/bin/nc", {"nc"}));
    event.code = event_codes("connect").back();
    FdInfo fd;
    fd.type = FdType::ipv4;
    fd.marks = kFdRoleClient | kFdConnected;
    event.fd = &fd, event.fd_number = 3;
    const auto matched = [&](std::array<std::uint8_t, 4> destination) {
        std::ranges::copy(destination, fd.destination_address.begin());
        Verdicts v;
        c.matcher->evaluate(event, world.view(), *c.scratch, v);
        return v.matched;
    };
    using Rules = std::vector<std::uint32_t>;
    EXPECT_EQ(matched({10, 1, 255, 3}), (Rules{0, 1, 2}));
    EXPECT_EQ(matched({10, 2, 0, 3}), (Rules{2, 3}));
    EXPECT_EQ(matched({172, 16, 0, 9}), (Rules{0, 1, 2}));
}

} // namespace
} // namespace gyr
