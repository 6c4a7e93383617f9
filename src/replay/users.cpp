#include "replay/users.h"

namespace gyr::replay {

namespace {

constexpr std::size_t kMaxEntries = 262'144; // users and groups of all containers together
constexpr std::size_t kMaxText = 256;        // bytes of a name, a path or the id of a container

void shorten(std::string& text) {
    if (text.size() > kMaxText) text.resize(kMaxText);
}

} // namespace

Users::Database* Users::database(std::string_view container) {
    if (container == "host") container = {};
    if (entries_ >= kMaxEntries || container.size() > kMaxText) {
        ++refused_;
        return nullptr;
    }
    if (const auto found = all_.find(container); found != all_.end()) return &found->second;
    return &all_.emplace(container, Database{}).first->second;
}

void Users::add_user(std::string_view container, UserEntry entry) {
    Database* d = database(container);
    if (!d) return;
    shorten(entry.name), shorten(entry.home), shorten(entry.shell);
    const Uid uid = entry.uid;
    if (d->users.insert_or_assign(uid, std::move(entry)).second) ++entries_;
}

void Users::add_group(std::string_view container, GroupEntry entry) {
    Database* d = database(container);
    if (!d) return;
    shorten(entry.name);
    const Gid gid = entry.gid;
    if (d->groups.insert_or_assign(gid, std::move(entry)).second) ++entries_;
}

template <class Erase>
void Users::remove(std::string_view container, Erase&& erase) {
    const auto d = all_.find(container == "host" ? std::string_view{} : container);
    if (d == all_.end()) return;
    entries_ -= erase(d->second);
    if (!d->first.empty() && d->second.users.empty() && d->second.groups.empty()) all_.erase(d);
}

void Users::remove_user(std::string_view container, Uid uid) {
    remove(container, [&](Database& d) { return d.users.erase(uid); });
}

void Users::remove_group(std::string_view container, Gid gid) {
    remove(container, [&](Database& d) { return d.groups.erase(gid); });
}

void Users::clear() {
    all_.clear();
    entries_ = 0;
}

const Users::Database* Users::find(const ProcessImage& process) const {
    const auto found = all_.find(process.container ? std::string_view(process.container->id) : std::string_view{});
    return found == all_.end() ? nullptr : &found->second;
}

UserAnswer Users::user(const ProcessImage& process, Uid uid) const {
    const std::string_view source = process.container ? "container" : "host";
    const Database* d = find(process);
    if (!d) return {.entry = nullptr, .why = Missing::unsupported, .source = {}};
    const auto found = d->users.find(uid);
    if (found == d->users.end()) return {};
    return {.entry = &found->second, .why = Missing::none, .source = source};
}

GroupAnswer Users::group(const ProcessImage& process, Gid gid) const {
    const std::string_view source = process.container ? "container" : "host";
    const Database* d = find(process);
    if (!d) return {.entry = nullptr, .why = Missing::unsupported, .source = {}};
    const auto found = d->groups.find(gid);
    if (found == d->groups.end()) return {};
    return {.entry = &found->second, .why = Missing::none, .source = source};
}

} // namespace gyr::replay
