#include "deeds/deeds.h"

#include "deeds/words.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace gyr::deeds {

int cannot(const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
    return 125;
}

int wrong_use(const std::string& what) {
    std::fprintf(stderr, "%s: wrong use\n", what.c_str());
    return 125;
}

int wait_for(int pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return cannot("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Deed find_deed(std::string_view name) {
    for (const auto part : {role_deeds(), file_deeds(), kernel_deeds(), network_deeds()}) {
        const auto found = std::ranges::find(part, name, &NamedDeed::name);
        if (found != part.end()) return found->deed;
    }
    return nullptr;
}

int do_words(Words words) {
    if (words.empty()) return wrong_use("a step without words");
    if (const Deed deed = find_deed(words[0])) return deed(words.subspan(1));
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    return cannot(words[0]);
}

int perform(const std::vector<std::string>& steps) {
    int number = 0;
    for (std::string step : steps) {
        ++number;
        const bool any_status = step.starts_with('?');
        if (any_status) step.erase(0, 1);
        const std::vector<std::string> words = split_words(step);
        const pid_t pid = ::fork();
        if (pid < 0) return number;
        if (pid == 0) ::_exit(do_words(words));
        const int status = wait_for(pid);
        if (status == 0 || (any_status && status != 125)) continue;
        std::fprintf(stderr, "%s: status %d\n", step.c_str(), status);
        return number;
    }
    return 0;
}

} // namespace gyr::deeds
