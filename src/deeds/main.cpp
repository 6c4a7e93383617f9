// The program that does what `gyr simulate` shows: `perform STEP...` the steps of an action, `deed WORD...` one of
// them. It is small and needs the C library alone, because it starts some hundred times a run; gyr carries it
// (program.h).

#include "deeds/deeds.h"

#include <csignal>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_DFL); // gyr ignores it, and programs expect it
    const std::vector<std::string> words(argv + 1, argv + argc);
    const gyr::deeds::Words rest = gyr::deeds::Words(words).subspan(words.empty() ? 0 : 1);
    if (!rest.empty() && words[0] == "perform") return gyr::deeds::perform({rest.begin(), rest.end()});
    if (!rest.empty() && words[0] == "deed") return gyr::deeds::do_words(rest);
    return gyr::deeds::wrong_use("deeds");
}
