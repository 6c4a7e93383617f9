// Rule files from anywhere. Input: one or more files, with a line "%%" between them. Whatever is in them, loading ends,
// every problem has a place inside its file, and every usable rule has a condition whose parts have places.

#include "rules/listing.h"
#include "rules/loader.h"
#include "rules/report.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gyr;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    rules::LoadOptions options;
    options.items_files = false; // no reading of files that the input names
    rules::RuleLoader loader(options);
    std::map<std::string, std::size_t> sizes;
    for (std::size_t number = 0; number < 4; ++number) {
        const std::size_t end = rest.find("\n%%\n");
        const std::string name = "f" + std::to_string(number) + ".yaml";
        const std::string_view text = rest.substr(0, end);
        sizes[name] = text.size();
        loader.add_text(name, std::string(text));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 4);
    }
    const rules::LoadedRules loaded = loader.finish();
    for (const Diagnostic& d : loaded.diagnostics) {
        if (d.message.empty() || d.code.empty() || to_text(d).empty()) std::abort();
        const auto file = sizes.find(d.place.file);
        if (file != sizes.end() && (d.place.offset > file->second + 1 || d.place.line == 0)) std::abort();
    }
    for (const Rule& rule : loaded.rules) {
        if ((rule.condition == nullptr) == rule.disabled_why.empty()) std::abort();
        if (rules::show_text(rule).empty() || rules::show_json(rule).empty()) std::abort();
    }
    const auto reports = rules::by_file(loaded.files, loaded.diagnostics);
    if (rules::check_text(reports).empty() || rules::check_json(reports).empty()) std::abort();
    return 0;
}
