#pragma once
// Numbers of the capture format: blocks, their versions, limits. Everything is little-endian and packed.
//
// A block: type u32, length u32 (of all of it), body, zeros up to a multiple of four, the length again.

#include <array>
#include <cstddef>
#include <cstdint>

namespace gyr::capfile {

inline constexpr std::uint32_t kSectionBlock = 0x0a0d0d0a;
inline constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d, kSwappedMagic = 0x4d3c2b1a;
inline constexpr std::uint16_t kMajorVersion = 1, kMinorVersion = 2;

// What the writer emits.
inline constexpr std::uint32_t kMachineBlock = 0x201, kThreadsBlock = 0x215, kFdsBlock = 0x218,
                               kInterfacesBlock = 0x219, kUsersBlock = 0x220, kEventBlock = 0x216,
                               kEventFlagsBlock = 0x217, kLargeEventBlock = 0x221, kLargeEventFlagsBlock = 0x222;

inline constexpr std::size_t kBlockHead = 8, kBlockTail = 4;
inline constexpr std::size_t kMachineBody = 180, kHostname = 128;
inline constexpr std::size_t kEventHeadV1 = 22, kEventHeadV2 = 26;
inline constexpr std::size_t kMaxEventBody = 65536; // with the trailer, of blocks that are not large
inline constexpr std::size_t kMaxLargeEvent = std::size_t{16} * 1024 * 1024; // whole block
inline constexpr std::size_t kMaxEntry = std::size_t{2} * 1024 * 1024;       // of a list: what is kept in view for one

inline constexpr std::uint32_t kDumpFlagStateOnly = 1, kDumpFlagLarge = 4; // the second is never on file

enum class BlockKind : std::uint8_t { section, machine, interfaces, users, threads, fds, event };

struct BlockType {
    std::uint32_t number;
    BlockKind kind;
    std::uint8_t version; // of the list or of the event header
    bool flags = false;   // event: with dump flags
    bool large = false;   // event: may be longer than 64 KiB
};

inline constexpr std::array kBlockTypes = {
    BlockType{kSectionBlock, BlockKind::section, 1},
    BlockType{kMachineBlock, BlockKind::machine, 1},
    BlockType{0x8002abcd, BlockKind::machine, 1},
    BlockType{0x202, BlockKind::threads, 1},
    BlockType{0x8000abcd, BlockKind::threads, 1},
    BlockType{0x207, BlockKind::threads, 2},
    BlockType{0x8013abcd, BlockKind::threads, 2},
    BlockType{0x209, BlockKind::threads, 3},
    BlockType{0x8014abcd, BlockKind::threads, 3},
    BlockType{0x210, BlockKind::threads, 4},
    BlockType{0x211, BlockKind::threads, 5},
    BlockType{0x212, BlockKind::threads, 6},
    BlockType{0x213, BlockKind::threads, 7},
    BlockType{0x214, BlockKind::threads, 8},
    BlockType{kThreadsBlock, BlockKind::threads, 9},
    BlockType{0x203, BlockKind::fds, 1},
    BlockType{0x8001abcd, BlockKind::fds, 1},
    BlockType{kFdsBlock, BlockKind::fds, 2},
    BlockType{0x205, BlockKind::interfaces, 1},
    BlockType{0x8011abcd, BlockKind::interfaces, 1},
    BlockType{kInterfacesBlock, BlockKind::interfaces, 2},
    BlockType{0x206, BlockKind::users, 1},
    BlockType{0x8012abcd, BlockKind::users, 1},
    BlockType{kUsersBlock, BlockKind::users, 2},
    BlockType{0x204, BlockKind::event, 1},
    BlockType{0x8010abcd, BlockKind::event, 1},
    BlockType{kEventBlock, BlockKind::event, 2},
    BlockType{kLargeEventBlock, BlockKind::event, 2, false, true},
    BlockType{0x208, BlockKind::event, 1, true},
    BlockType{kEventFlagsBlock, BlockKind::event, 2, true},
    BlockType{kLargeEventFlagsBlock, BlockKind::event, 2, true, true},
};

[[nodiscard]] constexpr const BlockType* find_block_type(std::uint32_t number) {
    for (const BlockType& type : kBlockTypes)
        if (type.number == number) return &type;
    return nullptr;
}

} // namespace gyr::capfile
