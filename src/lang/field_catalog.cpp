#include "lang/field_catalog.h"

namespace gyr::lang {

std::string_view to_string(FieldType type) {
    switch (type) {
    case FieldType::none: return "NONE";
    case FieldType::int8: return "INT8";
    case FieldType::int16: return "INT16";
    case FieldType::int32: return "INT32";
    case FieldType::int64: return "INT64";
    case FieldType::uint8: return "UINT8";
    case FieldType::uint16: return "UINT16";
    case FieldType::uint32: return "UINT32";
    case FieldType::uint64: return "UINT64";
    case FieldType::charbuf: return "CHARBUF";
    case FieldType::bytebuf: return "BYTEBUF";
    case FieldType::fspath: return "FSPATH";
    case FieldType::fsrelpath: return "FSRELPATH";
    case FieldType::boolean: return "BOOL";
    case FieldType::reltime: return "RELTIME";
    case FieldType::abstime: return "ABSTIME";
    case FieldType::floating: return "DOUBLE";
    case FieldType::port: return "PORT";
    case FieldType::ipv4addr: return "IPV4ADDR";
    case FieldType::ipv6addr: return "IPV6ADDR";
    case FieldType::ipaddr: return "IPADDR";
    case FieldType::ipv4net: return "IPV4NET";
    case FieldType::ipv6net: return "IPV6NET";
    case FieldType::ipnet: return "IPNET";
    case FieldType::fd: return "FD";
    case FieldType::pid: return "PID";
    case FieldType::errno_code: return "ERRNO";
    case FieldType::syscallid: return "SYSCALLID";
    case FieldType::sigtype: return "SIGTYPE";
    case FieldType::flags8: return "FLAGS8";
    case FieldType::flags16: return "FLAGS16";
    case FieldType::flags32: return "FLAGS32";
    case FieldType::enumflags8: return "ENUMFLAGS8";
    case FieldType::enumflags16: return "ENUMFLAGS16";
    case FieldType::enumflags32: return "ENUMFLAGS32";
    case FieldType::mode: return "MODE";
    case FieldType::uid: return "UID";
    case FieldType::gid: return "GID";
    case FieldType::sockaddr: return "SOCKADDR";
    case FieldType::socktuple: return "SOCKTUPLE";
    case FieldType::fdlist: return "FDLIST";
    case FieldType::sigset: return "SIGSET";
    case FieldType::dyn: return "DYN";
    }
    return "NONE";
}

TypeClass class_of(FieldType type) {
    switch (type) {
    case FieldType::charbuf:
    case FieldType::fspath:
    case FieldType::fsrelpath: return TypeClass::string;
    case FieldType::bytebuf: return TypeClass::buffer;
    case FieldType::boolean: return TypeClass::boolean;
    case FieldType::ipv4addr:
    case FieldType::ipv6addr:
    case FieldType::ipaddr: return TypeClass::ip;
    case FieldType::ipv4net:
    case FieldType::ipv6net:
    case FieldType::ipnet: return TypeClass::net;
    case FieldType::none:
    case FieldType::uid:
    case FieldType::gid:
    case FieldType::sockaddr:
    case FieldType::socktuple:
    case FieldType::fdlist:
    case FieldType::sigset:
    case FieldType::dyn: return TypeClass::none;
    default: return TypeClass::number;
    }
}

bool FieldCatalog::takes(const Field& field) const {
    const FieldMatch match = find(field.name);
    return match.info != nullptr && check_argument(match, field).empty();
}

std::string check_argument(const FieldMatch& match, const Field& field) {
    const FieldInfo& info = *match.info;
    const std::string name = "field '" + std::string(info.name) + "' ";
    const bool by_suffix = !match.suffix.empty();
    if (by_suffix && field.arg) return name + "takes one argument, not two";
    const bool given = by_suffix || field.arg.has_value();
    if (given && info.arg == ArgKind::none) return name + "takes no argument";
    if (!given && info.arg == ArgKind::required)
        return name + "needs an argument: " + std::string(info.name) + (info.bracket_arg ? "[...]" : ".<name>");
    if (field.arg && !info.bracket_arg)
        return name + "takes its argument behind a dot: " + std::string(info.name) + ".<name>";
    return {};
}

} // namespace gyr::lang
