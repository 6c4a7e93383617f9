// What events tell beside threads: users, groups and containers.

#include "replay/tables.h"

#include <utility>

namespace gyr::replay {

namespace {

void tell_of_container(Step& s, std::string_view json) {
    if (auto container = s.tables.containers.apply_json(json))
        s.event.container = std::move(*container);
    else
        ++s.tables.bad_containers;
}

} // namespace

void apply_user_added(Step& s) {
    s.tables.users.add_user(s.text(5), {.uid = s.number<std::uint32_t>(0),
                                        .gid = s.number<std::uint32_t>(1),
                                        .name = std::string(s.text(2)),
                                        .home = std::string(s.text(3)),
                                        .shell = std::string(s.text(4))});
}
void apply_user_deleted(Step& s) { s.tables.users.remove_user(s.text(5), s.number<std::uint32_t>(0)); }

void apply_group_added(Step& s) {
    s.tables.users.add_group(s.text(2), {.gid = s.number<std::uint32_t>(0), .name = std::string(s.text(1))});
}
void apply_group_deleted(Step& s) { s.tables.users.remove_group(s.text(2), s.number<std::uint32_t>(0)); }

void apply_container(Step& s) { tell_of_container(s, s.text(0)); }

void apply_async(Step& s) {
    if (s.text(1) == "container" || s.text(1) == "container_removed") tell_of_container(s, s.text(2));
}

} // namespace gyr::replay
