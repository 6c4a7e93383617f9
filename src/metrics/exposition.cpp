#include "metrics/exposition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gyr::metrics {
namespace {

std::string escape(std::string_view text, bool quotes) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\\\";
        else if (c == '\n')
            out += "\\n";
        else if (c == '"' && quotes)
            out += "\\\"";
        else
            out += c;
    }
    return out;
}

// Label values are UTF-8; names that programs and containers give themselves may not be.
std::string valid_utf8(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t length = first < 0x80                    ? 1U
                                   : first >= 0xc2 && first < 0xe0 ? 2U
                                   : first >= 0xe0 && first < 0xf0 ? 3U
                                   : first >= 0xf0 && first < 0xf5 ? 4U
                                                                   : 0U;
        bool good = length > 0 && i + length <= text.size();
        for (std::size_t k = 1; good && k < length; ++k)
            good = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
        if (good && length == 3) {
            const auto second = static_cast<unsigned char>(text[i + 1]);
            good = !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second >= 0xa0);
        } else if (good && length == 4) {
            const auto second = static_cast<unsigned char>(text[i + 1]);
            good = !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second >= 0x90);
        }
        out += good ? text.substr(i, length) : std::string_view("\xef\xbf\xbd");
        i += good ? length : 1;
    }
    return out;
}

std::string_view to_string(Type type) {
    switch (type) {
    case Type::counter: return "counter";
    case Type::gauge: return "gauge";
    case Type::histogram: return "histogram";
    }
    return "untyped";
}

std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    return fmt::format("{}", value);
}

} // namespace

Exposition& Exposition::family(std::string_view name, Type type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(help, false), name, to_string(type));
    return *this;
}

void Exposition::line(std::string_view suffix, std::string_view value, const Labels& labels) {
    text_ += name_;
    text_ += suffix;
    char before = '{';
    for (const auto& [name, text] : labels) {
        text_ += fmt::format("{}{}=\"{}\"", before, name, escape(valid_utf8(text), true));
        before = ',';
    }
    text_ += fmt::format("{} {}\n", labels.empty() ? "" : "}", value);
}

Exposition& Exposition::sample(std::uint64_t value, const Labels& labels) {
    line("", fmt::to_string(value), labels);
    return *this;
}

Exposition& Exposition::sample(double value, const Labels& labels) {
    line("", number(value), labels);
    return *this;
}

Exposition& Exposition::histogram(std::span<const double> bounds, std::span<const std::uint64_t> upto, double sum,
                                  const Labels& labels) {
    Labels with = labels;
    with.emplace_back("le", "");
    for (std::size_t i = 0; i < upto.size(); ++i) {
        with.back().second = i < bounds.size() ? number(bounds[i]) : "+Inf";
        line("_bucket", fmt::to_string(upto[i]), with);
    }
    line("_sum", number(sum), labels);
    line("_count", fmt::to_string(upto.empty() ? 0 : upto.back()), labels);
    return *this;
}

Exposition& Exposition::single(std::string_view name, Type type, std::string_view help, std::uint64_t value) {
    return family(name, type, help).sample(value);
}

Exposition& Exposition::single(std::string_view name, Type type, std::string_view help, double value) {
    return family(name, type, help).sample(value);
}

Exposition& Exposition::info(std::string_view name, std::string_view help, const Labels& labels) {
    return family(name, Type::gauge, help).sample(std::uint64_t{1}, labels);
}

std::string Exposition::take() { return std::move(text_); }

std::string label_name(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(
        out,
        [](char c) {
            return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
        },
        '_');
    if (out.empty() || (out.front() >= '0' && out.front() <= '9')) out.insert(0, "_");
    return out;
}

} // namespace gyr::metrics
