#include "rules/items_file.h"

#include "rules/text_file.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

namespace gyr::rules {

namespace {

constexpr std::size_t kMaxItemsFile = std::numeric_limits<std::uint32_t>::max();

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

} // namespace

std::string resolve_items_path(std::string_view rule_file, std::string_view path) {
    const std::filesystem::path given(path);
    if (given.is_absolute()) return given.string();
    return (std::filesystem::path(rule_file).parent_path() / given).string();
}

Result<std::shared_ptr<const lang::ExternalList>> parse_items(std::string text, std::string name, std::string path) {
    if (text.size() >= kMaxItemsFile) return fail(ErrorKind::invalid, "the list of " + name + " is larger than 4 GiB");
    auto list = std::make_shared<lang::ExternalList>();
    list->name = std::move(name);
    list->path = std::move(path);
    list->blob = std::move(text);
    std::string& blob = list->blob;
    list->offsets.reserve(static_cast<std::size_t>(std::ranges::count(blob, '\n')) + 2);
    std::size_t kept = 0;                        // entries move to the front of the text as they are found
    std::uint32_t line_number = 0, expected = 1; // expected: the line of the next entry, if nothing is left out
    for (std::size_t at = 0; at < blob.size();) {
        const std::size_t end = std::min(blob.find('\n', at), blob.size());
        std::string_view line = std::string_view(blob).substr(at, end - at);
        at = end + 1;
        ++line_number;
        while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
        while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        if (line_number != expected)
            list->line_marks.emplace_back(static_cast<std::uint32_t>(list->offsets.size()), line_number);
        expected = line_number + 1;
        list->offsets.push_back(static_cast<std::uint32_t>(kept));
        std::memmove(blob.data() + kept, line.data(), line.size());
        kept += line.size();
    }
    list->offsets.push_back(static_cast<std::uint32_t>(kept));
    blob.resize(kept);
    return list;
}

Result<std::shared_ptr<const lang::ExternalList>> load_items_file(const std::string& path, std::string name) {
    auto text = read_text_file(path, kMaxItemsFile, Pipes::refused);
    if (!text) return std::unexpected(std::move(text.error()));
    return parse_items(std::move(*text), std::move(name), path);
}

} // namespace gyr::rules
