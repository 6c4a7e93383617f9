#include "rules/items_file.h"

#include "rules/text_file.h"

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

Result<std::shared_ptr<const lang::ExternalList>> parse_items(std::string_view text, std::string name) {
    if (text.size() >= kMaxItemsFile)
        return fail(ErrorKind::invalid, "the list of " + name + " is larger than 4 GiB");
    auto list = std::make_shared<lang::ExternalList>();
    list->name = std::move(name);
    list->blob.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
        while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        list->offsets.push_back(static_cast<std::uint32_t>(list->blob.size()));
        list->blob += line;
    }
    list->offsets.push_back(static_cast<std::uint32_t>(list->blob.size()));
    list->offsets.shrink_to_fit();
    return list;
}

Result<std::shared_ptr<const lang::ExternalList>> load_items_file(const std::string& path, std::string name) {
    auto text = read_text_file(path, kMaxItemsFile);
    if (!text) return std::unexpected(std::move(text.error()));
    return parse_items(*text, std::move(name));
}

} // namespace gyr::rules
