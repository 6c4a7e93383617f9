#pragma once
// For tests only: a folder that goes away, and waiting for records.

#include "alerts/test_support.h"
#include "journal/journal.h"

#include <filesystem>
#include <string>
#include <vector>

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace gyr::journal {

struct TestFolder {
    TestFolder() {
        std::string pattern = std::filesystem::temp_directory_path() / "gyr-test-XXXXXX";
        path = ::mkdtemp(pattern.data());
    }
    ~TestFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path + "/" + name; }
    std::string path;
};

inline AlertRecordPtr shared(AlertRecord record) { return std::make_shared<const AlertRecord>(std::move(record)); }

// A subscription with its descriptor.
struct TestReader {
    TestReader(Journal& journal, const std::string& name, Start start = Start::resume)
        : wake_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), subscription(journal.subscribe(name, wake_fd, start)) {}
    ~TestReader() {
        subscription.reset();
        ::close(wake_fd);
    }
    TestReader(const TestReader&) = delete;
    TestReader& operator=(const TestReader&) = delete;

    // Reads until there are `count` records or nothing comes for ten seconds.
    std::vector<AlertRecordPtr> read(std::size_t count) {
        std::vector<AlertRecordPtr> out;
        while (out.size() < count) {
            std::vector<Entry> some = subscription->read(1000, 1U << 20);
            for (Entry& entry : some) {
                out.push_back(std::move(entry.record));
                subscription->delivered(entry.sequence);
            }
            if (!some.empty()) continue;
            pollfd wanted{wake_fd, POLLIN, 0};
            if (::poll(&wanted, 1, 10'000) <= 0) break;
            std::uint64_t value = 0;
            [[maybe_unused]] const auto n = ::read(wake_fd, &value, sizeof value);
        }
        return out;
    }

    int wake_fd;
    std::unique_ptr<Subscription> subscription;
};

} // namespace gyr::journal
