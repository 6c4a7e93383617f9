#pragma once
// The entries of a list file (items_file), indexed by what they are compared with. Built once a matcher, shared by the
// conditions that name the list; a look-up costs the same whatever the number of entries.

#include "base/result.h"
#include "fields/value.h"
#include "lang/ast.h"
#include "lang/field_catalog.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace gyr::match {

// Addresses and networks: for each length of prefix that occurs, a hash set of what is left of the addresses.
class AddressSet {
  public:
    void add(const fields::IpAddress& address, unsigned prefix); // before finish
    void finish();
    [[nodiscard]] bool contains(const fields::IpAddress& address) const;

  private:
    using Key = std::array<std::uint64_t, 2>; // the masked address, IPv4 in the first half
    struct Length {
        bool v6 = false;
        unsigned prefix = 0;
        bool has_zero = false;         // the address of only zeros, which marks a free slot
        std::vector<Key> members;      // before finish
        std::vector<std::uint32_t> v4; // open addressing, power of two
        std::vector<Key> v6_slots;     // likewise
    };
    static Key masked(const fields::IpAddress& address, unsigned prefix);
    std::vector<Length> lengths_;
};

class ExternalSet {
  public:
    // Texts are members as they stand; for addresses and networks an entry is either ("10.0.0.1", "10.0.0.0/8", IPv6
    // too). The error names file and line of the first entry that is neither.
    [[nodiscard]] static Result<std::shared_ptr<const ExternalSet>> make(std::shared_ptr<const lang::ExternalList> list,
                                                                         lang::TypeClass type_class);
    [[nodiscard]] bool contains(const fields::Value& value) const;
    // Whether type_class is one whose lists may live in a file.
    [[nodiscard]] static bool takes(lang::TypeClass type_class);

  private:
    explicit ExternalSet(std::shared_ptr<const lang::ExternalList> list) : list_(std::move(list)) {}
    void index_texts();
    Result<> index_addresses();

    std::shared_ptr<const lang::ExternalList> list_;
    std::vector<std::uint32_t> slots_; // of texts: open addressing, power of two; entry + 1, 0 is free
    AddressSet addresses_;
};

} // namespace gyr::match
