#pragma once
// The containers that processes of this host belong to, by what tells them apart. Decides for a process which one it is
// in: the cgroups say which id it could be (containers/cgroup_id.h), namespaces and the runtimes' word whether it is
// one (containers/classify.h). Takes what the resolver finds out. Owner: the engine thread.

#include "containers/cgroup_id.h"
#include "containers/resolver.h"
#include "state/container.h"
#include "state/process.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace gyr {

class ContainerTable {
  public:
    struct Options {
        std::size_t max_claims = 16'384; // claims beyond this many are forgotten
    };
    // The first sight of a container (or of a claim to be one): what is known already, null when nothing is; begins to
    // find out the rest.
    using Ask = std::function<std::shared_ptr<const ContainerInfo>(const CgroupMatch&, const ProcessImage&)>;

    ContainerTable(Options options, Ask ask) : options_(options), ask_(std::move(ask)) {}

    // The namespaces of the host's first process; until they are known nothing is compared with them.
    void set_host(const NamespaceInodes& host) { host_ = host; }
    // Null for a process of the host.
    [[nodiscard]] std::shared_ptr<Container> classify(const ProcessImage& image);
    // Some cgroup of it has a name that could be a container's.
    [[nodiscard]] bool names_container(const ProcessImage& image) { return match(image.cgroups).has_value(); }
    // What the resolver has found out. Null when it is no news, or no process asked about that id. confirmed_now: a
    // runtime has just confirmed an id that was only a claim so far; processes taken for the host's may belong to it.
    std::shared_ptr<Container> update(const ResolverAnswer& answer, bool& confirmed_now);
    // Forgets containers that no process, ended ones included, and no held alert refers to; tells the resolver by
    // forget. Walks them all: call it every few seconds.
    void collect(const std::function<void(const std::string& key)>& forget);
    [[nodiscard]] std::size_t size() const { return containers_.size(); }
    // Those of which no image is known, the sandboxes of pods left out: they have none of their own.
    [[nodiscard]] std::size_t without_image() const;

  private:
    struct Entry {
        std::shared_ptr<Container> container;
        bool runtime_knows = false;
        bool claim = false;    // only a name in a cgroup so far: no process refers to it
        bool asked = false;    // about by ask
        std::uint32_t mnt = 0; // mount namespace of its first process; 0 until that, or another, was seen
    };
    using Cgroups = std::shared_ptr<const std::vector<CgroupInfo>>;
    [[nodiscard]] const std::optional<CgroupMatch>& match(const Cgroups& cgroups);
    Entry& entry(const CgroupMatch& match, const ProcessImage& image);
    [[nodiscard]] Entry* find_outer(const CgroupMatch& match);

    Options options_;
    Ask ask_;
    NamespaceInodes host_;
    std::unordered_map<std::string, Entry> containers_; // by CgroupMatch::key
    // By identity of the interned cgroup set, which the key keeps alive.
    std::unordered_map<Cgroups, std::optional<CgroupMatch>> matches_;
};

} // namespace gyr
