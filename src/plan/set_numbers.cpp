#include "plan/set_numbers.h"

#include "event/schema.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <tuple>
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

// How often events of a type come, compared with opens.
double often(EventCode code) {
    const EventInfo* info = find_event(code);
    if (info == nullptr) return 0;
    if (code == kGenericExit) return 1;
    if ((info->flags & kReadsFromFd) != 0 || (info->flags & kWritesToFd) != 0) return 2;
    return (info->flags & kCreatesFd) != 0 ? 1 : 0.05;
}

// By kind of sets, those of every clause with how often all else of it is met.
std::vector<AskedSets> asked_sets(std::span<const LoweredClauses> lowered, const EventPlan& plan, const SetRates& rates,
                                  Sets Clause::*kind) {
    std::vector<AskedSets> out;
    for (const auto& [demand, clauses] : lowered) {
        for (const Clause& c : clauses) {
            Clause rest = c;
            (rest.*kind).reset();
            if ((c.*kind).any())
                out.push_back({.sets = c.*kind, .often = often(plan.demands[demand].code) * rate(rest, rates)});
        }
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

void number_sets(std::span<const LoweredClauses> lowered, const ObjectSets& sets,
                 const std::vector<std::uint32_t>& conditions, EventPlan& plan) {
    const SetRates& rates = sets.rates();
    const SetNumbers paths(asked_sets(lowered, plan, rates, &Clause::paths), rates.paths, kKernelSets);
    const SetNumbers ends(asked_sets(lowered, plan, rates, &Clause::ends), rates.ends, kKernelSets);
    const SetNumbers processes(asked_sets(lowered, plan, rates, &Clause::processes),
                               std::vector<double>(conditions.size(), 0.5), kKernelConditions);
    for (const auto& [demand, clauses] : lowered) {
        for (const Clause& c : clauses) {
            EventClause& out = plan.demands[demand].clauses.emplace_back(c.asks);
            out.path_sets = static_cast<std::uint32_t>(paths.of(c.paths));
            out.end_sets = static_cast<std::uint32_t>(ends.of(c.ends));
            out.process_bits = processes.of(c.processes);
        }
    }
    for (const Sets& any : processes.members()) {
        std::vector<std::uint32_t>& nodes = plan.process_nodes.emplace_back();
        for (std::size_t i = 0; i < conditions.size(); ++i)
            if (any[i]) nodes.push_back(conditions[i]);
    }
    std::map<std::tuple<PathName::Kind, std::string, std::string, std::string>, std::uint32_t> names;
    for (std::size_t set = 0; set < sets.files().size(); ++set)
        for (const PathName& n : sets.files()[set])
            names[{n.kind, n.first, n.second, n.path}] |= static_cast<std::uint32_t>(paths.of(set));
    for (const auto& [name, of] : names)
        if (const auto& [kind, first, second, path] = name; of != 0 || !path.empty())
            plan.names.push_back({.kind = kind, .first = first, .second = second, .sets = of, .path = path});
    for (std::size_t set = 0; set < sets.ends().size(); ++set) {
        for (const ConnectionEnd& e : sets.ends()[set]) {
            if (ends.of(set) == 0) continue;
            plan.ends.push_back(e);
            plan.ends.back().sets = static_cast<std::uint32_t>(ends.of(set));
        }
    }
}

} // namespace gyr::plan
