#pragma once
// Containers of a capture: their ids from the cgroups of its processes, what is known of them from the events that
// Falco and sysdig write for it ("container" events with JSON). Nobody is asked: a capture says all there is.

#include "state/container.h"
#include "state/process.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gyr::replay {

class Containers {
  public:
    // The container that the cgroups spell; null: the host.
    [[nodiscard]] std::shared_ptr<Container> of_cgroups(std::span<const CgroupInfo> cgroups);
    [[nodiscard]] std::shared_ptr<Container> of_id(std::string_view id); // null: no room
    // A container event's JSON, {"container": {…}}, and of which it tells; null: of the host, or there is no room.
    // Nothing when it is not that. Where only what it tells finds no room, the container is known without.
    std::optional<std::shared_ptr<const Container>> apply_json(std::string_view json);

    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    std::unordered_map<std::string, std::shared_ptr<Container>, TextHash, std::equal_to<>> all_;
    std::size_t info_bytes_ = 0;
    std::uint64_t refused_ = 0; // beyond the number of containers kept, and the bytes of what is known of them
};

} // namespace gyr::replay
