// Every event with every number of parameters through the upgrade, against what the reference's tables say becomes of
// it: read from their text and carried out step by step, with nothing of the code under test.
#include "capfile/conversion.h"

#include "base/test_data.h"
#include "capfile/test_support.h"

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace gyr::capfile {
namespace {

using Params = std::vector<std::string>;

struct Delivered {
    EventCode code = kEventNone;
    Params params;
    friend bool operator==(const Delivered&, const Delivered&) = default;
};
std::ostream& operator<<(std::ostream& out, const Delivered& d) {
    out << d.code << " (";
    for (const std::string& p : d.params) out << ::testing::PrintToString(p) << ' ';
    return out << ')';
}

std::vector<std::string> split(const std::string& line, char at) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, at);) cells.push_back(cell);
    return cells;
}

class Reference {
  public:
    // False when the tables are not there.
    bool read(const std::string& folder) {
        std::ifstream events(folder + "events.tsv"), types(folder + "param-types.tsv");
        std::ifstream conversions(folder + "capture-conversion.tsv");
        if (!events || !types || !conversions) return false;
        std::string line;
        std::getline(types, line);
        while (std::getline(types, line)) {
            const auto cells = split(line, '\t');
            const std::string& size = cells.at(2); // a number, or "var"
            const bool fixed = size.find_first_not_of("0123456789") == std::string::npos;
            std::string name = cells.at(1).substr(3);
            for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            zeros_[name] = std::string(fixed ? std::stoul(size) : 0, name == "uid" || name == "gid" ? '\xff' : '\0');
        }
        std::getline(events, line);
        std::map<std::string, EventCode> by_name;
        while (std::getline(events, line)) {
            const auto cells = split(line, '\t');
            EventRow row;
            row.enter = cells.at(3) == "enter";
            row.unused = cells.at(6).find("EF_UNUSED") != std::string::npos;
            row.old = cells.at(6).find("EF_OLD_VERSION") != std::string::npos;
            row.managed = cells.at(6).find("EF_CONVERTER_MANAGED") != std::string::npos;
            if (cells.size() > 9 && cells[9] != "-")
                for (const std::string& param : split(cells[9], ' ')) {
                    std::string type = split(param, ':').at(1).substr(3);
                    for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
                    row.types.push_back(type);
                }
            const auto code = static_cast<EventCode>(std::stoul(cells.at(0)));
            by_name[cells.at(1)] = code;
            events_[code] = row;
        }
        std::getline(conversions, line);
        while (std::getline(conversions, line)) {
            const auto cells = split(line, '\t');
            RuleRow row{.action = cells.at(3), .to = kEventNone, .steps = {}};
            if (cells.at(4) != "-") row.to = by_name.at(cells[4]);
            if (cells.at(5) != "-") row.steps = split(cells[5], ' ');
            rules_[{static_cast<EventCode>(std::stoul(cells.at(0))), std::stoul(cells.at(2))}] = row;
        }
        return true;
    }

    [[nodiscard]] const auto& events() const { return events_; }
    [[nodiscard]] std::size_t params_of(EventCode code) const { return events_.at(code).types.size(); }
    [[nodiscard]] std::size_t rules() const { return rules_.size(); }
    [[nodiscard]] std::size_t used() const { return used_.size(); }

    // What becomes of an event; nothing: it is dropped. kept is the enter event of its thread.
    std::optional<Delivered> run(Delivered event, std::optional<Delivered>& kept) {
        for (int round = 0; round < 50; ++round) {
            const EventRow& row = events_.at(event.code);
            if (row.unused) return std::nullopt;
            if (!row.managed) return row.old ? std::nullopt : std::optional(event);
            if (!row.enter && !row.old && event.params.size() == row.types.size()) return event;
            const auto rule = rules_.find({event.code, event.params.size()});
            if (rule == rules_.end()) // an error there; what is current but for parameters is of use
                return row.enter || row.old ? std::nullopt : std::optional(event);
            used_[rule->first] = true;
            const RuleRow& r = rule->second;
            if (r.action == "PASS") return event;
            if (r.action == "STORE" || r.action == "STORE_AND_PASS") {
                kept = event;
                return r.action == "STORE" ? std::nullopt : std::optional(event);
            }
            Delivered next{event.code, event.params};
            if (r.action == "CHANGE_TYPE") next = {r.to, {}};
            for (const std::string& step : r.steps) next.params.push_back(value(step, event, next, kept));
            event = next;
        }
        ADD_FAILURE() << event << " has no end";
        return std::nullopt;
    }

