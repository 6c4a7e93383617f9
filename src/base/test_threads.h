#pragma once
// For tests only: as long as it lives, no thread can be started, as when the limit on them has been reached.

#include <cstddef>
#include <cstdlib>
#include <pthread.h>

namespace gyr {

class NoThreadsLeft {
  public:
    NoThreadsLeft() {
        if (::pthread_getattr_default_np(&before_) != 0) std::abort();
        pthread_attr_t huge;
        // A stack larger than any address space.
        if (::pthread_attr_init(&huge) != 0 || ::pthread_attr_setstacksize(&huge, std::size_t{1} << 60) != 0 ||
            ::pthread_setattr_default_np(&huge) != 0)
            std::abort();
        ::pthread_attr_destroy(&huge);
    }
    ~NoThreadsLeft() {
        ::pthread_setattr_default_np(&before_);
        ::pthread_attr_destroy(&before_);
    }
    NoThreadsLeft(const NoThreadsLeft&) = delete;
    NoThreadsLeft& operator=(const NoThreadsLeft&) = delete;

  private:
    pthread_attr_t before_{};
};

} // namespace gyr
