#include "match/expression.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace gyr::match {

using fields::Value;
using lang::TransformerKind;

namespace {

std::string_view change_case(std::string_view in, char first, Arena& arena) {
    char* out = arena.allocate(in.size());
    for (std::size_t i = 0; i < in.size(); ++i)
        out[i] = in[i] >= first && in[i] <= first + 25 ? static_cast<char>(in[i] ^ 0x20) : in[i];
    return {out, in.size()};
}

// Each element of a list, or the one text.
template <class F>
Value each(const Value& in, Arena& arena, F f) {
    if (in.kind != fields::ValueKind::list) return Value::of_text(f(in.text()), in.why);
    const auto items = in.list();
    const std::span<Value> out = arena.make_array<Value>(items.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = Value::of_text(f(items[i].text()));
    return Value::of_list(out);
}

constexpr std::array<std::int8_t, 256> base64_digits() {
    std::array<std::int8_t, 256> t{};
    t.fill(-1);
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < digits.size(); ++i)
        t[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
    return t;
}

Value decode_base64(std::string_view in, Arena& arena) {
    static constexpr auto kDigits = base64_digits();
    for (int padding = 0; padding < 2 && in.ends_with('='); ++padding) in.remove_suffix(1);
    if (in.size() % 4 == 1) return Value::missing(Missing::not_applicable);
    char* out = arena.allocate(in.size() / 4 * 3 + 3);
    std::size_t n = 0;
    std::uint32_t bits = 0;
    unsigned have = 0;
    for (const char c : in) {
        const int digit = kDigits[static_cast<unsigned char>(c)];
        if (digit < 0) return Value::missing(Missing::not_applicable);
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = static_cast<char>(bits >> have & 0xff);
        }
    }
    return Value::of_text({out, n});
}

Value concat(std::span<const Value> parts, std::string_view separator, Arena& arena) {
    std::size_t bytes = 0;
    for (const Value& p : parts) bytes += p.text().size() + separator.size();
    char* out = arena.allocate(bytes);
    char* at = out;
    const auto put = [&](std::string_view s) {
        if (!s.empty()) std::memcpy(at, s.data(), s.size());
        at += s.size();
    };
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) put(separator);
        put(parts[i].text());
    }
    return Value::of_text({out, static_cast<std::size_t>(at - out)});
}

// Short options as getopt(3) reads them, without reordering. found(letter, value, known, has_value).
template <class F>
void scan_options(std::span<const Value> args, std::string_view optstring, F found) {
    if (optstring.starts_with(':')) optstring.remove_prefix(1);
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string_view arg = args[i].text();
        if (arg == "--" || arg.size() < 2 || arg[0] != '-') return;
        if (arg[1] == '-') continue;
        for (std::size_t k = 1; k < arg.size(); ++k) {
            const std::string_view letter = arg.substr(k, 1);
            const std::size_t at = letter[0] == ':' ? std::string_view::npos : optstring.find(letter[0]);
            if (at == std::string_view::npos) {
                found(letter, std::string_view(), false, false);
                continue;
            }
            if (at + 1 >= optstring.size() || optstring[at + 1] != ':') {
                found(letter, std::string_view(), true, false);
                continue;
            }
            std::string_view value = arg.substr(k + 1);
            bool has_value = !value.empty();
            if (!has_value && i + 1 < args.size()) value = args[++i].text(), has_value = true;
            found(has_value ? letter : std::string_view(), has_value ? value : letter, true, true);
            break;
        }
    }
}

// An option whose value is missing counts as one empty value: letter is empty then, and value is the letter.
Value getopt(const Expression& e, std::span<const Value> args, Arena& arena) {
    const auto items = args[0].list();
    const std::string_view optstring = args[1].text();
    if (e.has_key) {
        Value last = Value::missing(Missing::not_applicable);
        scan_options(items, optstring, [&](std::string_view letter, std::string_view value, bool known, bool takes) {
            if (!known) return;
            const bool lost = takes && letter.empty();
            if ((lost ? value : letter) != e.key) return;
            last = Value::of_text(lost ? std::string_view("") : takes ? value : letter);
        });
        return last;
    }
    std::size_t n = 0;
    const auto count = [&](std::string_view letter, std::string_view, bool, bool takes) {
        n += takes && !letter.empty() ? 2 : 1;
    };
    scan_options(items, optstring, count);
    const std::span<Value> out = arena.make_array<Value>(n);
    n = 0;
    scan_options(items, optstring, [&](std::string_view letter, std::string_view value, bool known, bool takes) {
        if (!known) {
            out[n++] = Value::of_text("?");
        } else if (takes && letter.empty()) {
            out[n++] = Value::of_text("");
        } else {
            out[n++] = Value::of_text(letter);
            if (takes) out[n++] = Value::of_text(value);
        }
    });
    return Value::of_list(out);
}

} // namespace

Value transform(const Expression& e, std::span<const Value> args, Arena& arena) {
    for (const Value& a : args)
        if (a.is_pending()) return a;
    for (const Value& a : args)
        if (a.is_missing()) return a;
    const Value& in = args[0];
    switch (e.transformer) {
    case TransformerKind::tolower:
        return each(in, arena, [&](std::string_view s) { return change_case(s, 'A', arena); });
    case TransformerKind::toupper:
        return each(in, arena, [&](std::string_view s) { return change_case(s, 'a', arena); });
    case TransformerKind::basename:
        return each(in, arena, [](std::string_view s) {
            const std::size_t slash = s.rfind('/');
            return slash == std::string_view::npos ? s : s.substr(slash + 1);
        });
    case TransformerKind::b64: return decode_base64(in.text(), arena);
    case TransformerKind::len:
        // Of bytes those before the first zero: as long as a string in them.
        return Value::of_u64(in.kind == fields::ValueKind::list ? in.list().size()
                                                                : std::min(in.text().find('\0'), in.text().size()));
    case TransformerKind::join: return concat(args[1].list(), in.text(), arena);
    case TransformerKind::concat: return concat(args, {}, arena);
    case TransformerKind::getopt: return getopt(e, args, arena);
    case TransformerKind::val: return in;
    }
    return Value();
}

} // namespace gyr::match
