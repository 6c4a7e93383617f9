#pragma once
// Audit logs as files, plain or compressed with gzip.

#include "audit/audit_lines.h"
#include "base/result.h"

#include <string>

namespace gyr {

// Whether a file is JSON rather than a capture: what it begins with. False for what cannot be read.
[[nodiscard]] bool looks_like_audit(const std::string& path);

// From its start to its end. Error: the file cannot be read.
[[nodiscard]] Result<> read_audit_file(const std::string& path, AuditLines& lines);

} // namespace gyr
