// fd.*: the two ends of a connection. The client's end is FdInfo's source, the server's its destination.

#include "fields/fd.h"
#include "fields/fd_text.h"
#include "fields/process_text.h"
#include "fields/registry.h"

namespace gyr::fields {
namespace {

using lang::FieldType;
using enum Scope;

Value no_fd(const Context& c) { return Value::missing(has_fd(c) ? Missing::lost : Missing::not_applicable); }
Value none() { return Value::missing(Missing::not_applicable); }

enum class End : std::uint8_t { client, server, local, remote };

bool has_role(const FdInfo& fd) { return (fd.marks & (kFdRoleClient | kFdRoleServer)) != 0; }
bool is_connection(const FdInfo& fd) { return fd.type == FdType::ipv4 || fd.type == FdType::ipv6; }

bool is_local(const Context& c, const FdInfo& fd, bool source) {
    const Container* container = c.process() ? c.process()->container.get() : nullptr;
    if (container && container->info && container->info->ip_untold) return false;
    return c.world.addresses &&
           c.world.addresses->is_local(is_ipv6(fd.type), source ? fd.source_address : fd.destination_address);
}

bool is_loopback(const FdInfo& fd) {
    static constexpr std::array<std::uint8_t, 16> kOfIpv6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return is_ipv6(fd.type) ? fd.destination_address == kOfIpv6 : fd.destination_address[0] == 127;
}

// Whether an end is the source; nothing when the descriptor has no such end. Ends have roles once somebody connected.
std::optional<bool> is_source(const Context& c, const FdInfo& fd, End end) {
    if (is_server(fd.type)) return end == End::server ? std::optional(false) : std::nullopt;
    if (!is_connection(fd) || !has_role(fd)) return {};
    switch (end) {
    case End::client: return true;
    case End::server: return false;
    case End::local:
    case End::remote: break;
    }
    // The end whose address this machine has; where its addresses are not told, the role tells.
    const bool source_is_local = c.world.addresses ? is_local(c, fd, true) : (fd.marks & kFdRoleClient) != 0;
    return (end == End::local) == source_is_local;
}

IpAddress address_of(const FdInfo& fd, bool source) {
    IpAddress ip;
    ip.v6 = is_ipv6(fd.type);
    ip.bytes = source ? fd.source_address : fd.destination_address;
    return ip;
}
std::uint16_t port_of(const FdInfo& fd, bool source) { return source ? fd.source_port : fd.destination_port; }

template <End kEnd>
Value ip(const Context& c, const Argument&) {
    if (!c.event.fd) return no_fd(c);
    const auto source = is_source(c, *c.event.fd, kEnd);
    return source ? Value::of_ip(address_of(*c.event.fd, *source)) : none();
}
template <End kEnd>
Value port(const Context& c, const Argument&) {
    if (!c.event.fd) return no_fd(c);
    const auto source = is_source(c, *c.event.fd, kEnd);
    return source ? Value::of_u64(port_of(*c.event.fd, *source)) : none();
}
// As the language has it a port stands for itself; names are for the rules that ask (fd.sproto = https is a port).
template <End kEnd>
Value proto(const Context& c, const Argument&) {
    if (!c.event.fd) return no_fd(c);
    // A socket that only listens has a protocol of its ends, which nobody named yet.
    if (is_server(c.event.fd->type)) return kEnd == End::client || kEnd == End::server ? Value::of_text("") : none();
    // A unix socket has no ports; that of a client reads empty, once it is known who asked whom.
    if (kEnd == End::client && c.event.fd->type == FdType::unix_socket && has_role(*c.event.fd))
        return Value::of_text("");
    const auto source = is_source(c, *c.event.fd, kEnd);
    return source ? Value::of_text(print(c.arena, "%u", unsigned{port_of(*c.event.fd, *source)})) : none();
}

// Both ends of a connection, the one of a listening socket.
template <bool kPorts>
Value either(const Context& c, const Argument&) {
    const FdInfo* fd = c.event.fd;
    if (!fd) return no_fd(c);
    if (!is_connection(*fd) && !is_server(fd->type)) return none();
    const std::size_t n = is_server(fd->type) ? 1 : 2;
    const std::span<Value> ends = c.arena.make_array<Value>(n);
    for (std::size_t i = 0; i < n; ++i) {
        const bool source = i == 1;
        ends[i] = kPorts ? Value::of_u64(port_of(*fd, source)) : Value::of_ip(address_of(*fd, source));
    }
    return Value::of_list(ends);
}

Value l4proto(const Context& c, const Argument&) {
    if (!c.event.fd) return no_fd(c);
    const std::string_view name = l4_name(shown_protocol(c, *c.event.fd));
    return Value::of_text(name.empty() ? std::string_view("<NA>") : name);
}
Value sockfamily(const Context& c, const Argument&) {
    if (!c.event.fd) return no_fd(c);
    const FdType t = c.event.fd->type;
    if (is_ipv4(t) || is_ipv6(t)) return Value::of_text("ip");
    return t == FdType::unix_socket ? Value::of_text("unix") : none();
}
Value server(const Context& c, const Argument&) {
    const FdInfo* fd = c.event.fd;
    if (!fd) return no_fd(c);
    if (is_server(fd->type)) return Value::of_bool(true);
    if (!is_connection(*fd)) return Value::of_bool(false);
    // Where the addresses of this machine are not told, the role tells, and what no other machine can have.
    const bool here =
        c.world.addresses ? is_local(c, *fd, false) : (fd->marks & kFdRoleServer) != 0 || is_loopback(*fd);
    return Value::of_bool(here);
}
Value connected(const Context& c, const Argument&) {
    if (!c.event.fd) return no_fd(c);
    return Value::of_bool((c.event.fd->marks & (kFdConnected | kFdConnectPending)) != 0);
}

Field net(std::string_view name, std::string_view doc, Extractor extract) {
    return make_field(name, FieldType::ipnet, event, doc, extract).filtering().plain();
}
// Nobody asks the name service for the sake of an event, so an address has no name here.
Value address_name(const Context& c, const Argument&) {
    return c.event.fd ? Value::missing(Missing::unsupported) : no_fd(c);
}
Field dns(std::string_view name, std::string_view doc) {
    return make_field(name, FieldType::charbuf, event, doc, address_name).plain();
}

} // namespace

std::span<const Field> fd_socket_fields() {
    constexpr auto kIp = FieldType::ipaddr;
    constexpr auto kPort = FieldType::port;
    constexpr auto kText = FieldType::charbuf;
    static const Field table[] = {
        make_field("fd.ip", kIp, event, "Either address of a connection: = and in hold for one of them, != for both",
                   either<false>)
            .any()
            .filtering(),
        make_field("fd.cip", kIp, event, "Address of the client", ip<End::client>),
        make_field("fd.sip", kIp, event, "Address of the server", ip<End::server>),
        make_field("fd.lip", kIp, event, "Local address", ip<End::local>),
        make_field("fd.rip", kIp, event, "Remote address", ip<End::remote>),
        make_field("fd.port", kPort, event, "Either port of a connection", either<true>)
            .as(Format::decimal)
            .any()
            .filtering(),
        make_field("fd.cport", kPort, event, "Port of the client", port<End::client>).as(Format::decimal),
        make_field("fd.sport", kPort, event, "Port of the server", port<End::server>).as(Format::decimal),
        make_field("fd.lport", kPort, event, "Local port", port<End::local>).as(Format::decimal),
        make_field("fd.rport", kPort, event, "Remote port", port<End::remote>).as(Format::decimal),
        make_field("fd.l4proto", kText, event, "Protocol: tcp, udp, icmp or raw", l4proto),
        make_field("fd.sockfamily", kText, event, "Family of a socket: ip or unix", sockfamily),
        make_field("fd.is_server", FieldType::boolean, event,
                   "The socket listens, or the server's end of the connection is on this machine", server),
        make_field("fd.proto", kPort, event, "Either port, compared with a number or a service's name", either<true>)
            .any()
            .filtering(),
        make_field("fd.cproto", kText, event, "Port of the client as text", proto<End::client>),
        make_field("fd.sproto", kText, event, "Port of the server as text", proto<End::server>),
        make_field("fd.lproto", kText, event, "Local port as text", proto<End::local>),
        make_field("fd.rproto", kText, event, "Remote port as text", proto<End::remote>),
        net("fd.net", "Either address, against a network", either<false>).any(),
        net("fd.cnet", "Address of the client, against a network", ip<End::client>),
        net("fd.snet", "Address of the server, against a network", ip<End::server>),
        net("fd.lnet", "Local address, against a network", ip<End::local>),
        net("fd.rnet", "Remote address, against a network", ip<End::remote>),
        make_field("fd.connected", FieldType::boolean, event, "The connection is established or being so", connected),
        dns("fd.cip.name", "Name of the client's address; always missing, as no name service is asked"),
        dns("fd.sip.name", "Name of the server's address; always missing, as no name service is asked"),
        dns("fd.lip.name", "Name of the local address; always missing, as no name service is asked"),
        dns("fd.rip.name", "Name of the remote address; always missing, as no name service is asked"),
    };
    return table;
}

} // namespace gyr::fields
