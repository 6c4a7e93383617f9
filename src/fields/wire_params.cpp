#include "fields/wire_params.h"

#include "event/raw_event.h"

namespace gyr::fields {
namespace {

struct Variant {
    ParamType type;
    ParamFormat format;
};

// What a dyn parameter can be, by its first byte.
constexpr Variant kSockopt[] = {{ParamType::bytebuf, ParamFormat::hex},
                                {ParamType::errno_code, ParamFormat::dec},
                                {ParamType::uint32, ParamFormat::dec},
                                {ParamType::uint64, ParamFormat::dec},
                                {ParamType::reltime, ParamFormat::dec}};
constexpr Variant kPtrace[] = {{ParamType::uint64, ParamFormat::hex}, {ParamType::sigtype, ParamFormat::dec}};
constexpr Variant kBpf[] = {{ParamType::fd, ParamFormat::dec}, {ParamType::errno_code, ParamFormat::dec}};
constexpr Variant kKeyctl[] = {{ParamType::int64, ParamFormat::dec}, {ParamType::charbuf, ParamFormat::na}};

std::span<const Variant> variants_of(std::string_view info) {
    if (info.starts_with("sockopt")) return kSockopt;
    if (info.starts_with("ptrace")) return kPtrace;
    if (info.starts_with("bpf")) return kBpf;
    if (info.starts_with("keyctl")) return kKeyctl;
    return {};
}

template <class T>
Value integer(std::string_view bytes) {
    if (bytes.size() < sizeof(T)) return Value::missing(Missing::not_applicable);
    const T value = load_param<T>(bytes);
    if constexpr (std::is_signed_v<T>)
        return Value::of_i64(value);
    else
        return Value::of_u64(value);
}

Value address(std::string_view bytes) {
    IpAddress ip;
    if (bytes.size() != 4 && bytes.size() != 16) return Value::missing(Missing::not_applicable);
    ip.v6 = bytes.size() == 16;
    std::memcpy(ip.bytes.data(), bytes.data(), bytes.size());
    return Value::of_ip(ip);
}

} // namespace

std::optional<WireParam> wire_param(const Event& event, std::size_t index) {
    const EventInfo* info = find_event(event.code, event.params);
    if (!info || index >= event.params.size() || index >= info->params.size()) return {};
    const ParamInfo& declared = info->params[index];
    WireParam p{declared.type, declared.format, declared.info, event.params[index], index};
    if (p.type != ParamType::dyn || p.bytes.empty()) return p;
    const auto variants = variants_of(p.info);
    const auto which = static_cast<unsigned char>(p.bytes[0]);
    if (which >= variants.size()) return WireParam{ParamType::bytebuf, ParamFormat::na, {}, p.bytes.substr(1), index};
    return WireParam{variants[which].type, variants[which].format, {}, p.bytes.substr(1), index};
}

Value wire_value(const WireParam& p) {
    if (p.bytes.empty()) return Value::missing(Missing::not_applicable);
    switch (p.type) {
    case ParamType::int8: return integer<std::int8_t>(p.bytes);
    case ParamType::int16: return integer<std::int16_t>(p.bytes);
    case ParamType::int32:
    case ParamType::fd32:
    case ParamType::pid32: return integer<std::int32_t>(p.bytes);
    case ParamType::int64:
    case ParamType::errno_code:
    case ParamType::fd:
    case ParamType::pid: return integer<std::int64_t>(p.bytes);
    case ParamType::uint8:
    case ParamType::l4proto:
    case ParamType::sockfamily:
    case ParamType::sigtype:
    case ParamType::flags8:
    case ParamType::enumflags8: return integer<std::uint8_t>(p.bytes);
    case ParamType::uint16:
    case ParamType::port:
    case ParamType::syscallid:
    case ParamType::flags16:
    case ParamType::enumflags16: return integer<std::uint16_t>(p.bytes);
    case ParamType::uint32:
    case ParamType::uid:
    case ParamType::gid:
    case ParamType::mode:
    case ParamType::flags32:
    case ParamType::enumflags32: return integer<std::uint32_t>(p.bytes);
    case ParamType::uint64:
    case ParamType::reltime:
    case ParamType::abstime: return integer<std::uint64_t>(p.bytes);
    case ParamType::boolean: return Value::of_bool(load_param<std::uint32_t>(p.bytes) != 0);
    case ParamType::floating: return Value::of_double(load_param<double>(p.bytes));
    case ParamType::charbuf:
    case ParamType::fspath:
    case ParamType::fsrelpath: {
        const std::string_view text = text_of_param(p.bytes);
        return text == "(NULL)" ? Value::missing(Missing::not_applicable) : Value::of_text(text);
    }
    case ParamType::ipv4addr:
    case ParamType::ipv6addr:
    case ParamType::ipv4net:
    case ParamType::ipv6net:
    case ParamType::ipaddr:
    case ParamType::ipnet: return address(p.bytes);
    case ParamType::bytebuf:
    case ParamType::dyn:
    case ParamType::sockaddr:
    case ParamType::socktuple:
    case ParamType::fdlist:
    case ParamType::sigset: return Value::of_text(p.bytes);
    case ParamType::none:
    case ParamType::charbufarray:
    case ParamType::charbuf_pair_array: break;
    }
    return Value::missing(Missing::unsupported);
}

} // namespace gyr::fields
