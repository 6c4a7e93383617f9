// Every path that an event has is walked, or here is said why not.

#include "event/path_calls.h"

#include "event/schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace gyr {
namespace {

struct NotWalked {
    std::string_view event, param, why;
};
constexpr NotWalked kNotWalked[] = {
    {"pivot_root", "path", "nothing is where the path said once the roots have changed places"},
    {"execve", "trusted_exepath", "the kernel's own, of the program that runs"},
    {"execve", "filename", "likewise; a failed one has found nothing"},
    {"execveat", "trusted_exepath", "the kernel's own, of the program that runs"},
    {"chdir", "path", "where it led is the working directory"},
    {"getcwd", "path", "the kernel's own"},
    {"symlink", "target", "a text that is kept, whatever it leads to"},
    {"symlinkat", "target", "a text that is kept, whatever it leads to"},
    {"mount", "dev", "as often the name of no file"},
    {"quotactl", "special", "a device's name, beside a file whose path the kernel makes anew"},
    {"quotactl", "quotafilepath", "the kernel's answer as often as the caller's question"},
};
// What parameters that are paths are called where their type does not say so.
const std::set<std::string_view> kPathNames = {"path",    "filename", "pathname",      "oldpath",
                                               "newpath", "linkpath", "linkname",      "target",
                                               "dir",     "dev",      "quotafilepath", "special"};

bool is_path(const ParamInfo& p) {
    return p.type == ParamType::fspath || p.type == ParamType::fsrelpath ||
           (p.type == ParamType::charbuf && kPathNames.contains(p.name));
}

std::vector<EventInfo> told_live() {
    std::vector<EventInfo> out;
    for (const EventInfo& e : event_schema()) {
        const bool of_call = e.direction == EventDirection::exit && e.kind == EventKind::syscall;
        if (of_call && is_live_event(e.code) && e.code != kGenericExit) out.push_back(e);
    }
    out.insert(out.end(), generic_schema().begin(), generic_schema().end());
    return out;
}

// Parameters of the event all of whose numbers are this one; a generic event's call comes first.
class Params {
  public:
    Params(const EventInfo& e, std::uint64_t number) : number_(number), list_(e.params.size(), view(number_)) {
        if (e.code != kGenericExit) return;
        const auto call = std::ranges::find(syscall_table(), e.name, &SyscallInfo::name);
        id_ = call->number;
        list_[0] = {reinterpret_cast<const char*>(&id_), sizeof id_};
    }
    [[nodiscard]] std::span<const std::string_view> list() const { return list_; }

  private:
    static std::string_view view(const std::uint64_t& n) { return {reinterpret_cast<const char*>(&n), sizeof n}; }
    std::uint64_t number_;
    std::uint16_t id_ = 0;
    std::vector<std::string_view> list_;
};

TEST(PathCalls, EveryPathIsWalkedOrItIsSaidWhyNot) {
    std::set<const NotWalked*> said;
    for (const EventInfo& e : told_live()) {
        const PathCall* call = find_path_call(e.code, Params(e, 0).list());
        std::size_t walked = 0;
        for (const ParamInfo& p : e.params) {
            if (!is_path(p) || (e.flags & kCreatesFd) != 0) continue; // the kernel tells where an open led
            const auto* why = std::ranges::find_if(
                kNotWalked, [&](const NotWalked& n) { return n.event == e.name && n.param == p.name; });
            if (why != std::end(kNotWalked))
                said.insert(why);
            else
                ++walked;
        }
        const std::size_t known = call == nullptr                        ? 0
                                  : call->second == PathCall::Last::none ? std::size_t{1}
                                                                         : std::size_t{2};
        EXPECT_EQ(known, walked) << e.name;
    }
    for (const NotWalked& n : kNotWalked)
        EXPECT_TRUE(said.contains(&n)) << n.event << ' ' << n.param << ": no such path";
}

TEST(PathCalls, AFlagThatDecidesIsAParameterThatTheEventHas) {
    std::size_t with_flag = 0;
    for (const EventInfo& e : told_live()) {
        const PathCall* call = find_path_call(e.code, Params(e, 0).list());
        if (call == nullptr || call->flag == 0) continue;
        ASSERT_GE(call->flags, 0) << e.name;
        const ParamInfo& p = e.params[static_cast<std::size_t>(call->flags)];
        const auto flags = flag_table(p.info);
        for (const bool second : {false, true}) {
            const std::uint32_t bit = second ? call->second_flag : call->flag;
            if (bit == 0) continue;
            ++with_flag;
            const auto flag = std::ranges::find(flags, bit, &FlagInfo::value);
            ASSERT_NE(flag, flags.end()) << e.name << ' ' << p.info;
            const auto has = [&flag](std::string_view part) { return flag->name.find(part) != std::string_view::npos; };
            EXPECT_TRUE(has("FOLLOW") || has("SYMLINKS")) << e.name << ' ' << flag->name;
            const bool not_followed = has("NOFOLLOW") || has("DONT_FOLLOW");
            const auto follows = [&](std::uint64_t value) {
                const Params params(e, value);
                return second ? call->follows_second(params.list()) : call->follows_first(params.list());
            };
            EXPECT_EQ(follows(bit), !not_followed) << e.name << ' ' << flag->name;
            EXPECT_EQ(follows(0), not_followed) << e.name << ' ' << flag->name;
            EXPECT_EQ(follows(~std::uint64_t{bit}), not_followed) << e.name << ' ' << flag->name;
        }
    }
    EXPECT_EQ(with_flag, 19u);
}

TEST(PathCalls, ALinkInTheLastPlaceIsFollowedByWhatIsAboutTheFile) {
    const auto follows = [](std::string_view name) {
        const EventCode code = event_codes(name).back();
        const PathCall* call = find_path_call(code, {});
        return call != nullptr && call->follows_first({});
    };
    for (const std::string_view name : {"chmod", "chown", "stat", "access", "mount", "umount"})
        EXPECT_TRUE(follows(name)) << name;
    for (const std::string_view name : {"rename", "link", "unlink", "lchown", "lstat", "symlink", "mkdir", "openat"})
        EXPECT_FALSE(follows(name)) << name;
}

TEST(PathCalls, OtherEventsHaveNone) {
    EXPECT_EQ(find_path_call(kExecve, {}), nullptr);
    EXPECT_EQ(find_path_call(kSnapshot, {}), nullptr);
    EXPECT_EQ(find_path_call(0xffff, {}), nullptr);
    EXPECT_EQ(find_path_call(event_codes("rename").front(), {}), nullptr) << "the beginning of a call";
    EXPECT_NE(find_path_call(event_codes("rename").back(), {}), nullptr);
}

} // namespace
} // namespace gyr
