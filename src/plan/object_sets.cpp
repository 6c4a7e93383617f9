#include "plan/object_sets.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace gyr::plan {
namespace {

using lang::Op;
using Kind = PathName::Kind;

// Of all sets. The kernel's table has room for the names and the ports of two plans.
constexpr std::size_t kMostNames = 6000;
constexpr std::size_t kMostEnds = 2000;
constexpr std::size_t kMostLetters = 2; // each is looked for in every component

bool is_equality(Op op) { return op == Op::eq || op == Op::in; }

// The first component of a path that all texts matching pattern have; empty: none.
std::string_view first_component(std::string_view text, std::string_view special) {
    const std::size_t end = text.find('/', 1);
    if (end == std::string_view::npos || text.find_first_of(special) < end) return {};
    return text.substr(1, end - 1);
}

// A component that stands between two slashes of the text, the longest; empty: none.
std::string_view whole_component(std::string_view text) {
    std::string_view longest;
    for (std::size_t at = text.find('/'), next = 0; at != std::string_view::npos; at = next) {
        next = text.find('/', at + 1);
        if (next != std::string_view::npos && next - at - 1 > longest.size())
            longest = text.substr(at + 1, next - at - 1);
    }
    return longest;
}

// How few names have a byte, as guessed.
int rarity(char c) {
    if (c == '_') return 6;
    if (c == '.' || (c >= '0' && c <= '9')) return 3;
    if (std::string_view("bdghkpvwy-").find(c) != std::string_view::npos) return 2;
    if (c >= 'a' && c <= 'z') return std::string_view("jqxz").find(c) == std::string_view::npos ? 1 : 5;
    return 7;
}

// Of all names with this text in them. For letters, the text: two of it are chosen when all of the predicate's are
// known.
bool names_with(std::string_view text, std::vector<PathName>& out) {
    if (const std::string_view component = whole_component(text); !component.empty())
        out.push_back({Kind::any, std::string(component), {}, 0, {}});
    else
        out.push_back({Kind::letters, std::string(text), {}, 0, {}});
    return true;
}

// False when the kernel cannot ask it.
bool glob_names(std::string_view pattern, std::vector<PathName>& out) {
    constexpr std::string_view kSpecial = "*?[\\";
    if (const auto top = first_component(pattern, kSpecial); pattern.starts_with('/') && !top.empty()) {
        out.push_back({Kind::top, std::string(top), {}, 0, {}});
        return true;
    }
    const std::size_t slash = pattern.rfind('/');
    if (slash == std::string_view::npos || slash + 1 == pattern.size()) return false;
    const std::string_view last = pattern.substr(slash + 1);
    // A bracket before could have the slash in it.
    if (last.find_first_of("*?[]\\") != std::string_view::npos || pattern.find('[') != std::string_view::npos)
        return false;
    out.push_back({Kind::base, std::string(last), {}, 0, {}});
    return true;
}

// A prefix in whole components is below its first ones; "/etc" as a plain prefix also begins "/etcetera".
bool prefix_names(Op op, std::string_view text, std::vector<PathName>& out) {
    constexpr std::string_view kSpecial = "*?[\\";
    const bool pattern = op == Op::pmatch;
    const std::size_t end = text.find('/', 1);
    if (end == std::string_view::npos && !pattern) return false;
    if (pattern && text.find_first_of(kSpecial) < end) return false;
    const std::string top(text.substr(1, end == std::string_view::npos ? end : end - 1));
    // A pattern's slash at the beginning need not be there: it also matches what is no path.
    if (pattern && top.starts_with("anon_inode:")) return false;
    std::string_view second = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const std::size_t second_end = second.find('/');
    const bool whole = second_end != std::string_view::npos || pattern;
    second = second.substr(0, second_end);
    if (whole && !second.empty() && (!pattern || second.find_first_of(kSpecial) == std::string_view::npos))
        out.push_back({Kind::tops, top, std::string(second), 0, {}});
    else
        out.push_back({Kind::top, top, {}, 0, {}});
    return true;
}

bool names_of(std::string_view field, Op op, std::string_view text, std::vector<PathName>& out) {
    if (text.find("\xef\xbf\xbd") != std::string_view::npos) return false; // stands for bytes that are no UTF-8
    const std::size_t slash = text.rfind('/');
    const auto last = [&] { return std::string(text.substr(slash + 1)); };
    if (op == Op::contains) return names_with(text, out);
    if (field == "fd.filename") {
        if (!is_equality(op) || text.empty() || slash != std::string_view::npos) return false;
        out.push_back({Kind::base, std::string(text), {}, 0, {}});
        return true;
    }
    if (field == "fd.name" && op == Op::endswith) {
        if (slash == std::string_view::npos || slash + 1 == text.size()) return names_with(text, out);
        out.push_back({Kind::base, last(), {}, 0, {}});
        return true;
    }
    if (field == "fd.name" && op == Op::glob) return glob_names(text, out);
    if (!text.starts_with('/') || text.size() < 2 || text.find("//") != std::string_view::npos) return false;
    if (field == "fd.name" && (op == Op::startswith || op == Op::pmatch)) return prefix_names(op, text, out);
    if (!is_equality(op) || slash + 1 == text.size()) return false;
    const std::string_view above = text.substr(0, slash);
    const std::string parent(above.substr(std::min(above.rfind('/') + 1, above.size())));
    const bool name = field == "fd.name";
    out.push_back({name ? Kind::pair : Kind::parent, parent, last(), 0, name ? std::string(text) : std::string()});
    return true;
}

bool end_of(std::string_view field, const match::Item& item, ConnectionEnd& out) {
    if (field.ends_with("port")) {
        const std::int64_t n =
            item.number.kind == fields::ValueKind::i64 ? item.number.i : static_cast<std::int64_t>(item.number.u);
        if (n < 0 || n > 65'535) return false;
        out.is_port = true;
        out.port = static_cast<std::uint16_t>(n);
        return true;
    }
    const bool network = field.ends_with("net");
    if (!network && item.number.kind != fields::ValueKind::ip) return false;
    const fields::IpAddress& ip = network ? item.net.address : item.number.ip;
    // IPv4 as the addresses of IPv6 that stand for it.
    out.prefix = static_cast<std::uint8_t>((network ? item.net.prefix : ip.v6 ? 128U : 32U) + (ip.v6 ? 0U : 96U));
    if (ip.v6) {
        out.address = ip.bytes;
    } else {
        out.address[10] = out.address[11] = 0xff;
        std::copy_n(ip.bytes.begin(), 4, out.address.begin() + 12);
    }
    // One network has one key, whatever is written behind its prefix.
    for (unsigned bit = out.prefix; bit < 128; ++bit)
        out.address[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
    return true;
}

// How many files of those that programs open have such a name, as guessed: most are below a few folders.
double rate(const PathName& n) {
    static constexpr std::pair<std::string_view, double> kTops[] = {{"usr", 0.4},  {"proc", 0.2}, {"etc", 0.15},
                                                                    {"var", 0.15}, {"home", 0.1}, {"root", 0.1}};
    switch (n.kind) {
    case Kind::pair: return 0.0002;
    case Kind::base:
    case Kind::parent: return 0.001;
    case Kind::tops:
    case Kind::any: return 0.004;
    case Kind::letters: return 0.1;
    case Kind::top: break;
    }
    const auto* known = std::ranges::find(kTops, n.first, &std::pair<std::string_view, double>::first);
    return known == std::end(kTops) ? 0.05 : known->second;
}

double rate(const ConnectionEnd& e) {
    const int bits = e.prefix < 96 ? e.prefix / 4 : e.prefix - 96; // those of IPv4, or as many
    return e.is_port ? 0.01 : bits >= 32 ? 0.005 : bits >= 16 ? 0.05 : 0.3;
}

// A set of its own for what is in it; the last one, which is shared, when there are no more.
template <class T>
Sets put(std::vector<T> members, std::vector<std::vector<T>>& sets, std::vector<double>& rates) {
    if (sets.size() < kMostSets) sets.emplace_back(), rates.emplace_back();
    for (T& m : members) {
        rates.back() += rate(m);
        sets.back().push_back(std::move(m));
    }
    Sets out;
    out.set(sets.size() - 1);
    return out;
}

} // namespace

// False when the kernel cannot look for all of them.
bool ObjectSets::choose_letters(std::vector<PathName>& names) {
    std::vector<std::string> chosen = letters_;
    for (PathName& n : names) {
        if (n.kind != Kind::letters) continue;
        std::string best;
        bool known = false;
        for (std::size_t i = 0; i + 1 < n.first.size() && !known; ++i) {
            const std::string two = n.first.substr(i, 2);
            if (two.find('/') != std::string::npos || two.find('\0') != std::string::npos) continue;
            known = std::ranges::find(chosen, two) != chosen.end();
            const auto worth = [](const std::string& s) { return s.empty() ? 0 : rarity(s[0]) + rarity(s[1]); };
            if (known || worth(two) > worth(best)) best = two;
        }
        if (best.empty() || (!known && chosen.size() == kMostLetters)) return false;
        if (!known) chosen.push_back(best);
        n.first = best;
    }
    letters_ = std::move(chosen);
    return true;
}

Sets ObjectSets::of_files(match::NodeId id, std::string_view field, const match::Predicate& p) {
    const auto [known, fresh] = known_files_.try_emplace(id);
    if (!fresh) return known->second;
    std::vector<PathName> names;
    for (const match::Item& item : p.items)
        if (!names_of(field, p.op, item.text, names)) return {};
    if (names_ + names.size() > kMostNames || !choose_letters(names)) return {};
    names_ += names.size();
    return known->second = put(std::move(names), files_, rates_.paths);
}

Sets ObjectSets::of_ends(match::NodeId id, std::string_view field, const match::Predicate& p) {
    const auto [known, fresh] = known_ends_.try_emplace(id);
    if (!fresh) return known->second;
    std::vector<ConnectionEnd> ends;
    for (const match::Item& item : p.items)
        if (!is_equality(p.op) || !end_of(field, item, ends.emplace_back())) return {};
    if (end_count_ + ends.size() > kMostEnds) return {};
    end_count_ += ends.size();
    return known->second = put(std::move(ends), ends_, rates_.ends);
}

} // namespace gyr::plan
