#include "containers/user_files.h"

#include "containers/bounded_file.h"
#include "containers/file_root.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace gyr {
namespace {

enum class Read : std::uint8_t { ok, absent, failed };

Read read_file(int root, const char* path, std::size_t max_bytes, std::string& text, bool& cut) {
    auto bytes = read_in_root(root, path, max_bytes, &cut);
    if (!bytes) return bytes.error().kind == ErrorKind::not_found ? Read::absent : Read::failed;
    text = std::move(*bytes);
    return Read::ok;
}

Read load_tree(int root, std::size_t max_bytes, UserFiles& files) {
    std::string text;
    bool cut = false;
    const Read passwd = read_file(root, "etc/passwd", max_bytes, text, cut);
    if (passwd == Read::ok) files.table.parse_passwd(text, cut);
    cut = false;
    text.clear();
    const Read group = read_file(root, "etc/group", max_bytes, text, cut);
    if (group == Read::ok) files.table.parse_group(text, cut);
    if (passwd == Read::ok || group == Read::ok) return Read::ok;
    return passwd == Read::absent && group == Read::absent ? Read::absent : Read::failed;
}

int open_folder(const std::string& path) { return ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }

// One file from overlay layers, upper first. A character device 0:0 stands for "removed here", an opaque folder for
// "nothing of what is below".
Read read_layers(const std::vector<UniqueFd>& layers, const char* path, std::size_t max_bytes, std::string& text,
                 bool& cut) {
    for (const UniqueFd& layer : layers) {
        const UniqueFd place(open_in_root(layer.get(), path, O_PATH | O_NOFOLLOW));
        if (place) {
            struct stat status {};
            if (::fstat(place.get(), &status) == 0 && S_ISCHR(status.st_mode)) return Read::absent;
            return read_file(layer.get(), path, max_bytes, text, cut);
        }
        const UniqueFd folder(open_in_root(layer.get(), "etc", O_RDONLY | O_DIRECTORY | O_NONBLOCK));
        char value = 0;
        if (folder && ::fgetxattr(folder.get(), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y')
            return Read::absent;
    }
    return Read::absent;
}

bool load_process(const UserFilesWanted& wanted, UserFiles& files, Missing& why) {
    const std::string process = wanted.proc + "/" + std::to_string(wanted.pid);
    const UniqueFd root(open_folder(process + "/root"));
    if (!root) {
        why = errno == EACCES || errno == EPERM ? Missing::denied : Missing::gone;
        return false;
    }
    std::string uids, gids;
    if (wanted.map_ids) {
        uids = read_bounded_file(process + "/uid_map", 65'536).value_or("");
        gids = read_bounded_file(process + "/gid_map", 65'536).value_or("");
        if (uids.empty() || gids.empty()) { // gone, or not written yet
            why = Missing::gone;
            return false;
        }
    }
    // The root is held; if the process still is in that namespace now, it was when the root was opened.
    struct stat name_space {};
    if (::stat((process + "/ns/mnt").c_str(), &name_space) != 0 ||
        (wanted.mnt != 0 && name_space.st_ino != wanted.mnt)) {
        why = Missing::gone;
        return false;
    }
    files.uids = IdMap::parse(uids);
    files.gids = IdMap::parse(gids);
    if (load_tree(root.get(), wanted.max_bytes, files) == Read::failed) {
        why = Missing::denied;
        return false;
    }
    return true;
}

bool load_image(const UserFilesWanted& wanted, UserFiles& files) {
    if (!wanted.rootfs.empty()) {
        const UniqueFd root(open_folder(wanted.host_root + wanted.rootfs));
        if (root && load_tree(root.get(), wanted.max_bytes, files) == Read::ok) return true;
    }
    std::vector<UniqueFd> layers;
    for (const std::string& layer : wanted.layers) {
        UniqueFd fd(open_folder(wanted.host_root + layer));
        if (fd) layers.push_back(std::move(fd)); // the upper one goes with the container, the image's stay
    }
    if (layers.empty()) return false;
    std::string text;
    bool cut = false;
    const bool passwd = read_layers(layers, "etc/passwd", wanted.max_bytes, text, cut) == Read::ok;
    if (passwd) files.table.parse_passwd(text, cut);
    cut = false;
    const bool group = read_layers(layers, "etc/group", wanted.max_bytes, text, cut) == Read::ok;
    if (group) files.table.parse_group(text, cut);
    return passwd || group;
}

} // namespace

std::shared_ptr<const UserFiles> load_user_files(const UserFilesWanted& wanted) {
    auto files = std::make_shared<UserFiles>();
    if (wanted.pid == 0) {
        const UniqueFd root(open_folder(wanted.host_root.empty() ? "/" : wanted.host_root));
        if (!root || load_tree(root.get(), wanted.max_bytes, *files) == Read::failed) files->why = Missing::denied;
        return files;
    }
    Missing why = Missing::gone;
    // Without the map, which goes with the process, an id of a user namespace is somebody else's in the image's files.
    const bool may_use_image = !wanted.map_ids;
    if (!load_process(wanted, *files, why) && !(may_use_image && load_image(wanted, *files))) files->why = why;
    return files;
}

} // namespace gyr
