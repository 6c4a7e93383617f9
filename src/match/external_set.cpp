#include "match/external_set.h"

#include "match/constant.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace gyr::match {

using lang::TypeClass;

namespace {

std::size_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }
std::size_t hash(std::uint64_t x) {
    x *= 0x9e3779b97f4a7c15U;
    return static_cast<std::size_t>(x ^ x >> 32);
}
std::size_t room_for(std::size_t n) { return std::bit_ceil(std::max<std::size_t>(n + n / 2, 8)); }

} // namespace

AddressSet::Key AddressSet::masked(const fields::IpAddress& address, unsigned prefix) {
    Key key{};
    for (unsigned i = 0; i < (address.v6 ? 16U : 4U); ++i) {
        const unsigned bits = prefix > 8 * i ? std::min(prefix - 8 * i, 8U) : 0;
        const auto byte = static_cast<std::uint64_t>(address.bytes[i] & (0xff00U >> bits & 0xffU));
        key[i / 8] = key[i / 8] << 8 | byte;
    }
    return key;
}

void AddressSet::add(const fields::IpAddress& address, unsigned prefix) {
    auto it = std::ranges::find_if(lengths_, [&](const Length& l) { return l.v6 == address.v6 && l.prefix == prefix; });
    if (it == lengths_.end()) it = lengths_.insert(it, Length{address.v6, prefix, false, {}, {}, {}});
    const Key key = masked(address, prefix);
    if (key == Key{})
        it->has_zero = true;
    else if (address.v6)
        it->members.push_back(key);
    else
        it->v4.push_back(static_cast<std::uint32_t>(key[0]));
}

void AddressSet::finish() {
    for (Length& l : lengths_) {
        const auto place = [](auto& slots, const auto& value, std::size_t start) {
            std::size_t at = start & (slots.size() - 1);
            while (slots[at] != std::remove_cvref_t<decltype(value)>{} && slots[at] != value)
                at = (at + 1) & (slots.size() - 1);
            slots[at] = value;
        };
        if (l.v6) {
            l.v6_slots.assign(room_for(l.members.size()), Key{});
            for (const Key& key : l.members) place(l.v6_slots, key, hash(key[0] ^ hash(key[1])));
            l.members = {};
        } else {
            const std::vector<std::uint32_t> members = std::move(l.v4);
            l.v4.assign(room_for(members.size()), 0);
            for (const std::uint32_t m : members) place(l.v4, m, hash(m));
        }
    }
}

bool AddressSet::contains(const fields::IpAddress& address) const {
    const auto find = [](const auto& slots, const auto& value, std::size_t start) {
        std::size_t at = start & (slots.size() - 1);
        while (slots[at] != std::remove_cvref_t<decltype(value)>{}) {
            if (slots[at] == value) return true;
            at = (at + 1) & (slots.size() - 1);
        }
        return false;
    };
    for (const Length& l : lengths_) {
        if (l.v6 != address.v6) continue;
        const Key key = masked(address, l.prefix);
        if (key == Key{}) {
            if (l.has_zero) return true;
        } else if (l.v6 ? find(l.v6_slots, key, hash(key[0] ^ hash(key[1])))
                        : find(l.v4, static_cast<std::uint32_t>(key[0]), hash(key[0]))) {
            return true;
        }
    }
    return false;
}

bool ExternalSet::takes(TypeClass c) {
    return c == TypeClass::string || c == TypeClass::buffer || c == TypeClass::ip || c == TypeClass::net;
}

Result<std::shared_ptr<const ExternalSet>> ExternalSet::make(std::shared_ptr<const lang::ExternalList> list,
                                                             TypeClass type_class) {
    std::shared_ptr<ExternalSet> set(new ExternalSet(std::move(list)));
    if (type_class == TypeClass::ip || type_class == TypeClass::net) {
        if (auto ok = set->index_addresses(); !ok) return std::unexpected(std::move(ok.error()));
    } else {
        set->index_texts();
    }
    return set;
}

void ExternalSet::index_texts() {
    const std::size_t n = list_->size();
    slots_.resize(room_for(n));
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t at = hash((*list_)[i]) & (slots_.size() - 1);
        while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
        slots_[at] = static_cast<std::uint32_t>(i + 1);
    }
}

Result<> ExternalSet::index_addresses() {
    std::size_t bad = 0;
    std::string first;
    for (std::size_t i = 0; i < list_->size(); ++i) {
        const std::string_view entry = (*list_)[i];
        if (entry.find('/') != std::string_view::npos) {
            if (const auto net = parse_net(entry)) {
                addresses_.add(net->address, net->prefix);
                continue;
            }
        } else if (const auto ip = parse_ip(entry)) {
            addresses_.add(*ip, ip->v6 ? 128 : 32);
            continue;
        }
        if (bad++ > 0) continue;
        first = list_->path + ":" + std::to_string(list_->line_of(i)) + ": '" + std::string(entry.substr(0, 60)) +
                "' is neither an address nor a network";
    }
    if (bad > 1) first += " (and " + std::to_string(bad - 1) + " entries more)";
    if (bad > 0) return fail(ErrorKind::invalid, std::move(first));
    addresses_.finish();
    return {};
}

bool ExternalSet::contains(const fields::Value& value) const {
    if (value.kind == fields::ValueKind::ip) return addresses_.contains(value.ip);
    if (value.kind != fields::ValueKind::text || slots_.empty()) return false;
    const std::string_view text = value.text();
    for (std::size_t at = hash(text) & (slots_.size() - 1); slots_[at] != 0; at = (at + 1) & (slots_.size() - 1))
        if ((*list_)[slots_[at] - 1] == text) return true;
    return false;
}

} // namespace gyr::match
