#include "fields/static_fields.h"

#include <memory>
#include <mutex>
#include <utility>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;

struct Known {
    std::mutex mutex;
    StaticFields fields;
};

Known& known() {
    static Known instance;
    return instance;
}

Result<> take_value(Argument& a, FieldType&) {
    const std::lock_guard lock(known().mutex);
    const auto found = known().fields.find(a.text);
    if (found == known().fields.end())
        return fail(ErrorKind::invalid,
                    "there is no static." + a.text + " among the static_fields of the configuration");
    a.prepared = std::make_shared<const std::string>(found->second);
    return {};
}

Value value(const Context&, const Argument& a) {
    return Value::of_text(*static_cast<const std::string*>(a.prepared.get()));
}

} // namespace

void set_static_fields(StaticFields fields) {
    const std::lock_guard lock(known().mutex);
    known().fields = std::move(fields);
}

std::span<const Field> static_fields() {
    static const Field table[] = {
        make_field("static", FieldType::charbuf, Scope::constant,
                   "A text that the configuration gives every event, by its name there: static.cluster", value)
            .suffix(ArgKind::required, take_value)
            .everywhere(),
    };
    return table;
}

} // namespace gyr::fields
