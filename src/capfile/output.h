#pragma once
// Where a capture is written: a descriptor or a string, through gzip or plain. Buffered; the first failure stays.

#include "base/fd.h"
#include "base/result.h"

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyr::capfile {

class Output {
  public:
    Output(UniqueFd owned, int fd) : owned_(std::move(owned)), fd_(fd) {}
    explicit Output(std::string& out) : string_(&out) {}
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    [[nodiscard]] Result<> compress(int level); // before the first write
    [[nodiscard]] Result<> write(std::string_view bytes);
    [[nodiscard]] Result<> flush();
    [[nodiscard]] Result<> close(); // later calls do nothing

    [[nodiscard]] std::uint64_t bytes_out() const { return written_; }

  private:
    [[nodiscard]] Result<> deflate_all(std::string_view bytes, int flush);
    [[nodiscard]] Result<> put(std::string_view bytes);
    [[nodiscard]] std::unexpected<Error> failed(std::unexpected<Error> error);

    UniqueFd owned_;
    int fd_ = -1;
    std::string* string_ = nullptr;
    z_stream gzip_{};
    bool compressed_ = false, closed_ = false;
    std::uint64_t written_ = 0;
    std::optional<Error> failure_;
};

} // namespace gyr::capfile
