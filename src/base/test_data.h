#pragma once
// For tests only: where the real material lies that tests read in place. GYR_TEST_DATA names the folder; otherwise it
// is
// ../shared/data from the source root, which is where tests run. Empty when there is none: skip with a message.

#include <cstdlib>
#include <filesystem>
#include <string>

namespace gyr {

[[nodiscard]] inline std::string test_data_dir() {
    if (const char* given = std::getenv("GYR_TEST_DATA"); given != nullptr && *given != '\0') return given;
    for (const char* near : {"../shared/data", "../../shared/data"})
        if (std::error_code error; std::filesystem::is_directory(near, error)) return near;
    return {};
}

} // namespace gyr
