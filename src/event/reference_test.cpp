// The schema against the description of the capture format, where that is at hand: every event, parameter, flag and
// system call, both ways.

#include "base/test_data.h"
#include "event/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace gyr {
namespace {

using Row = std::vector<std::string>;

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, at);) parts.push_back(part);
    return parts;
}

// The rows of a table, without its heading; empty when it is not there.
std::vector<Row> table(const std::string& name) {
    std::ifstream file(test_data_dir() + "/../reference/" + name);
    std::vector<Row> rows;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) rows.push_back(split(line, '\t'));
    return rows;
}

std::string lower_tail(const std::string& text) { // "PT_UINT32" -> "uint32"
    std::string out = text.substr(text.find('_') + 1);
    std::ranges::transform(out, out.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

constexpr std::string_view kCategories[] = {"unknown", "other",   "file",     "net",      "ipc",       "wait",
                                            "signal",  "sleep",   "time",     "process",  "scheduler", "memory",
                                            "user",    "io_read", "io_write", "io_other", "system",    "internal"};
constexpr std::string_view kKinds[] = {"unused", "syscall", "tracepoint", "metaevent", "plugin", "iter"};
constexpr std::string_view kFormats[] = {"na", "dec", "hex", "oct"};

TEST(SchemaReference, ParametersAreAsWideAsTheFormatSays) {
    const auto rows = table("param-types.tsv");
    if (rows.empty()) GTEST_SKIP() << "no reference beside the test data";
    std::map<ParamType, unsigned long> widths;
    for (const Row& row : rows)
        widths[static_cast<ParamType>(std::stoul(row[0]))] =
            row[2] == "var" || row[2] == "-" || row[3].contains("pointer") ? 0 : std::stoul(row[2]);
    for (const EventInfo& e : event_schema())
        for (const ParamInfo& p : e.params) EXPECT_EQ(width_of(p.type), widths[p.type]) << e.name << ' ' << p.name;
}

TEST(SchemaReference, EventsAreThoseOfTheFormat) {
    const auto rows = table("events.tsv");
    if (rows.empty()) GTEST_SKIP() << "no reference beside the test data";
    ASSERT_EQ(rows.size(), event_schema().size());
    for (const Row& row : rows) {
        const EventInfo& e = event_schema()[std::stoul(row[0])];
        SCOPED_TRACE(row[1]);
        if (e.kind != EventKind::unused) {
            EXPECT_EQ(e.name, row[2]);
        }
        EXPECT_EQ(e.direction == EventDirection::enter, row[3] == "enter");
        const auto category = split(row[4], '|');
        EXPECT_EQ(kCategories[static_cast<std::size_t>(e.category)], lower_tail(category[0]));
        EXPECT_EQ(kKinds[static_cast<std::size_t>(e.kind)], category.size() > 1 ? lower_tail(category[1]) : "unused");
        EXPECT_EQ(e.flags, std::stoul(row[7]));
        const auto params = row.size() > 9 ? split(row[9], ' ') : Row{};
        ASSERT_EQ(e.params.size(), std::stoul(row[8]));
        ASSERT_EQ(e.params.size(), params.size());
        for (std::size_t i = 0; i < params.size(); ++i) {
            const auto parts = split(params[i], ':');
            EXPECT_EQ(e.params[i].name, parts[0]);
            EXPECT_EQ(to_string(e.params[i].type), lower_tail(parts[1])) << parts[0];
            EXPECT_EQ(kFormats[static_cast<std::size_t>(e.params[i].format)], lower_tail(parts[2])) << parts[0];
            EXPECT_EQ(e.params[i].info, parts.size() > 3 ? parts[3] : "") << parts[0];
        }
    }
}

TEST(SchemaReference, ParameterTypesHaveTheFormatsNumbers) {
    const auto rows = table("param-types.tsv");
    if (rows.empty()) GTEST_SKIP() << "no reference beside the test data";
    for (const Row& row : rows) EXPECT_EQ(to_string(static_cast<ParamType>(std::stoul(row[0]))), lower_tail(row[1]));
}

TEST(SchemaReference, FlagsAreThoseOfTheFormat) {
    const auto rows = table("flags.tsv");
    if (rows.empty()) GTEST_SKIP() << "no reference beside the test data";
    std::map<std::string, std::vector<std::pair<std::string, std::uint32_t>>> tables;
    for (const Row& row : rows) tables[row[0]].emplace_back(row[2], static_cast<std::uint32_t>(std::stoll(row[3])));
    for (const auto& [name, flags] : tables) {
        std::vector<std::pair<std::string, std::uint32_t>> ours;
        for (const FlagInfo& f : flag_table(name)) ours.emplace_back(f.name, f.value);
        EXPECT_EQ(ours, flags) << name;
    }
}

TEST(SchemaReference, DynamicParametersAreThoseOfTheFormat) {
    const auto rows = table("dynamic-params.tsv");
    if (rows.empty()) GTEST_SKIP() << "no reference beside the test data";
    std::map<std::string, std::size_t> counts;
    for (const Row& row : rows) {
        const auto variants = dynamic_variants(row[0] + "[9]");
        const std::size_t number = std::stoul(row[1]);
        ++counts[row[0]];
        ASSERT_LT(number, variants.size()) << row[0];
        EXPECT_EQ(to_string(variants[number].type), lower_tail(row[2])) << row[0];
        EXPECT_EQ(kFormats[static_cast<std::size_t>(variants[number].format)], lower_tail(row[3])) << row[0];
    }
    for (const auto& [name, count] : counts) EXPECT_EQ(dynamic_variants(name).size(), count) << name;
}

TEST(SchemaReference, SystemCallsAreThoseOfTheFormat) {
    const auto rows = table("syscalls.tsv");
    if (rows.empty()) GTEST_SKIP() << "no reference beside the test data";
    std::map<unsigned long, const Row*> by_number;
    for (const Row& row : rows) by_number[std::stoul(row[0])] = &row;
    EXPECT_EQ(syscall_table().size(), by_number.size());
    for (const SyscallInfo& s : syscall_table()) {
        const auto row = by_number.find(s.number);
        ASSERT_NE(row, by_number.end()) << s.name;
        EXPECT_EQ(s.name, (*row->second)[2]);
        EXPECT_EQ(s.generic, (*row->second)[3] == "yes") << s.name;
        EXPECT_EQ(s.in_state_set, (*row->second)[9] == "yes") << s.name;
    }
}

} // namespace
} // namespace gyr
