#pragma once
// Metrics as Prometheus reads them (text format 0.0.4): families with their help and type, samples with labels. Names
// and labels are given by us and must be well formed; values of labels may be anything.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gyr::metrics {

inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

enum class Type : std::uint8_t { counter, gauge, histogram };
using Labels = std::vector<std::pair<std::string, std::string>>;

class Exposition {
  public:
    // What follows are samples of this family; each family once.
    Exposition& family(std::string_view name, Type type, std::string_view help);
    Exposition& sample(std::uint64_t value, const Labels& labels = {});
    Exposition& sample(double value, const Labels& labels = {});
    // upto[i]: observations of at most bounds[i]; the last of upto, one more than bounds has: all.
    Exposition& histogram(std::span<const double> bounds, std::span<const std::uint64_t> upto, double sum,
                          const Labels& labels = {});
    // One family with one sample.
    Exposition& single(std::string_view name, Type type, std::string_view help, std::uint64_t value);
    Exposition& single(std::string_view name, Type type, std::string_view help, double value);
    // "name_info" with value 1, whose labels are what it tells.
    Exposition& info(std::string_view name, std::string_view help, const Labels& labels);

    [[nodiscard]] std::string take();

  private:
    void line(std::string_view suffix, std::string_view value, const Labels& labels);
    std::string text_, name_;
};

// Characters that a label's name cannot have become '_'.
[[nodiscard]] std::string label_name(std::string_view text);

} // namespace gyr::metrics
