#pragma once
// What a folder holds, one entry after the other. Unlike a loop over the standard library's iterators it does not throw
// when the folder goes away, or becomes unreadable, on the way: what was not given by then is not there.

#include <filesystem>
#include <system_error>

namespace gyr {

// take gets each entry, in no order, and says whether it wants more.
template <class Take>
void for_each_entry(const std::filesystem::path& folder, Take take) {
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        if (!take(*at)) return;
    }
}

} // namespace gyr
