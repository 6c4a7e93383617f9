// Runs a fuzz target without a fuzzer: over every file named on the command line, or found in a folder named there.
// Each input gets a heap block of exactly its size, so that AddressSanitizer sees a read past the end.
// Exit code 1 when there was nothing to run: an empty corpus tests nothing.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inputs_of(const fs::path& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

bool run_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::error_code error;
    const auto size = static_cast<std::size_t>(fs::file_size(path, error));
    if (!file || error) return false;
    const auto block = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    std::vector<char> bytes(size);
    file.read(bytes.data(), static_cast<std::streamsize>(size));
    if (file.gcount() != static_cast<std::streamsize>(size)) return false;
    std::ranges::copy(bytes, block.get());
    std::printf("%s\n", path.c_str()); // before the call: a crash names its input
    std::fflush(stdout);
    return LLVMFuzzerTestOneInput(block.get(), size) == 0;
}

} // namespace

int main(int argc, char** argv) {
    std::size_t count = 0;
    for (int i = 1; i < argc; ++i) {
        for (const auto& path : inputs_of(argv[i])) {
            if (!run_file(path)) {
                std::fprintf(stderr, "%s: cannot be read, or the target refused it\n", path.c_str());
                return 1;
            }
            ++count;
        }
    }
    std::printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
