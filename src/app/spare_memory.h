#pragma once

namespace gyr::app {

// Gives back the memory that only starting took: what the allocator keeps, and pages of the program and its libraries,
// which the kernel maps again where they are still needed.
void spare_memory();

} // namespace gyr::app
