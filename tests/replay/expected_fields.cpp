#include "expected_fields.h"

#include "base/test_data.h"
#include "capfile/reader.h"
#include "event/schema.h"
#include "replay/tell.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <unordered_map>
#include <zlib.h>

namespace gyr::test {

namespace {

// One line of a gzip file after the other.
class GzipLines {
  public:
    explicit GzipLines(const std::string& path) : file_(gzopen(path.c_str(), "rb")) {}
    ~GzipLines() {
        if (file_) gzclose(file_);
    }
    GzipLines(const GzipLines&) = delete;
    GzipLines& operator=(const GzipLines&) = delete;

    bool next(std::string& line) {
        line.clear();
        char buffer[65536];
        while (file_ && gzgets(file_, buffer, sizeof buffer)) {
            line += buffer;
            if (line.back() == '\n') return true;
        }
        return !line.empty();
    }

  private:
    gzFile file_;
};

// What names an event in both: the number it has differs from reader to reader.
std::string key_of(std::uint64_t time, std::int64_t tid, std::string_view type, std::string_view direction) {
    return std::to_string(time) + ' ' + std::to_string(tid) + ' ' + std::string(type) + std::string(direction);
}

// evt.type: a system call without an event of its own is told by its number.
std::string_view type_name(const Event& e, const EventInfo& info) {
    if (info.params.empty() || info.params[0].type != ParamType::syscallid) return info.name;
    const std::string_view call = syscall_name(generic_call(e.params));
    return call.empty() ? info.name : call;
}

// The values by event, those of events of one name in their order.
std::unordered_map<std::string, std::deque<nlohmann::json>> read_values(const std::string& path, std::size_t step) {
    std::unordered_map<std::string, std::deque<nlohmann::json>> all;
    GzipLines lines(path);
    std::string line;
    for (std::size_t i = 0; lines.next(line); ++i) {
        if (i % step != 0) continue;
        nlohmann::json v = nlohmann::json::parse(line, nullptr, false);
        if (!v.is_object()) continue;
        all[key_of(v.value("evt.rawtime", std::uint64_t{0}), v.value("thread.tid", std::int64_t{-1}),
                   v.value("evt.type", ""), v.value("evt.dir", ""))]
            .push_back(std::move(v));
    }
    return all;
}

} // namespace

std::vector<ExpectedCapture> expected_captures() {
    const std::string root = test_data_dir();
    std::vector<ExpectedCapture> all;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(root + "/captures/expected-fields", error)) {
        ExpectedCapture c;
        c.values_path = entry.path().string();
        c.name = entry.path().filename().string();
        if (!c.name.ends_with(".jsonl.gz")) continue;
        c.name.resize(c.name.size() - std::string_view(".jsonl.gz").size());
        c.capture_path = root + "/captures/" + c.name;
        if (std::filesystem::exists(c.capture_path)) all.push_back(std::move(c));
    }
    std::ranges::sort(all, {}, &ExpectedCapture::name);
    return all;
}

bool begins(const nlohmann::json& values, const char* name, std::string_view with) {
    const auto value = values.find(name);
    return value != values.end() && value->is_string() && value->get_ref<const std::string&>().starts_with(with);
}

bool of_podman(const nlohmann::json& values) {
    const auto cgroups = values.find("thread.cgroups");
    return cgroups != values.end() && cgroups->is_string() &&
           cgroups->get_ref<const std::string&>().find("/libpod-") != std::string::npos;
}

bool of_open_below_descriptor(const nlohmann::json& values) {
    return begins(values, "evt.type", "openat") && begins(values, "evt.arg[1]", "<") &&
           !begins(values, "evt.arg[1]", "<NA>") && !begins(values, "fs.path.nameraw", "/");
}

Walk walk(const ExpectedCapture& capture, std::size_t step,
          const std::function<void(const Event&, const replay::ReplayState&, const nlohmann::json&)>& visit) {
    Walk result;
    auto reader = capfile::Reader::open(capture.capture_path);
    if (!reader) return result;
    auto values = read_values(capture.values_path, step);
    for (const auto& [key, all] : values) result.expected += all.size();
    replay::ReplayState state;
    for (;;) {
        const capfile::Item item = reader->next();
        if (item == capfile::Item::end) break;
        if (replay::tell(state, *reader, item) || item != capfile::Item::event) continue;
        const Event* e = state.on_event(reader->event());
        const EventInfo* info = find_event(e->code);
        if (!info) continue;
        const auto found = values.find(key_of(static_cast<std::uint64_t>(e->time), e->tid, type_name(*e, *info),
                                              info->direction == EventDirection::enter ? ">" : "<"));
        if (found == values.end()) continue;
        ++result.met;
        visit(*e, state, found->second.front());
        found->second.pop_front();
        if (found->second.empty()) values.erase(found);
    }
    for (const auto& [key, all] : values) result.missed.push_back(key);
    return result;
}

} // namespace gyr::test
