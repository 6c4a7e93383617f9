#include "app/time_zone.h"

#include <cstdlib>
#include <ctime>

namespace gyr::app {

void use_time_zone(const std::string& name) {
    if (name == "local") return;
    ::setenv("TZ", name.c_str(), 1);
    ::tzset();
}

} // namespace gyr::app
