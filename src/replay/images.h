#pragma once
// Makes process images out of what a capture says: lists of items, executables, cgroups, containers. Equal cgroups,
// unchanged executables and environments seen a short while ago are shared, not copied. The bytes of executables
// (arguments, environment) are counted; over the budget new ones are kept without environment and with the first
// arguments only. So are those of cgroups; over their own budget a new image has none, but its container. Stats tells.

#include "replay/containers.h"
#include "state/process.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace gyr::replay {

// What an exec fixed, in a capture's words. args and env are items with a NUL after each.
struct ExecText {
    std::string_view exe, args, env, exe_path;
    FileIdentity file;
};

class ImageMaker {
  public:
    ImageMaker(std::size_t budget_bytes, Containers& containers);

    [[nodiscard]] std::shared_ptr<ProcessImage> make() const; // a new image, next generation
    [[nodiscard]] std::shared_ptr<ProcessImage> copy(const ProcessImage& image) const;
    [[nodiscard]] std::shared_ptr<const ExecImage> make_exec(const ExecText& text, Nanos time);
    // from, unless exe or args differ from what it has.
    [[nodiscard]] std::shared_ptr<const ExecImage> exec_with(const std::shared_ptr<const ExecImage>& from,
                                                             std::string_view exe, std::string_view args);
    // own, with the environment of another; that one itself when nothing else differs.
    [[nodiscard]] std::shared_ptr<const ExecImage> exec_with_env(const std::shared_ptr<const ExecImage>& own,
                                                                 const std::shared_ptr<const ExecImage>& other);
    // Sets the image's cgroups and its container. items: "controller=path" with a NUL after each.
    void set_cgroups(ProcessImage& image, std::string_view items);

    [[nodiscard]] const std::shared_ptr<const ExecImage>& unknown_exec() const { return unknown_exec_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_->load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t trimmed() const { return trimmed_; }

  private:
    struct CgroupSet {
        std::shared_ptr<const std::vector<CgroupInfo>> paths;
        std::shared_ptr<Container> container;
    };
    [[nodiscard]] CgroupSet cgroup_set(std::string_view items);
    // items as env of an ExecText; of none when memory is tight.
    [[nodiscard]] SharedItems environment(std::string_view items, bool tight);

    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    std::size_t budget_;
    Containers& containers_;
    std::shared_ptr<std::atomic<std::uint64_t>> bytes_, cgroup_bytes_;
    std::unordered_map<std::string, CgroupSet, TextHash, std::equal_to<>> cgroups_;
    std::size_t cgroup_text_ = 0;                                           // bytes of its keys
    const std::pair<const std::string, CgroupSet>* last_cgroups_ = nullptr; // in cgroups_
    std::array<std::shared_ptr<const ItemList>, 64> environments_; // the last ones, which the next exec may have too
    std::shared_ptr<const std::vector<CgroupInfo>> no_cgroups_;
    std::shared_ptr<const ExecImage> unknown_exec_; // of a process of which nothing is known: "<NA>"
    mutable std::uint64_t generation_ = 0;
    std::uint64_t trimmed_ = 0;
};

} // namespace gyr::replay
