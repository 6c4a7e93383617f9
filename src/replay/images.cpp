#include "replay/images.h"

#include "base/path.h"
#include "containers/cgroup_id.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace gyr::replay {

namespace {

constexpr std::size_t kShortArgs = 256;          // bytes of arguments kept when memory is short
constexpr std::size_t kRememberedBytes = 16'384; // of an environment, at most
constexpr std::size_t kCgroupSetsMax = 8192;     // distinct sets remembered
constexpr std::size_t kCgroupBytesMax = 32U << 20;

std::string_view without_last_nul(std::string_view items) {
    if (!items.empty() && items.back() == '\0') items.remove_suffix(1);
    return items;
}

void find_offsets(ItemList& list) {
    constexpr std::size_t kUsual = 24; // bytes of an item
    list.offsets.reserve(list.bytes.size() / kUsual + 2);
    list.offsets.push_back(0);
    const char* begin = list.bytes.data();
    const char* end = begin + list.bytes.size();
    for (const char* at = begin; at != end;) {
        const void* nul = std::memchr(at, '\0', static_cast<std::size_t>(end - at));
        if (nul == nullptr) break;
        at = static_cast<const char*>(nul) + 1;
        list.offsets.push_back(static_cast<std::uint32_t>(at - begin));
    }
    list.total_bytes = list.bytes.size();
}

ItemList argv_of(std::string_view exe, std::string_view args) {
    ItemList list;
    list.bytes.reserve(exe.size() + 1 + args.size());
    list.bytes = exe;
    // A lone NUL is what is left of a command line that the program wiped, not an empty argument.
    if (args = without_last_nul(args); !args.empty()) {
        list.bytes += '\0';
        list.bytes += args;
    }
    find_offsets(list);
    return list;
}

ItemList items_of(std::string_view items) {
    ItemList list;
    if (items.empty()) return list;
    list.bytes = without_last_nul(items);
    find_offsets(list);
    return list;
}

bool same_argv(const ItemList& argv, std::string_view exe, std::string_view args) {
    const std::string_view bytes = argv.bytes;
    args = without_last_nul(args);
    if (args.empty()) return bytes == exe;
    return bytes.size() == exe.size() + 1 + args.size() && bytes.starts_with(exe) && bytes[exe.size()] == '\0' &&
           bytes.ends_with(args);
}

std::size_t cost(const ItemList& list) {
    return sizeof list + list.bytes.size() + list.offsets.size() * sizeof(std::uint32_t);
}
std::size_t cost(const ExecImage& e) { // the environment counts for itself
    return sizeof e + e.exe_path.size() + e.argv.bytes.size() + e.argv.offsets.size() * sizeof(std::uint32_t);
}
std::size_t cost(const std::vector<CgroupInfo>& paths) {
    std::size_t n = paths.size() * sizeof(CgroupInfo);
    for (const CgroupInfo& c : paths) n += c.subsystem.size() + c.path.size();
    return n;
}

// What is counted for as long as anyone holds it.
template <class T>
struct Metered {
    using Meter = std::shared_ptr<std::atomic<std::uint64_t>>;
    Metered(T&& what, const Meter& by) : value(std::move(what)), meter(by), bytes(cost(value)) {
        meter->fetch_add(bytes, std::memory_order_relaxed);
    }
    ~Metered() { meter->fetch_sub(bytes, std::memory_order_relaxed); }
    Metered(const Metered&) = delete;
    Metered& operator=(const Metered&) = delete;

    T value;
    Meter meter;
    std::uint64_t bytes;
};
template <class T>
std::shared_ptr<const T> metered(T&& value, const std::shared_ptr<std::atomic<std::uint64_t>>& meter) {
    const auto held = std::make_shared<Metered<T>>(std::move(value), meter);
    return {held, &held->value};
}

// Where an environment is remembered: by its length and its end, where a shell has the name of the program.
std::size_t slot_of(std::string_view items, std::size_t slots) {
    std::uint64_t end = 0;
    std::memcpy(&end, items.data() + items.size() - std::min(items.size(), sizeof end),
                std::min(items.size(), sizeof end));
    return static_cast<std::size_t>(((end ^ items.size()) * 0x9e3779b97f4a7c15ULL) >> 32) % slots;
}

// Events have the kernel's names of controllers ("mem_cgroup", "io"), lists those of /proc.
std::string_view full_name(std::string_view controller) {
    constexpr std::string_view kSuffix = "_cgroup";
    if (controller.ends_with(kSuffix)) controller.remove_suffix(kSuffix.size());
    if (controller == "mem") return "memory";
    if (controller == "io") return "blkio";
    if (controller == "perf") return "perf_event";
    return controller;
}

std::vector<CgroupInfo> parse_cgroups(std::string_view items) {
    std::vector<CgroupInfo> out;
    while (!items.empty()) {
        const std::size_t end = std::min(items.find('\0'), items.size());
        const std::string_view item = items.substr(0, end);
        items.remove_prefix(std::min(end + 1, items.size()));
        if (item.empty()) continue;
        // A controller may hold '=' itself ("name=systemd=/…"); a path begins with '/'.
        std::size_t split = item.find("=/");
        if (split == std::string_view::npos) split = item.find('=');
        if (split == std::string_view::npos || item.size() - split > kMaxPath) continue;
        out.push_back({std::string(full_name(item.substr(0, split))), std::string(item.substr(split + 1))});
    }
    return out;
}

// What a capture of ours tells of the container where the cgroups do not; it is not one of them.
std::optional<std::string> take_membership(std::vector<CgroupInfo>& cgroups) {
    if (cgroups.empty() || cgroups.back().subsystem != kMembershipController || cgroups.back().path.size() < 2)
        return std::nullopt;
    std::string id = cgroups.back().path.substr(1);
    cgroups.pop_back();
    return id;
}

} // namespace

