#include "sources/live_bpf/kernel_btf.h"

#include <bpf/btf.h>
#include <linux/btf.h>

#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace gyr {
namespace {

unsigned kind_of(const btf_type& t) { return BTF_INFO_KIND(t.info); }
std::size_t length_of(const btf_type& t) { return BTF_INFO_VLEN(t.info); }

// Of those that can lie within a structure.
bool is_known(unsigned kind) {
    switch (kind) {
    case BTF_KIND_INT:
    case BTF_KIND_PTR:
    case BTF_KIND_ARRAY:
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC_PROTO:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPE_TAG: return true;
    default: return false;
    }
}

bool is_named_kind(unsigned kind) {
    return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64 ||
           kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_INT || kind == BTF_KIND_FWD;
}

bool is_alias(unsigned kind) {
    return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_CONST ||
           kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

// Without the flavour: "inode___plain" is "inode".
std::string_view essential(std::string_view name) {
    for (std::size_t at = name.size(); at-- > 1;)
        if (name.substr(at).starts_with("___") && name[at - 1] != '_' && at + 3 < name.size() && name[at + 3] != '_')
            return name.substr(0, at);
    return name;
}

template <class T>
const T* parts_of(const btf_type& t) {
    return reinterpret_cast<const T*>(&t + 1);
}

// Calls visit for every type that lies within t, itself excepted.
template <class Visit>
void for_each_within(const btf_type& t, Visit visit) {
    const unsigned kind = kind_of(t);
    if (is_alias(kind)) visit(t.type);
    if (kind == BTF_KIND_ARRAY)
        visit(parts_of<struct btf_array>(t)->type), visit(parts_of<struct btf_array>(t)->index_type);
    if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION)
        for (std::size_t i = 0; i < length_of(t); ++i) visit(parts_of<btf_member>(t)[i].type);
}

class Builder {
  public:
    explicit Builder(const btf* kernel) : kernel_(kernel) {}

    // Numbers in the result, in the order of ids.
    void number(const std::vector<std::uint32_t>& ids) {
        for (const std::uint32_t id : ids) numbers_.emplace(id, static_cast<std::uint32_t>(numbers_.size() + 1));
    }

    void add(const btf_type& t) {
        const unsigned kind = kind_of(t);
        btf_type head = t;
        head.name_off = text(t.name_off);
        if (kind == BTF_KIND_PTR || is_alias(kind)) head.type = number_of(t.type);
        if (kind == BTF_KIND_FUNC_PROTO) head.info &= ~std::uint32_t{0xffff}, head.type = 0; // behind a pointer
        append(types_, head);
        switch (kind) {
        case BTF_KIND_INT: append(types_, *parts_of<std::uint32_t>(t)); break;
        case BTF_KIND_ARRAY: {
            struct btf_array array = *parts_of<struct btf_array>(t);
            array.type = number_of(array.type);
            array.index_type = number_of(array.index_type);
            append(types_, array);
            break;
        }
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
            for (std::size_t i = 0; i < length_of(t); ++i) {
                btf_member member = parts_of<btf_member>(t)[i];
                member.name_off = text(member.name_off);
                member.type = number_of(member.type);
                append(types_, member);
            }
            break;
        case BTF_KIND_ENUM:
            for (std::size_t i = 0; i < length_of(t); ++i) {
                struct btf_enum value = parts_of<struct btf_enum>(t)[i];
                value.name_off = text(value.name_off);
                append(types_, value);
            }
            break;
        case BTF_KIND_ENUM64:
            for (std::size_t i = 0; i < length_of(t) * 3; ++i) {
                const std::uint32_t word = parts_of<std::uint32_t>(t)[i];
                append(types_, i % 3 == 0 ? text(word) : word);
            }
            break;
        default: break;
        }
    }

    [[nodiscard]] std::vector<std::byte> finish() const {
        btf_header header{};
        header.magic = 0xeb9f;
        header.version = 1;
        header.hdr_len = sizeof header;
        header.type_len = static_cast<std::uint32_t>(types_.size());
        header.str_off = header.type_len;
        header.str_len = static_cast<std::uint32_t>(texts_.size());
        std::vector<std::byte> out;
        append(out, header);
        out.insert(out.end(), types_.begin(), types_.end());
        const auto bytes = std::as_bytes(std::span(texts_.data(), texts_.size()));
        out.insert(out.end(), bytes.begin(), bytes.end());
        return out;
    }

  private:
    template <class T>
    static void append(std::vector<std::byte>& to, const T& value) {
        const auto bytes = std::as_bytes(std::span(&value, 1));
        to.insert(to.end(), bytes.begin(), bytes.end());
    }
    // void for what was left out.
    [[nodiscard]] std::uint32_t number_of(std::uint32_t id) const {
        const auto found = numbers_.find(id);
        return found != numbers_.end() ? found->second : 0;
    }
    std::uint32_t text(std::uint32_t offset) {
        if (offset == 0) return 0;
        const auto [at, fresh] = text_at_.try_emplace(offset, static_cast<std::uint32_t>(texts_.size()));
        if (fresh) {
            texts_ += btf__name_by_offset(kernel_, offset);
            texts_ += '\0';
        }
        return at->second;
    }

    const btf* kernel_;
    std::unordered_map<std::uint32_t, std::uint32_t> numbers_, text_at_;
    std::vector<std::byte> types_;
    std::string texts_ = std::string(1, '\0');
};

} // namespace

ReducedTypes reduce_types(const btf* kernel, const btf* named) {
    std::unordered_set<std::string_view> names;
    for (std::uint32_t id = 1; id < btf__type_cnt(named); ++id) {
        const btf_type* t = btf__type_by_id(named, id);
        if (is_named_kind(kind_of(*t)) && t->name_off != 0)
            names.insert(essential(btf__name_by_offset(named, t->name_off)));
    }
    ReducedTypes out;
    std::vector<bool> kept(btf__type_cnt(kernel));
    std::vector<std::uint32_t> open;
    const auto keep = [&](std::uint32_t id) {
        if (id == 0 || id >= kept.size() || kept[id]) return;
        kept[id] = true;
        open.push_back(id);
    };
    for (std::uint32_t id = 1; id < kept.size(); ++id) {
        const btf_type* t = btf__type_by_id(kernel, id);
        if (!is_named_kind(kind_of(*t)) || t->name_off == 0) continue;
        const std::string_view name = btf__name_by_offset(kernel, t->name_off);
        if (!names.contains(essential(name))) continue;
        keep(id);
        if (kind_of(*t) == BTF_KIND_STRUCT) out.structs.emplace(name, id);
    }
    while (!open.empty()) {
        const btf_type* t = btf__type_by_id(kernel, open.back());
        open.pop_back();
        if (!is_known(kind_of(*t))) return {};
        for_each_within(*t, keep);
    }
    std::vector<std::uint32_t> ids;
    for (std::uint32_t id = 1; id < kept.size(); ++id)
        if (kept[id]) ids.push_back(id);
    Builder builder(kernel);
    builder.number(ids);
    for (const std::uint32_t id : ids) builder.add(*btf__type_by_id(kernel, id));
    out.bytes = builder.finish();
    return out;
}

} // namespace gyr
