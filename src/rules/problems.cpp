#include "rules/problems.h"

#include <utility>

namespace gyr::rules {

Diagnostic& Problems::error(std::string_view code, std::string message, const SourceFile& file, std::size_t offset,
                            const Context& context, std::string hint) {
    Diagnostic d;
    d.code = code;
    d.message = std::move(message);
    d.hint = std::move(hint);
    d.place = file.place(offset);
    d.context = context;
    d.snippet = make_snippet(file.text(), offset);
    all_.push_back(std::move(d));
    return all_.back();
}

} // namespace gyr::rules
