#pragma once
// What a capture has to be told of containers beside its events: their metadata, and the names of the users and groups
// that their processes run as. Told once, and again when it changed. One thread only.

#include "base/function_ref.h"
#include "base/result.h"
#include "event/raw_event.h"
#include "recording/container_event.h"
#include "state/container.h"
#include "state/process.h"
#include "state/process_table.h"
#include "state/users.h"

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gyr::recording {

class ContainerFacts {
  public:
    using Tell = FunctionRef<Result<>(const RawEvent&)>;

    // What is known of the image's container and not told yet. users may be null.
    Result<> tell(const ProcessImage& image, const UserView* users, Nanos time, Tell tell);
    // All containers of the table's processes, for a file that begins now.
    Result<> tell_all(const ProcessTable& processes, const UserView* users, Nanos time, Tell tell);
    // Whether more is on its way of what tell() would tell.
    [[nodiscard]] static bool pending(const ProcessImage& image, const UserView* users);

  private:
    struct Told {
        std::weak_ptr<const Container> container;
        bool any = false;
        std::uint32_t generation = 0;
        std::set<Uid> users;
        std::set<Gid> groups;
    };

    Told& entry(const std::shared_ptr<Container>& container);
    Result<> tell_names(const ProcessImage& image, const UserView& users, Nanos time, Told& told, Tell tell);
    Result<> tell_user(const UserEntry& user, const std::string& container, Nanos time, Tell tell);
    Result<> tell_group(const GroupEntry& group, const std::string& container, Nanos time, Tell tell);

    ContainerEvent event_;
    std::unordered_map<const Container*, Told> told_;
    // Of the image before, of which nothing more was to be told.
    std::uint64_t last_image_ = 0;
    std::uint32_t last_container_ = 0;
    Uid last_uid_ = 0;
    Gid last_gid_ = 0;
};

} // namespace gyr::recording
