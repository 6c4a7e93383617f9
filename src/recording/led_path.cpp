#include "recording/led_path.h"

#include "base/path.h"

#include <cstdint>

namespace gyr::recording {
namespace {

constexpr std::int64_t kWorkingDirectory = -100; // AT_FDCWD in captures
constexpr std::string_view kWorkingDirectoryBytes("\x9c\xff\xff\xff\xff\xff\xff\xff", 8);

// The begin has the end's parameters after the result, as many as it takes.
struct Call {
    EventCode end;
    std::size_t params; // of the begin
    bool below;         // the first of them is a directory's descriptor, and the name comes after it
};
constexpr Call kCalls[] = {
    {3, 3, false},  // open
    {59, 2, false}, // creat
    {307, 4, true}, // openat
    {327, 5, true}, // openat2
};

const Call* call_of(EventCode code) {
    for (const Call& call : kCalls)
        if (call.end == code) return &call;
    return nullptr;
}

} // namespace

bool LedPath::begin_of(const Event& event, RawEvent& out) {
    const Call* call = call_of(event.code);
    if (call == nullptr || event.fd == nullptr || event.process == nullptr || !event.fd->name.starts_with('/') ||
        event.params.size() < call->params + 1 || load_param<std::int64_t>(event.params[0]) < 0)
        return false;
    const std::size_t name = call->below ? 2 : 1;
    const std::string_view asked = text_of_param(event.params[name]);
    const bool from_here =
        !call->below || asked.starts_with('/') || load_param<std::int64_t>(event.params[1]) == kWorkingDirectory;
    if (from_here) { // below another directory the reader may know it by another name
        join_path(event.process->cwd, asked, asked_);
        if (asked_ == event.fd->name) return false;
    }
    path_ = event.fd->name;
    path_ += '\0';
    for (std::size_t i = 0; i < call->params; ++i) params_[i] = event.params[i + 1];
    if (call->below) params_[0] = kWorkingDirectoryBytes;
    params_[name - 1] = path_;
    out = {};
    out.code = static_cast<EventCode>(event.code - 1);
    out.cpu = event.cpu;
    out.time = event.time;
    out.tid = event.tid;
    out.params = {params_.data(), call->params};
    return true;
}

} // namespace gyr::recording
