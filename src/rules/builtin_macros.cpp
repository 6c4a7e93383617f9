#include "rules/builtin_macros.h"

namespace gyr::rules {

std::string_view builtin_macros() {
    return R"(
- macro: never_true
  condition: (evt.num = 0)
- macro: always_true
  condition: (evt.num >= 0)
- macro: container
  condition: (container.id != host)
- macro: spawned_process
  condition: (evt.type in (execve, execveat))
- macro: open_read
  condition: (evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = f and fd.num >= 0)
- macro: open_write
  condition: (evt.type in (open, openat, openat2) and evt.is_open_write = true and fd.typechar = f and fd.num >= 0)
- macro: create_symlink
  condition: (evt.type in (symlink, symlinkat))
- macro: create_hardlink
  condition: (evt.type in (link, linkat))
- macro: kernel_module_load
  condition: (evt.type in (init_module, finit_module))
)";
}

} // namespace gyr::rules
