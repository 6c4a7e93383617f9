#include "metrics/exposition.h"

#include <gtest/gtest.h>

namespace gyr::metrics {
namespace {

TEST(Exposition, WritesFamiliesAndSamples) {
    Exposition out;
    out.family("a_total", Type::counter, "What\nit is \\.").sample(std::uint64_t{3}, {{"x", "1"}, {"y", "2"}});
    out.sample(std::uint64_t{4}, {{"x", "3"}});
    out.single("b", Type::gauge, "B.", 0.5);
    EXPECT_EQ(out.take(), "# HELP a_total What\\nit is \\\\.\n# TYPE a_total counter\na_total{x=\"1\",y=\"2\"} 3\n"
                          "a_total{x=\"3\"} 4\n# HELP b B.\n# TYPE b gauge\nb 0.5\n");
}

TEST(Exposition, LabelsMayBeAnything) {
    Exposition out;
    out.family("a", Type::gauge, "A.").sample(std::uint64_t{1}, {{"x", "q\"b\\n\n\xff\xc3(\xed\xa0\x80\u00e9"}});
    EXPECT_TRUE(out.take().ends_with("a{x=\"q\\\"b\\\\n\\n\ufffd\ufffd(\ufffd\ufffd\ufffd\u00e9\"} 1\n"));
}

TEST(Exposition, HistogramsAreCumulative) {
    Exposition out;
    const std::array<double, 2> bounds{0.001, 1};
    const std::array<std::uint64_t, 3> upto{1, 4, 5};
    out.family("h_seconds", Type::histogram, "H.").histogram(bounds, upto, 2.5, {{"o", "x"}});
    EXPECT_EQ(out.take(), "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
                          "h_seconds_bucket{o=\"x\",le=\"0.001\"} 1\nh_seconds_bucket{o=\"x\",le=\"1\"} 4\n"
                          "h_seconds_bucket{o=\"x\",le=\"+Inf\"} 5\nh_seconds_sum{o=\"x\"} 2.5\n"
                          "h_seconds_count{o=\"x\"} 5\n");
}

TEST(Exposition, NamesOfLabels) {
    EXPECT_EQ(label_name("tag_T1059.004 x"), "tag_T1059_004_x");
    EXPECT_EQ(label_name("1"), "_1");
}

} // namespace
} // namespace gyr::metrics
