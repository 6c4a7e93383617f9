#pragma once
// The calls that name files and open nothing: how the kernel walks their paths. Of an open it tells where it led; of
// these somebody has to walk once more, and has to know whether a link in the last place was followed.

#include "event/event_type.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace gyr {

struct PathCall {
    enum class Last : std::uint8_t {
        none,     // there is no such path
        itself,   // the name in its folder: it is made, moved, removed, or looked at without following it
        followed, // what a link there leads to
        unless,   // followed, but for the flag
        when,     // followed by the flag alone
        root,     // the folder is the root of the process from then on
    };
    Last first = Last::none, second = Last::none; // of the paths, in the order of the call
    std::int8_t flags = -1;                       // the parameter with the flags
    std::uint32_t flag = 0, second_flag = 0;

    // By the parameters of the event.
    [[nodiscard]] bool follows_first(std::span<const std::string_view> params) const {
        return follows(first, flag, params);
    }
    [[nodiscard]] bool follows_second(std::span<const std::string_view> params) const {
        return follows(second, second_flag, params);
    }

  private:
    [[nodiscard]] bool follows(Last last, std::uint32_t bit, std::span<const std::string_view> params) const;
};

// Null: of no other event are paths walked. A look into a table.
[[nodiscard]] const PathCall* find_path_call(EventCode code, std::span<const std::string_view> params);

} // namespace gyr