ImageMaker::ImageMaker(std::size_t budget_bytes, Containers& containers)
    : budget_(budget_bytes), containers_(containers), bytes_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      cgroup_bytes_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      no_cgroups_(std::make_shared<const std::vector<CgroupInfo>>()) {
    unknown_exec_ = make_exec({.exe = "<NA>", .args = {}, .env = {}, .exe_path = {}, .file = {}}, 0);
}

std::shared_ptr<ProcessImage> ImageMaker::make() const {
    auto image = std::make_shared<ProcessImage>();
    image->generation = ++generation_;
    image->cgroups = no_cgroups_;
    image->exec = unknown_exec_;
    return image;
}

std::shared_ptr<ProcessImage> ImageMaker::copy(const ProcessImage& image) const {
    auto made = std::make_shared<ProcessImage>(image);
    made->generation = ++generation_;
    return made;
}

std::shared_ptr<const ExecImage> ImageMaker::make_exec(const ExecText& text, Nanos time) {
    const bool tight = bytes() > budget_;
    if (tight) ++trimmed_;
    ExecImage e;
    e.exe_path = text.exe_path.substr(0, kMaxPath);
    e.exe_file = text.file;
    if (tight && text.exe.size() + text.args.size() > kShortArgs) {
        const std::string_view exe = text.exe.substr(0, kShortArgs);
        e.argv = argv_of(exe, text.args.substr(0, kShortArgs - exe.size()));
        e.argv.truncated = true;
    } else {
        e.argv = argv_of(text.exe, text.args);
    }
    const std::size_t args_bytes = without_last_nul(text.args).size();
    e.argv.total_bytes = text.exe.size() + (args_bytes == 0 ? 0 : 1 + args_bytes);
    e.env = environment(text.env, tight);
    e.exec_time = time;
    return metered(std::move(e), bytes_);
}

SharedItems ImageMaker::environment(std::string_view items, bool tight) {
    const std::string_view bytes = without_last_nul(items);
    if (bytes.empty()) return items_of(items);
    if (tight) {
        ItemList none;
        none.truncated = true;
        none.total_bytes = bytes.size();
        return none;
    }
    std::shared_ptr<const ItemList>& last = environments_[slot_of(bytes, environments_.size())];
    if (last && last->bytes == bytes) return last;
    std::shared_ptr<const ItemList> made = metered(items_of(items), bytes_);
    if (bytes.size() <= kRememberedBytes) last = made;
    return made;
}

std::shared_ptr<const ExecImage> ImageMaker::exec_with(const std::shared_ptr<const ExecImage>& from,
                                                       std::string_view exe, std::string_view args) {
    if (exe.empty() || same_argv(from->argv, exe, args)) return from;
    return make_exec(
        {.exe = exe, .args = args, .env = from->env->bytes, .exe_path = from->exe_path, .file = from->exe_file},
        from->exec_time);
}

std::shared_ptr<const ExecImage> ImageMaker::exec_with_env(const std::shared_ptr<const ExecImage>& own,
                                                           const std::shared_ptr<const ExecImage>& other) {
    if (own->argv.bytes == other->argv.bytes && own->exe_path == other->exe_path && own->exe_file == other->exe_file)
        return other;
    if (own->env->bytes == other->env->bytes) return own;
    ExecImage made = *own;
    made.env = other->env;
    return metered(std::move(made), bytes_);
}

ImageMaker::CgroupSet ImageMaker::cgroup_set(std::string_view items) {
    CgroupSet set;
    std::vector<CgroupInfo> paths = parse_cgroups(items);
    const std::optional<std::string> member = take_membership(paths);
    if (!member)
        set.container = containers_.of_cgroups(paths);
    else if (*member != kHostMembership)
        set.container = containers_.of_id(*member);
    if (cgroup_bytes_->load(std::memory_order_relaxed) > kCgroupBytesMax) {
        ++trimmed_;
        set.paths = no_cgroups_;
    } else {
        paths.shrink_to_fit();
        set.paths = metered(std::move(paths), cgroup_bytes_);
    }
    return set;
}

void ImageMaker::set_cgroups(ProcessImage& image, std::string_view items) {
    if (!last_cgroups_ || last_cgroups_->first != items) { // mostly those of the process before
        auto found = cgroups_.find(items);
        if (found == cgroups_.end()) {
            // Those that only this table still holds go first.
            if (cgroups_.size() >= kCgroupSetsMax || cgroup_text_ > kCgroupBytesMax ||
                cgroup_bytes_->load(std::memory_order_relaxed) > kCgroupBytesMax)
                cgroups_.clear(), cgroup_text_ = 0;
            cgroup_text_ += items.size();
            found = cgroups_.emplace(items, cgroup_set(items)).first;
        }
        last_cgroups_ = &*found;
    }
    image.cgroups = last_cgroups_->second.paths;
    image.container = last_cgroups_->second.container;
    image.origin = first_container(image.origin, image.container);
}

} // namespace gyr::replay
