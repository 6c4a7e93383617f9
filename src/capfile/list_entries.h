#pragma once
// Decodes one entry of each kind of list, of every version. The cursor stands at the first byte of the entry's content:
// behind the length that newer versions have in front, and with nothing of the next entry in view then.
//
// When the cursor is not ok() afterwards, the entry is not whole. Where a function gives a text, it is empty when the
// entry was understood, else what is wrong with it.

#include "capfile/cursor.h"
#include "capfile/records.h"

#include <cstdint>
#include <string_view>

namespace gyr::capfile {

// version 1 to 9 of the process list
void decode_thread(Cursor& in, int version, ThreadRecord& out);

// has_length: the newer list, whose entries can be passed over when their type is not known
[[nodiscard]] std::string_view decode_fd(Cursor& in, bool has_length, std::int64_t& fd, FdInfo& out);
[[nodiscard]] std::string_view decode_interface(Cursor& in, Interface& out);

// True: a user, else a group.
[[nodiscard]] bool decode_user_or_group(Cursor& in, UserRecord& user, GroupRecord& group);

[[nodiscard]] MachineInfo decode_machine(Cursor& in);

} // namespace gyr::capfile
