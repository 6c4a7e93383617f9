#pragma once
// Audit logs that the API server writes on this host (--audit-log-path): what is added to a file from now on. Survives
// rotation (the rest of the old file is read, then the new one from its start), truncation, and a file that is not
// there yet. One thread for all files, ended by the destructor.

#include "audit/audit_queue.h"

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace gyr {

class FileTail {
  public:
    // queue must outlive it. on_problem: called on the thread of the tail.
    FileTail(std::vector<std::string> paths, AuditQueue& queue, const std::function<void(std::string)>& on_problem);
    ~FileTail();
    FileTail(const FileTail&) = delete;
    FileTail& operator=(const FileTail&) = delete;

  private:
    class File;
    std::vector<std::unique_ptr<File>> files_;
    std::jthread thread_;
};

} // namespace gyr
