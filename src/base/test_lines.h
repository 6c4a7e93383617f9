#pragma once
// For tests only: a file of the test data (test_data.h) that holds a JSON value a line. Empty when there is none.

#include "base/test_data.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gyr {

[[nodiscard]] inline std::vector<nlohmann::json> read_test_lines(const std::string& name) {
    std::vector<nlohmann::json> out;
    const std::string dir = test_data_dir();
    if (dir.empty()) return out;
    std::ifstream file(dir + "/" + name);
    for (std::string line; std::getline(file, line);)
        if (!line.empty()) out.push_back(nlohmann::json::parse(line));
    return out;
}

} // namespace gyr
