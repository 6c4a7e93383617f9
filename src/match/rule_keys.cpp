#include "match/rule_keys.h"

#include "match/glob.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace gyr::match {
namespace {

using lang::Modifier;
using lang::Op;
using lang::TypeClass;

using Keys = std::vector<RuleKey>;

constexpr std::size_t kMostKeys = 64; // a longer list is better tested than spread over the tables

// A text that every value has in it which pmatch takes for pattern; empty when there is none.
std::string_view part_of_path(std::string_view pattern) {
    std::string_view best;
    while (!pattern.empty()) {
        const std::size_t end = std::min(pattern.find('/'), pattern.size());
        const std::string_view component = pattern.substr(0, end);
        if (component.size() > best.size() && !has_glob(component)) best = component;
        pattern.remove_prefix(std::min(end + 1, pattern.size()));
    }
    return best;
}

std::optional<Keys> of_predicate(const Predicate& p) {
    if (p.right || p.left_list || p.left_any || !p.external.empty() || p.items.empty() || p.items.size() > kMostKeys)
        return std::nullopt;
    Keys out;
    if (p.is_membership() && p.modifier != Modifier::allof && p.modifier != Modifier::oneof) { // those have no sets
        if (p.type_class == TypeClass::boolean) return std::nullopt;
        for (const std::string& text : p.text_set) out.push_back({RuleKey::Kind::text, p.left, text, 0});
        for (const std::uint64_t number : p.number_set) out.push_back({RuleKey::Kind::number, p.left, {}, number});
        return out;
    }
    if (p.modifier == Modifier::allof || (p.type_class != TypeClass::string && p.type_class != TypeClass::buffer))
        return std::nullopt;
    switch (p.op) {
    case Op::contains:
    case Op::icontains:
    case Op::bcontains:
    case Op::startswith:
    case Op::bstartswith:
    case Op::endswith:
    case Op::pmatch: break;
    default: return std::nullopt;
    }
    for (const Item& item : p.items) {
        const std::string_view part = p.op == Op::pmatch ? part_of_path(item.text) : std::string_view(item.text);
        if (part.empty()) return std::nullopt;
        out.push_back({RuleKey::Kind::part, p.left, std::string(part), 0});
    }
    return out;
}

// Exact keys before parts, few before many, long parts before short ones. Parts of what lasts come last of all: looking
// for them in a list of capabilities at each event costs more than the answer that is kept with the image.
std::tuple<bool, bool, std::size_t, std::size_t> rank(const Keys& keys) {
    const auto is_part = [](const RuleKey& k) { return k.kind == RuleKey::Kind::part; };
    std::size_t shortest = 1000;
    for (const RuleKey& k : keys)
        if (is_part(k)) shortest = std::min(shortest, k.text.size());
    const auto is_lasting_part = [&](const RuleKey& k) { return is_part(k) && k.lasting; };
    return {std::ranges::any_of(keys, is_part), std::ranges::any_of(keys, is_lasting_part),
            shortest < 3 ? 1000 : keys.size(), 1000 - shortest};
}

} // namespace

bool better(const Keys& a, const Keys& b) { return rank(a) < rank(b); }

std::optional<Keys> keys_of(const Graph& graph, NodeId id) {
    const Node& node = graph.node(id);
    std::optional<Keys> out;
    switch (node.kind) {
    case NodeKind::predicate:
        out = of_predicate(graph.predicate(id));
        if (out)
            for (RuleKey& key : *out) key.lasting = is_lasting(node.scope);
        return out;
    case NodeKind::conjunction:
        for (const NodeId child : graph.children(id)) {
            auto keys = keys_of(graph, child);
            if (keys && (!out || better(*keys, *out))) out = std::move(keys);
        }
        return out;
    case NodeKind::disjunction:
        out.emplace();
        for (const NodeId child : graph.children(id)) {
            auto keys = keys_of(graph, child);
            if (!keys || out->size() + keys->size() > kMostKeys) return std::nullopt;
            out->insert(out->end(), std::make_move_iterator(keys->begin()), std::make_move_iterator(keys->end()));
        }
        return out;
    case NodeKind::constant:
    case NodeKind::negation: break;
    }
    return std::nullopt;
}

} // namespace gyr::match
