#pragma once
// Small files below /proc: read whole, up to a limit; walked line by line and word by word.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::recording {

// Empty when it cannot be read: the process has gone, or it is not ours to see. Reuses the string's memory.
bool read_text(const std::string& path, std::string& out, std::size_t most);
bool read_link(const std::string& path, std::string& out);
// The entries of a folder that are numbers: processes, threads, descriptors.
[[nodiscard]] std::vector<std::int64_t> numbers_in(const std::string& folder);

// Takes the part before the separator off the front, and the separator; everything when there is none.
inline std::string_view take(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

// The next word, whatever blanks are in front.
inline std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
    text.remove_prefix(word.size());
    return word;
}

template <class T>
T number(std::string_view text, int base = 10) { // 0 when it is none
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value, base);
    return value;
}

} // namespace gyr::recording
