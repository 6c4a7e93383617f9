#include "playback/bench_mixed.h"

#include "capfile/cursor.h"
#include "capfile/format.h"
#include "capfile/input.h"

#include <fstream>

namespace gyr::playback {
namespace {

struct Parts {
    std::string begin;  // blocks that tell what was there
    std::string events; // blocks of events, with what comes between them
    std::uint64_t count = 0;
};

Result<Parts> read_parts(const std::string& path) {
    auto in = capfile::Input::open(path);
    if (!in) return std::unexpected(in.error());
    Parts parts;
    while (in->ensure(capfile::kBlockHead)) {
        const auto number = capfile::load<std::uint32_t>(in->data());
        const auto length = capfile::load<std::uint32_t>(in->data() + 4);
        if (length < capfile::kBlockHead + capfile::kBlockTail || !in->ensure(length)) break;
        const capfile::BlockType* type = capfile::find_block_type(number);
        const bool event = type != nullptr && type->kind == capfile::BlockKind::event;
        (event || parts.count > 0 ? parts.events : parts.begin).append(in->data(), length);
        parts.count += event ? 1 : 0;
        in->consume(length);
    }
    return parts;
}

} // namespace

Result<> write_mixed(const std::string& path, const std::vector<std::string>& captures, std::uint64_t events) {
    std::ofstream out(path, std::ios::binary);
    for (const std::string& capture : captures) {
        const auto parts = read_parts(capture);
        if (!parts) return std::unexpected(parts.error());
        if (parts->count == 0) continue;
        out << parts->begin;
        for (std::uint64_t written = 0; written < events; written += parts->count) out << parts->events;
    }
    out.close();
    return out ? Result<>{} : fail(ErrorKind::io, "cannot write " + path);
}

} // namespace gyr::playback
