#include "replay/users.h"

namespace gyr::replay {

namespace {

constexpr std::size_t kMaxEntries = 262'144; // users and groups of all containers together

} // namespace

Users::Database* Users::database(std::string_view container) {
    if (container == "host") container = {};
    if (entries_ >= kMaxEntries) {
        ++refused_;
        return nullptr;
    }
    if (const auto found = all_.find(container); found != all_.end()) return &found->second;
    return &all_.emplace(container, Database{}).first->second;
}

void Users::add_user(std::string_view container, UserEntry entry) {
    Database* d = database(container);
    if (!d) return;
    const Uid uid = entry.uid;
    if (d->users.insert_or_assign(uid, std::move(entry)).second) ++entries_;
}

void Users::add_group(std::string_view container, GroupEntry entry) {
    Database* d = database(container);
    if (!d) return;
    const Gid gid = entry.gid;
    if (d->groups.insert_or_assign(gid, std::move(entry)).second) ++entries_;
}

void Users::remove_user(std::string_view container, Uid uid) {
    if (const auto d = all_.find(container == "host" ? std::string_view{} : container); d != all_.end())
        entries_ -= d->second.users.erase(uid);
}

void Users::remove_group(std::string_view container, Gid gid) {
    if (const auto d = all_.find(container == "host" ? std::string_view{} : container); d != all_.end())
        entries_ -= d->second.groups.erase(gid);
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
