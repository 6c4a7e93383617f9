// Types are made by libbpf, and what was left of them is read by it again.

#include "sources/live_bpf/kernel_btf.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace gyr {
namespace {

using Types = std::unique_ptr<btf, decltype(&btf__free)>;

Types make() { return {btf__new_empty(), &btf__free}; }

Types read(const ReducedTypes& reduced) {
    return {btf__new(reduced.bytes.data(), static_cast<unsigned>(reduced.bytes.size())), &btf__free};
}

int find(const Types& types, const char* name, unsigned kind) {
    return btf__find_by_name_kind(types.get(), name, kind);
}

TEST(KernelTypes, KeepWhatIsNamedWithAllThatLiesWithin) {
    const Types kernel = make();
    const int number = btf__add_int(kernel.get(), "int", 4, BTF_INT_SIGNED);
    const int letters = btf__add_array(kernel.get(), number, number, 16);
    btf__add_struct(kernel.get(), "unrelated", 4);
    btf__add_field(kernel.get(), "x", number, 0, 0);
    const int inner = btf__add_struct(kernel.get(), "inner", 8);
    btf__add_field(kernel.get(), "a", number, 0, 0);
    btf__add_field(kernel.get(), "bits", number, 32, 3);
    const int alias = btf__add_typedef(kernel.get(), "inner_t", inner);
    const int far = btf__add_struct(kernel.get(), "far", 4);
    btf__add_field(kernel.get(), "y", number, 0, 0);
    const int pointer = btf__add_ptr(kernel.get(), far);
    const int outer = btf__add_struct(kernel.get(), "outer", 80);
    btf__add_field(kernel.get(), "name", letters, 0, 0);
    btf__add_field(kernel.get(), "in", alias, 512, 0);
    btf__add_field(kernel.get(), "far", pointer, 576, 0);

    const Types named = make();
    btf__add_struct(named.get(), "outer___some_kernels", 0);
    btf__add_struct(named.get(), "not_there", 0);

    const ReducedTypes reduced = reduce_types(kernel.get(), named.get());
    ASSERT_EQ(reduced.structs.size(), 1u);
    EXPECT_EQ(reduced.structs.at("outer"), static_cast<unsigned>(outer));

    const Types left = read(reduced);
    ASSERT_NE(left, nullptr);
    EXPECT_LT(find(left, "unrelated", BTF_KIND_STRUCT), 0);
    EXPECT_LT(find(left, "far", BTF_KIND_STRUCT), 0);
    const int at = find(left, "outer", BTF_KIND_STRUCT);
    ASSERT_GT(at, 0);
    const btf_type* type = btf__type_by_id(left.get(), static_cast<unsigned>(at));
    ASSERT_EQ(btf_vlen(type), 3);
    EXPECT_EQ(type->size, 80u);
    const btf_member* members = btf_members(type);
    EXPECT_STREQ(btf__name_by_offset(left.get(), members[1].name_off), "in");
    EXPECT_EQ(btf_member_bit_offset(type, 1), 512u);
    const struct btf_array* array = btf_array(btf__type_by_id(left.get(), members[0].type));
    EXPECT_EQ(array->nelems, 16u);
    EXPECT_EQ(static_cast<int>(array->type), find(left, "int", BTF_KIND_INT));
    const btf_type* in =
        btf__type_by_id(left.get(), static_cast<unsigned>(btf__resolve_type(left.get(), members[1].type)));
    EXPECT_STREQ(btf__name_by_offset(left.get(), in->name_off), "inner");
    EXPECT_EQ(btf_member_bitfield_size(in, 1), 3u);
    const btf_type* to = btf__type_by_id(left.get(), members[2].type);
    EXPECT_TRUE(btf_is_ptr(to));
    EXPECT_EQ(to->type, 0u); // to nothing
}

TEST(KernelTypes, ANameIsWholeAndAFlavourIsNot) {
    const Types kernel = make();
    btf__add_struct(kernel.get(), "inode", 8);
    btf__add_struct(kernel.get(), "inode__x", 8);
    btf__add_struct(kernel.get(), "inodes", 8);
    const Types named = make();
    btf__add_struct(named.get(), "inode___plain", 0);
    const ReducedTypes reduced = reduce_types(kernel.get(), named.get());
    EXPECT_EQ(reduced.structs.size(), 1u);
    EXPECT_TRUE(reduced.structs.contains("inode"));
}

TEST(KernelTypes, OfTwoOfOneNameBothAreLeft) {
    const Types kernel = make();
    const int first = btf__add_struct(kernel.get(), "twice", 8);
    btf__add_struct(kernel.get(), "twice", 16);
    const Types named = make();
    btf__add_struct(named.get(), "twice", 0);
    const ReducedTypes reduced = reduce_types(kernel.get(), named.get());
    EXPECT_EQ(reduced.structs.at("twice"), static_cast<unsigned>(first));
    EXPECT_EQ(btf__type_cnt(read(reduced).get()), 3u); // void counts
}

} // namespace
} // namespace gyr
