#include "recording/container_facts.h"

#include <cstring>

namespace gyr::recording {
namespace {

constexpr EventCode kUserAdded = 354, kGroupAdded = 358;
constexpr std::size_t kMany = 4096;      // containers; those that are gone are looked for from here on
constexpr std::size_t kMostNames = 1024; // of one container

std::string as_text(std::string_view text) {
    std::string out(text.substr(0, 255));
    out += '\0';
    return out;
}
template <class T>
std::string as_bytes(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <std::size_t N>
Result<> tell_event(EventCode code, Nanos time, const std::array<std::string, N>& values, ContainerFacts::Tell tell) {
    std::array<std::string_view, N> params;
    for (std::size_t i = 0; i < N; ++i) params[i] = values[i];
    RawEvent event;
    event.code = code;
    event.time = time;
    event.cpu = 0;
    event.params = params;
    return tell(event);
}

} // namespace

ContainerFacts::Told& ContainerFacts::entry(const std::shared_ptr<Container>& container) {
    if (told_.size() >= kMany) {
        std::erase_if(told_, [](const auto& e) { return e.second.container.expired(); });
        last_image_ = 0;
    }
    Told& told = told_[container.get()];
    if (told.container.lock() != container) {
        told = Told{};
        told.container = container;
    }
    return told;
}

bool ContainerFacts::pending(const ProcessImage& image, const UserView* users) {
    if (!image.container) return false;
    if (image.container->pending()) return true;
    return users != nullptr && (users->user(image, image.credentials.uid).why == Missing::pending ||
                                users->group(image, image.credentials.gid).why == Missing::pending);
}

Result<> ContainerFacts::tell(const ProcessImage& image, const UserView* users, Nanos time, Tell tell) {
    const std::shared_ptr<Container>& container = image.container;
    if (!container) return {};
    const Credentials& c = image.credentials;
    if (image.generation == last_image_ && container->generation == last_container_ && c.uid == last_uid_ &&
        c.gid == last_gid_)
        return {};
    Told& told = entry(container);
    if (container->info && (!told.any || told.generation != container->generation)) {
        told.any = true, told.generation = container->generation;
        if (auto done = tell(event_.encode(*container, time)); !done) return done;
    }
    if (users != nullptr) {
        if (auto done = tell_names(image, *users, time, told, tell); !done) return done;
    }
    if (pending(image, users)) return {};
    last_image_ = image.generation, last_container_ = container->generation;
    last_uid_ = c.uid, last_gid_ = c.gid;
    return {};
}

Result<> ContainerFacts::tell_names(const ProcessImage& image, const UserView& users, Nanos time, Told& told,
                                    Tell tell) {
    const Credentials& c = image.credentials;
    const std::string& id = image.container->id;
    if (!told.users.contains(c.uid) && told.users.size() < kMostNames) {
        if (const UserEntry* user = users.user(image, c.uid).entry) {
            told.users.insert(c.uid);
            if (auto done = tell_user(*user, id, time, tell); !done) return done;
        }
    }
    if (told.groups.contains(c.gid) || told.groups.size() >= kMostNames) return {};
    const GroupEntry* group = users.group(image, c.gid).entry;
    if (group == nullptr) return {};
    told.groups.insert(c.gid);
    return tell_group(*group, id, time, tell);
}

Result<> ContainerFacts::tell_user(const UserEntry& user, const std::string& container, Nanos time, Tell tell) {
    return tell_event<6>(kUserAdded, time,
                         {as_bytes(user.uid), as_bytes(user.gid), as_text(user.name), as_text(user.home),
                          as_text(user.shell), as_text(container)},
                         tell);
}

Result<> ContainerFacts::tell_group(const GroupEntry& group, const std::string& container, Nanos time, Tell tell) {
    return tell_event<3>(kGroupAdded, time, {as_bytes(group.gid), as_text(group.name), as_text(container)}, tell);
}

Result<> ContainerFacts::tell_all(const ProcessTable& processes, const UserView* users, Nanos time, Tell tell) {
    told_.clear();
    last_image_ = 0;
    Result<> result;
    processes.for_each([&](const Process& process) {
        if (result && process.image->container) result = this->tell(*process.image, users, time, tell);
    });
    return result;
}

} // namespace gyr::recording
