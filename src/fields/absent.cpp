// Fields of the language that need events this build does not capture. They are known, so that a rule which uses one is
// refused with the reason; the family that learns to compute one takes its entry over.

#include "fields/registry.h"

#include <array>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;

constexpr auto kText = FieldType::charbuf;

Field ip(std::string_view name, std::string_view doc) { return make_absent(name, FieldType::ipaddr, doc); }
Field port(std::string_view name, std::string_view doc) {
    return make_absent(name, FieldType::port, doc).as(Format::decimal);
}
Field net(std::string_view name, std::string_view doc) {
    return make_absent(name, FieldType::ipnet, doc).filtering().plain();
}
Field text(std::string_view name, std::string_view doc) { return make_absent(name, kText, doc); }
Field flag(std::string_view name, std::string_view doc) { return make_absent(name, FieldType::boolean, doc); }

Field types() {
    Field f =
        text("fd.types", "Types of all open descriptors, or of one").list().arg(ArgKind::optional, ArgForm::index);
    f.info.no_rhs = true;
    return f;
}

} // namespace

std::span<const Field> absent_fields() {
    static const Field table[] = {
        make_absent("fd.num", FieldType::int64, "Number of the event's file descriptor").as(Format::id),
        text("fd.type", "What the descriptor is: file, directory, ipv4, ipv6, unix, pipe …"),
        text("fd.typechar", "fd.type as one character"),
        text("fd.name", "Path of a file, or addresses and ports of a connection"),
        text("fd.directory", "Directory part of fd.name"),
        text("fd.filename", "Last component of fd.name"),
        ip("fd.ip", "Either address of a connection").filtering().plain(),
        ip("fd.cip", "Address of the client"),
        ip("fd.sip", "Address of the server"),
        ip("fd.lip", "Local address"),
        ip("fd.rip", "Remote address"),
        port("fd.port", "Either port of a connection").filtering().plain(),
        port("fd.cport", "Port of the client"),
        port("fd.sport", "Port of the server"),
        port("fd.lport", "Local port"),
        port("fd.rport", "Remote port"),
        text("fd.l4proto", "Protocol: tcp, udp, icmp or raw"),
        text("fd.sockfamily", "Family of a socket: ip or unix"),
        flag("fd.is_server", "The process is the server of the connection"),
        text("fd.uid", "Thread and descriptor number put together"),
        text("fd.containername", "Container id and fd.name"),
        text("fd.containerdirectory", "Container id and fd.directory"),
        make_absent("fd.proto", FieldType::port, "Either port, as a service name or a number").filtering().plain(),
        text("fd.cproto", "Service name of the client's port"),
        text("fd.sproto", "Service name of the server's port"),
        text("fd.lproto", "Service name of the local port"),
        text("fd.rproto", "Service name of the remote port"),
        net("fd.net", "Either address, against a network"),
        net("fd.cnet", "Address of the client, against a network"),
        net("fd.snet", "Address of the server, against a network"),
        net("fd.lnet", "Local address, against a network"),
        net("fd.rnet", "Remote address, against a network"),
        flag("fd.connected", "The connection is established"),
        flag("fd.name_changed", "The event gave the descriptor another name"),
        text("fd.cip.name", "Name of the client's address").plain(),
        text("fd.sip.name", "Name of the server's address").plain(),
        text("fd.lip.name", "Name of the local address").plain(),
        text("fd.rip.name", "Name of the remote address").plain(),
        make_absent("fd.dev", FieldType::int32, "Device the file lies on").as(Format::hex),
        make_absent("fd.dev.major", FieldType::int32, "Major number of fd.dev").as(Format::decimal),
        make_absent("fd.dev.minor", FieldType::int32, "Minor number of fd.dev").as(Format::decimal),
        make_absent("fd.ino", FieldType::int64, "Inode of the file").as(Format::decimal),
        text("fd.nameraw", "Path as the program gave it"),
        types(),
        flag("fd.is_upper_layer", "The file lies in the writable upper layer of an overlay"),
        flag("fd.is_lower_layer", "The file lies in a lower layer of an overlay"),
        text("fs.path.name", "Path that a file operation was about"),
        text("fs.path.nameraw", "fs.path.name as the program gave it"),
        text("fs.path.source", "Path that a rename, link or mount began with"),
        text("fs.path.sourceraw", "fs.path.source as the program gave it"),
        text("fs.path.target", "Path that a rename, link or mount ended with"),
        text("fs.path.targetraw", "fs.path.target as the program gave it"),
        make_absent("util.cnt", FieldType::uint64, "A number that grows with every look").as(Format::id).hide(),
        text("fdlist.nums", "Numbers of the polled descriptors"),
        text("fdlist.names", "Names of the polled descriptors"),
        text("fdlist.cips", "Client addresses of the polled descriptors"),
        text("fdlist.sips", "Server addresses of the polled descriptors"),
        text("fdlist.cports", "Client ports of the polled descriptors"),
        text("fdlist.sports", "Server ports of the polled descriptors"),
    };
    return table;
}

} // namespace gyr::fields
