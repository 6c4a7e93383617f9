#pragma once
// Tells when files or folders may have changed, also when a symbolic link on the way to them is turned elsewhere, as
// Kubernetes does to give a mounted ConfigMap new content. Several changes close together are told as one. Whether the
// content is another is for the caller to see (fingerprint()). One thread.

#include "base/fd.h"
#include "base/ids.h"

#include <set>
#include <string>
#include <vector>

namespace gyr::app {

class FileWatch {
  public:
    FileWatch();
    // Watches these from now on, and no others. Paths that do not exist are waited for.
    void set(const std::vector<std::string>& paths);
    [[nodiscard]] int fd() const { return inotify_.get(); } // readable when something happened; -1: not to be had
    // Takes what has happened.
    void drain();

  private:
    UniqueFd inotify_;
    std::set<int> watches_;
};

// A hash of the content of all files that paths stand for (folders with what is in them).
[[nodiscard]] std::size_t fingerprint(const std::vector<std::string>& paths);

} // namespace gyr::app
