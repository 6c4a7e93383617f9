#include "deeds/words.h"

namespace gyr::deeds {

std::vector<std::string> split_words(std::string_view line) {
    std::vector<std::string> words;
    bool open = false; // a word has begun, though it may be empty
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote == 0 && c == ' ') {
            open = false;
            continue;
        }
        if (!open) words.emplace_back();
        open = true;
        if (c == '\\' && quote != '\'' && i + 1 < line.size())
            words.back() += line[++i];
        else if (quote != 0 ? c == quote : c == '\'' || c == '"')
            quote = quote != 0 ? '\0' : c;
        else
            words.back() += c;
    }
    return words;
}

} // namespace gyr::deeds
