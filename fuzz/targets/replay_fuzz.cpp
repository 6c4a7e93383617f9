// From bytes to events that rules could look at: reader, upgrade and state together. Bytes that begin with 'E' are
// events written tightly instead of a capture, so that the state is reached without a file's frame around each event.
#include "capfile/reader.h"
#include "event/schema.h"
#include "replay/tell.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

using namespace gyr;

namespace {

constexpr replay::ReplayState::Options kSmall{
    .max_threads = 1000, .fd_budget_bytes = 1 << 20, .image_budget_bytes = 1 << 20};
// What one input may add beyond the budgets: they are looked at before something is kept, not after.
constexpr std::size_t kSlack = 1 << 20;

std::uint64_t seen = 0; // so that reading is not left out

void check(bool holds) {
    if (!holds) std::abort();
}

std::uint64_t sum_of(std::string_view bytes) {
    std::uint64_t sum = bytes.size();
    for (const char c : bytes) sum = sum * 31 + static_cast<unsigned char>(c);
    return sum;
}

// Reads everything an event leads to.
void look(const replay::ReplayState& state, const Event& e) {
    std::uint64_t sum = 0;
    if (e.fd) sum += sum_of(e.fd->name) + sum_of(e.fd->name_raw);
    for (std::int64_t number = 0; number < 3; ++number)
        if (const FdInfo* fd = e.fds->find_fd(number)) sum += sum_of(fd->name);
    const ProcessImage* p = e.process.get();
    for (int i = 0; p && i < 64; ++i, p = state.processes().find(p->parent)) {
        check(p->exec && p->cgroups);
        for (std::size_t n = 0; n < p->exec->argv.size(); ++n) sum += sum_of(p->exec->argv[n]);
        sum += sum_of(p->comm) + sum_of(p->cwd) + sum_of(p->root) + p->exec->env.size();
        if (const UserEntry* user = state.users().user(*p, p->credentials.uid).entry) sum += sum_of(user->name);
    }
    check(e.thread != nullptr);
    seen = seen * 31 + sum;
}

void finish(const replay::ReplayState& state) {
    const auto stats = state.stats();
    check(stats.threads <= kSmall.max_threads && stats.groups <= stats.threads);
    check(stats.fd_bytes <= kSmall.fd_budget_bytes + kSlack);
}

void replay_capture(std::span<const std::byte> bytes) {
    auto reader = capfile::Reader::from_bytes(bytes);
    if (!reader) return;
    replay::ReplayState state(kSmall);
    for (auto item = reader->next(); item != capfile::Item::end; item = reader->next())
        if (!replay::tell(state, *reader, item) && item == capfile::Item::event)
            look(state, *state.on_event(reader->event()));
    finish(state);
}

// code (2 bytes), thread, number of parameters; for each its length and bytes.
void replay_events(std::span<const std::uint8_t> in) {
    replay::ReplayState state(kSmall);
    Nanos time = 1;
    const auto byte = [&]() -> std::uint8_t {
        if (in.empty()) return 0;
        const std::uint8_t b = in.front();
        in = in.subspan(1);
        return b;
    };
    while (!in.empty()) {
        RawEvent raw;
        raw.code = static_cast<EventCode>(byte() | (byte() << 8));
        raw.code = static_cast<EventCode>(raw.code % event_schema().size());
        raw.tid = byte();
        raw.time = time += 100'000'000;
        std::array<std::string_view, kMaxParams> params;
        const std::size_t count = byte() % (event_schema()[raw.code].params.size() + 1);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t length = std::min<std::size_t>(byte(), in.size());
            params[i] = {reinterpret_cast<const char*>(in.data()), length};
            in = in.subspan(length);
        }
        raw.params = std::span(params).first(count);
        look(state, *state.on_event(raw));
    }
    finish(state);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span bytes(data, size);
    if (!bytes.empty() && bytes.front() == 'E')
        replay_events(bytes.subspan(1));
    else
        replay_capture(std::as_bytes(bytes));
    return 0;
}
