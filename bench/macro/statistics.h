#pragma once
// Order statistics over a few hundred samples.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace gyr::bench {

// REQUIRES: at least one sample; 0 <= part <= 1. The nearest rank: part 0.5 is the median, 1 the largest.
inline double quantile(std::vector<double> samples, double part) {
    std::ranges::sort(samples);
    const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(samples.size())));
    return samples[rank == 0 ? 0 : rank - 1];
}

inline double median(const std::vector<double>& samples) { return quantile(samples, 0.5); }

} // namespace gyr::bench
