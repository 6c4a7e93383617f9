#include "agreement.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <vector>

namespace gyr::test {

using nlohmann::json;

bool Agreement::same(const json& a, const json& b) {
    if (a.is_number_float() || b.is_number_float()) {
        if (!a.is_number() || !b.is_number()) return false;
        const double x = a.get<double>(), y = b.get<double>();
        return std::abs(x - y) <= 1e-9 * std::max({1.0, std::abs(x), std::abs(y)});
    }
    if (a.is_array() && b.is_array()) return a.get<std::set<json>>() == b.get<std::set<json>>();
    return a == b;
}

void Agreement::compare(const std::string& field, const json& expected, const json& ours, std::string_view where) {
    Count& c = all_[field];
    ++c.all;
    if (same(expected, ours)) {
        ++c.same;
        return;
    }
    if (const char* verbose = std::getenv("GYR_AGREEMENT_SHOW"); verbose && field == verbose)
        std::printf("%s %s: expected %s, is %s\n", std::string(where).c_str(), field.c_str(),
                    expected.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 300).c_str(),
                    ours.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 300).c_str());
    if (c.first.empty())
        c.first = std::string(where) + ": expected " +
                  expected.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 100) + ", is " +
                  ours.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 100);
}

bool Agreement::report(double share) const {
    std::vector<std::pair<double, const std::string*>> order;
    for (const auto& [name, c] : all_)
        order.emplace_back(static_cast<double>(c.same) / static_cast<double>(c.all), &name);
    std::ranges::sort(order, [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : *a.second < *b.second;
    });
    bool good = true;
    for (const auto& [part, name] : order) {
        const Count& c = all_.at(*name);
        if (c.same == c.all && name->starts_with("without ")) continue; // as it should be
        const bool low = part < share;
        good = good && !low;
        std::printf("%-45s %8.3f %%  of %6llu%s%s\n", name->c_str(), part * 100, static_cast<unsigned long long>(c.all),
                    low ? "  LOW  " : (c.first.empty() ? "" : "  "), c.first.c_str());
    }
    return good;
}

} // namespace gyr::test
