#include "playback/demo_capture.h"

namespace gyr::playback {
namespace {

constexpr unsigned char kBytes[] = {
#include "playback/demo_scap.inc"
};

} // namespace

std::string_view demo_capture() {
    const void* bytes = kBytes;
    return {static_cast<const char*>(bytes), sizeof kBytes};
}

} // namespace gyr::playback
