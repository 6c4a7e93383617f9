#pragma once
// How often each field has the value Falco gave it, and the report of it.

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace gyr::test {

class Agreement {
  public:
    [[nodiscard]] static bool same(const nlohmann::json& a, const nlohmann::json& b);
    // ours: null for a missing value.
    void compare(const std::string& field, const nlohmann::json& expected, const nlohmann::json& ours,
                 std::string_view where);
    // Prints a line for each field, the worst first; true when all reach the share.
    [[nodiscard]] bool report(double share) const;
    [[nodiscard]] std::size_t fields() const { return all_.size(); }

  private:
    struct Count {
        std::uint64_t same = 0, all = 0;
        std::string first; // difference
    };
    std::map<std::string, Count> all_;
};

} // namespace gyr::test
