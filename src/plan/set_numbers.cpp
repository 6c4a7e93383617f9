#include "plan/set_numbers.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace gyr::plan {
namespace {

struct Group {
    Sets members;
    double rate = 0;
    std::vector<bool> asked_by; // by clause
};

// What more is let through when two are one: what asks for one of them gets the other as well.
double cost(const Group& a, const Group& b, std::span<const AskedSets> asked) {
    double out = 0;
    for (std::size_t i = 0; i < asked.size(); ++i)
        if (a.asked_by[i] != b.asked_by[i]) out += asked[i].often * (a.asked_by[i] ? b.rate : a.rate);
    return out;
}

void join(Group& a, const Group& b) {
    a.members |= b.members;
    a.rate = std::min(a.rate + b.rate, 1.0);
    for (std::size_t i = 0; i < a.asked_by.size(); ++i) a.asked_by[i] = a.asked_by[i] || b.asked_by[i];
}

// In the order of their first sets.
std::vector<Group> asked_alike(std::span<const AskedSets> asked, const std::vector<double>& rates) {
    std::vector<Group> out;
    for (std::size_t set = 0; set < rates.size(); ++set) {
        Group one{.members = {}, .rate = rates[set], .asked_by = std::vector<bool>(asked.size())};
        one.members.set(set);
        bool any = false;
        for (std::size_t i = 0; i < asked.size(); ++i)
            if (asked[i].sets[set]) one.asked_by[i] = any = true;
        if (!any) continue;
        const auto same = std::ranges::find(out, one.asked_by, &Group::asked_by);
        if (same == out.end())
            out.push_back(std::move(one));
        else
            join(*same, one);
    }
    return out;
}

} // namespace

SetNumbers::SetNumbers(std::span<const AskedSets> asked, const std::vector<double>& rates, unsigned most) {
    std::vector<Group> groups = asked_alike(asked, rates);
    std::vector<std::vector<double>> costs(groups.size(), std::vector<double>(groups.size()));
    for (std::size_t a = 0; a < groups.size(); ++a)
        for (std::size_t b = 0; b < a; ++b) costs[a][b] = costs[b][a] = cost(groups[a], groups[b], asked);
    while (groups.size() > most) {
        std::pair<std::size_t, std::size_t> least{0, 1};
        for (std::size_t a = 0; a < groups.size(); ++a)
            for (std::size_t b = a + 1; b < groups.size(); ++b)
                if (costs[a][b] < costs[least.first][least.second]) least = {a, b};
        const auto [kept, gone] = least;
        join(groups[kept], groups[gone]);
        const auto at = static_cast<std::ptrdiff_t>(gone);
        groups.erase(groups.begin() + at);
        costs.erase(costs.begin() + at);
        for (std::vector<double>& row : costs) row.erase(row.begin() + at);
        for (std::size_t i = 0; i < groups.size(); ++i)
            costs[i][kept] = costs[kept][i] = cost(groups[i], groups[kept], asked);
    }
    for (const Group& g : groups) members_.push_back(g.members);
}

std::uint64_t SetNumbers::of(const Sets& sets) const {
    std::uint64_t out = 0;
    for (std::size_t bit = 0; bit < members_.size(); ++bit)
        if ((members_[bit] & sets).any()) out |= std::uint64_t{1} << bit;
    return out;
}

std::uint64_t SetNumbers::of(std::size_t set) const {
    Sets one;
    one.set(set);
    return of(one);
}

} // namespace gyr::plan
