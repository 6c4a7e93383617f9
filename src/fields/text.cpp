#include "fields/buffer_text.h"
#include "fields/registry.h"

#include <fmt/format.h>

#include <arpa/inet.h>

#include <iterator>

namespace gyr::fields {

namespace {

// In hex a negative number has the digits of its type.
std::uint64_t bits_of(std::int64_t number, lang::FieldType type) {
    switch (type) {
    case lang::FieldType::int8: return static_cast<std::uint8_t>(number);
    case lang::FieldType::int16: return static_cast<std::uint16_t>(number);
    case lang::FieldType::int32: return static_cast<std::uint32_t>(number);
    default: return static_cast<std::uint64_t>(number);
    }
}

} // namespace

void append_text(std::string& out, const Value& value, lang::FieldType type, Format format) {
    auto to = std::back_inserter(out);
    switch (value.kind) {
    case ValueKind::missing: out += value.is_blank() ? "0" : "<NA>"; return;
    case ValueKind::boolean: out += value.b ? "true" : "false"; return;
    case ValueKind::f64: fmt::format_to(to, "{:.1f}", value.d); return;
    case ValueKind::text:
        if (type == lang::FieldType::bytebuf)
            append_buffer(out, value.text());
        else
            out += value.text();
        return;
    case ValueKind::i64:
        if (format == Format::hex)
            fmt::format_to(to, "{:X}", bits_of(value.i, type));
        else if (format == Format::octal)
            fmt::format_to(to, "{:o}", bits_of(value.i, type));
        else
            fmt::format_to(to, "{}", value.i);
        return;
    case ValueKind::u64:
        if (format == Format::padded)
            fmt::format_to(to, "{:09}", value.u);
        else if (format == Format::hex)
            fmt::format_to(to, "{:X}", value.u);
        else if (format == Format::octal)
            fmt::format_to(to, "{:o}", value.u);
        else
            fmt::format_to(to, "{}", value.u);
        return;
    case ValueKind::ip: {
        char buffer[INET6_ADDRSTRLEN];
        const char* text = ::inet_ntop(value.ip.v6 ? AF_INET6 : AF_INET, value.ip.bytes.data(), buffer, sizeof buffer);
        out += text ? text : "";
        return;
    }
    case ValueKind::list: {
        out += '(';
        bool first = true;
        for (const Value& item : value.list()) {
            if (!first) out += ',';
            first = false;
            append_text(out, item, type, format);
        }
        out += ')';
        return;
    }
    }
}

} // namespace gyr::fields
