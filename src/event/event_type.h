#pragma once
// Event types by their code in the capture format's event table (PPME numbers, reference/events.tsv). Only those
// that some code treats specially are named here; the schema table (event/schema.h) knows all of them.

#include <cstdint>

namespace gyr {

using EventCode = std::uint16_t;

inline constexpr EventCode kEventNone = 0xffff;
inline constexpr EventCode kGenericExit = 1; // a system call without an event of its own
inline constexpr EventCode kSignalDeliver = 232;
inline constexpr EventCode kPageFault = 290;
inline constexpr EventCode kProcExit = 186; // procexit, schema 1
inline constexpr EventCode kClone = 223;    // clone exit, schema 20
inline constexpr EventCode kFork = 225;
inline constexpr EventCode kVfork = 227;
inline constexpr EventCode kConnect = 23; // of these the end, which tells what became of the call
inline constexpr EventCode kAccept = 247;
inline constexpr EventCode kAccept4 = 389;
inline constexpr EventCode kSend = 29;
inline constexpr EventCode kSendto = 31;
inline constexpr EventCode kSendmsg = 49;
inline constexpr EventCode kSendmmsg = 51;
inline constexpr EventCode kRecv = 33;
inline constexpr EventCode kRecvfrom = 35;
inline constexpr EventCode kRecvmsg = 53;
inline constexpr EventCode kRecvmmsg = 55;
inline constexpr EventCode kExecve = 293;
inline constexpr EventCode kExecveat = 331;
inline constexpr EventCode kClone3 = 335;
inline constexpr EventCode kPluginEvent = 322; // of a source other than system calls: the Kubernetes audit log
inline constexpr EventCode kAsync = 402;       // "container" and other notifications
// Our own, above any code of the table: what the process lane tells without a system call of its own.
inline constexpr EventCode kSnapshot = 0x8001;   // evt.type "snapshot": was there before the agent
inline constexpr EventCode kProcChange = 0x8002; // evt.type "procchange": credentials, name, cgroup, session changed

} // namespace gyr
