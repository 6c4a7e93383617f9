#pragma once
// Users and groups of a capture: the host's from its user list, those of containers from the events that tell of them.

#include "state/users.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gyr::replay {

class Users final : public UserView {
  public:
    // container: id as rules see it, empty for the host.
    void add_user(std::string_view container, UserEntry entry);
    void add_group(std::string_view container, GroupEntry entry);
    void remove_user(std::string_view container, Uid uid);
    void remove_group(std::string_view container, Gid gid);
    void clear();

    [[nodiscard]] UserAnswer user(const ProcessImage& process, Uid uid) const override;
    [[nodiscard]] GroupAnswer group(const ProcessImage& process, Gid gid) const override;
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    struct Database {
        std::unordered_map<Uid, UserEntry> users;
        std::unordered_map<Gid, GroupEntry> groups;
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    [[nodiscard]] Database* database(std::string_view container);
    template <class Erase> // gives how many went
    void remove(std::string_view container, Erase&& erase);
    [[nodiscard]] const Database* find(const ProcessImage& process) const;

    std::unordered_map<std::string, Database, TextHash, std::equal_to<>> all_;
    std::size_t entries_ = 0;
    std::uint64_t refused_ = 0;
};

} // namespace gyr::replay
