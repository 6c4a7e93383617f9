#include "engine/container_table.h"

#include "containers/classify.h"

#include <algorithm>
#include <utility>

namespace gyr {

namespace {
constexpr std::size_t kMatchesMax = 8192;
}

const std::optional<CgroupMatch>& ContainerTable::match(const Cgroups& cgroups) {
    if (const auto found = matches_.find(cgroups); found != matches_.end()) return found->second;
    if (matches_.size() >= kMatchesMax)
        std::erase_if(matches_, [](const auto& kv) { return kv.first.use_count() == 1; });
    return matches_.emplace(cgroups, find_container_id(*cgroups)).first->second;
}

ContainerTable::Entry& ContainerTable::entry(const CgroupMatch& match, const ProcessImage& image) {
    const auto [it, created] = containers_.try_emplace(match.key);
    Entry& entry = it->second;
    if (created) {
        entry.container = std::make_shared<Container>();
        Container& c = *entry.container;
        c.id = match.id;
        c.full_id = match.full_id;
        c.guess = match.guess;
        c.cgroup_path = match.path;
        c.chain = match.chain;
        if (match.told_by_cgroup) {
            ContainerInfo info;
            info.full_id = info.name = match.full_id;
            info.type = match.guess;
            info.source = "cgroup";
            c.info = std::make_shared<const ContainerInfo>(std::move(info));
        } else {
            entry.asked = true;
            c.info = ask_(match, image);
            entry.runtime_knows = c.info != nullptr;
        }
        c.why = c.info && c.info->complete ? Missing::none : Missing::pending;
    }
    return entry;
}

ContainerTable::Entry* ContainerTable::find_outer(const CgroupMatch& match) {
    if (match.outer_path.empty()) return nullptr;
    const auto outer = find_container_id(match.outer_path);
    const auto found = outer ? containers_.find(outer->key) : containers_.end();
    return found != containers_.end() && !found->second.claim ? &found->second : nullptr;
}

std::shared_ptr<Container> ContainerTable::classify(const ProcessImage& image) {
    const std::optional<CgroupMatch>& found = match(image.cgroups);
    if (!found || image.kernel_thread) return nullptr;
    const auto known = containers_.find(found->key);
    const bool runtime_knows = known != containers_.end() && known->second.runtime_knows;
    const Program program{image.exec->exe_path, image.comm, image.exec->mnt_ns};
    const Entry* const outer = find_outer(*found);
    switch (gyr::classify(*found, image.namespaces, host_, program, runtime_knows, outer != nullptr ? outer->mnt : 0)) {
    case Belonging::host: return nullptr;
    case Belonging::outer: return outer->container;
    case Belonging::undecided: {
        if (found->told_by_cgroup) return nullptr; // nobody to ask
        // The runtimes are asked; what disk has told at once may already decide.
        Entry& claimed = entry(*found, image);
        claimed.claim = !claimed.runtime_knows;
        if (claimed.claim) return nullptr;
        break;
    }
    case Belonging::container: break;
    }
    Entry& entry_of = entry(*found, image);
    entry_of.claim = false;
    Container& container = *entry_of.container;
    // What sets a container up may be in its cgroup before it has made the pid namespace; one made inside starts later.
    if (image.vpid == 1 && (container.pidns_number == 0 || image.pidns_number < container.pidns_number))
        container.pidns_number = image.pidns_number;
    const bool is_init = image.vpid == 1 && image.pidns_number == container.pidns_number;
    if (entry_of.mnt == 0 || is_init) entry_of.mnt = image.namespaces.mnt;
    return entry_of.container;
}

std::shared_ptr<Container> ContainerTable::update(const ResolverAnswer& answer, bool& confirmed_now) {
    confirmed_now = false;
    const auto it = containers_.find(answer.key);
    if (it == containers_.end()) return nullptr;
    Entry& entry = it->second;
    Container& c = *entry.container;
    if (answer.info == c.info && answer.why == c.why) return nullptr; // known when it was asked for
    if (answer.info != nullptr) {
        confirmed_now = !std::exchange(entry.runtime_knows, true);
        c.info = answer.info;
    }
    c.why = answer.why;
    ++c.generation;
    return entry.container;
}

std::size_t ContainerTable::without_image() const {
    return static_cast<std::size_t>(std::ranges::count_if(containers_, [](const auto& named) {
        const ContainerInfo* info = named.second.container->info.get();
        return info == nullptr || (info->image.empty() && !info->is_pod_sandbox);
    }));
}

void ContainerTable::collect(const std::function<void(const std::string&)>& forget) {
    const bool too_many_claims = containers_.size() > options_.max_claims;
    for (auto it = containers_.begin(); it != containers_.end();) {
        if (it->second.container.use_count() > 1 || (it->second.claim && !too_many_claims)) {
            ++it;
            continue;
        }
        if (it->second.asked) forget(it->first);
        it = containers_.erase(it);
    }
}

} // namespace gyr