  private:
    struct EventRow {
        bool enter = false, unused = false, old = false, managed = false;
        std::vector<std::string> types;
    };
    struct RuleRow {
        std::string action;
        EventCode to = kEventNone;
        std::vector<std::string> steps;
    };

    std::string value(const std::string& step, const Delivered& from, const Delivered& to,
                      const std::optional<Delivered>& kept) {
        const bool or_empty = step.ends_with("|empty");
        const std::string& type = events_.at(to.code).types.at(to.params.size());
        if (step == "empty") return "";
        if (step == "default") return zeros_.at(type);
        if (step.starts_with("old[")) return from.params.at(std::stoul(step.substr(4)));
        if (step.starts_with("callback"))
            return c_text(R"({"container":{"id":"id","type":7,"name":"name","image":"image"}})");
        EXPECT_TRUE(step.starts_with("enter[")) << step;
        const std::size_t index = std::stoul(step.substr(6));
        if (kept && kept->code + 1 == from.code && index < kept->params.size()) return kept->params[index];
        return or_empty ? "" : zeros_.at(type);
    }

    std::map<EventCode, EventRow> events_;
    std::map<std::pair<EventCode, std::size_t>, RuleRow> rules_;
    std::map<std::pair<EventCode, std::size_t>, bool> used_;
    std::map<std::string, std::string> zeros_;
};

std::optional<Delivered> upgraded(Converter& converter, const Delivered& event) {
    const std::vector<std::string_view> views(event.params.begin(), event.params.end());
    RawEvent raw;
    raw.code = event.code;
    raw.tid = 1;
    raw.params = views;
    if (converter.convert(raw) == Converter::Outcome::drop) return std::nullopt;
    return Delivered{raw.code, Params(raw.params.begin(), raw.params.end())};
}

Delivered made(EventCode code, std::size_t params, const std::string& word) {
    Delivered event{code, {}};
    for (std::size_t i = 0; i < params; ++i) event.params.push_back(word + std::to_string(i));
    if (code == 228 && params == 4) event.params = {c_text("id"), packed(7u), c_text("name"), c_text("image")};
    return event;
}

TEST(CaptureUpgrade, IsTheReferencesForEveryEvent) {
    Reference reference;
    if (!reference.read(test_data_dir() + "/../reference/")) GTEST_SKIP() << "no reference beside the test data";
    for (const auto& [code, row] : reference.events()) {
        const std::size_t most = reference.params_of(code);
        for (std::size_t count = 0; count <= most; ++count) {
            const Delivered event = made(code, count, "own");
            // Alone, and after each form of the event with the number before, which may be its enter event.
            const std::size_t forms = code == 0 ? 0 : reference.params_of(static_cast<EventCode>(code - 1)) + 1;
            for (std::size_t form = 0; form <= forms; ++form) {
                Converter converter;
                std::optional<Delivered> kept;
                if (form > 0) {
                    const Delivered before = made(static_cast<EventCode>(code - 1), form - 1, "enter");
                    ASSERT_EQ(upgraded(converter, before), reference.run(before, kept)) << before;
                }
                ASSERT_EQ(upgraded(converter, event), reference.run(event, kept))
                    << event << " after " << forms - form << " of the parameters before";
            }
        }
    }
    EXPECT_EQ(reference.used(), reference.rules()) << "rows of the table that no event led to";
}

} // namespace
} // namespace gyr::capfile
