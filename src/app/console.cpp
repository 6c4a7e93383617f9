#include "app/console.h"

#include "alerts/format.h"
#include "alerts/json_text.h"
#include "base/clock.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

namespace gyr::app {
namespace {

bool output_was_closed = false;
std::atomic<LogLevel> log_least{LogLevel::info};
std::atomic<LogFormat> log_format{LogFormat::text};

// Returns the errno of the first failure, 0 for none.
int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        text.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
    return 0;
}

// For a terminal: what a program or a file put into a text cannot steer it. `kept` may stay as they are. JSON stays
// JSON: it holds none of the first 32 characters, and the others are written as it writes them.
std::string without_controls(std::string_view text, std::string_view kept) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 && kept.find(c) == std::string_view::npos)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    return json_text::escape_display(out);
}

std::string one_line(std::string_view text) { return without_controls(text, ""); }

std::string_view to_string(LogLevel level) {
    constexpr std::array<std::string_view, 4> kNames{"error", "warning", "info", "debug"};
    return kNames[static_cast<std::size_t>(level)];
}

} // namespace

void guard_standard_streams() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            output_was_closed = output_was_closed || fd == STDOUT_FILENO;
            // The lowest free number is fd itself: those below are open by now.
            [[maybe_unused]] const int opened = ::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
        }
    }
}

bool standard_output_closed() { return output_was_closed; }

Exit print(std::string_view text) {
    if (output_was_closed) {
        return complain(Exit::usage, "standard output is closed");
    }
    // Most results hold nothing that is to be replaced, and some are long.
    const bool plain = std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f || byte == 0xc2 || byte == 0xe2;
    });
    const int error = plain ? write_all(STDOUT_FILENO, text) : write_all(STDOUT_FILENO, without_controls(text, "\n\t"));
    if (error == 0 || error == EPIPE) {
        return Exit::fine;
    }
    return complain(Exit::usage, fmt::format("cannot write to standard output: {}", std::strerror(error)));
}

Exit complain(Exit code, std::string_view message) {
    log(LogLevel::error, message);
    return code;
}

std::string in_one_line(const std::vector<Diagnostic>& problems, std::string_view more_from) {
    std::vector<const Diagnostic*> errors;
    for (const Diagnostic& d : problems) {
        if (d.severity == Severity::error) {
            errors.push_back(&d);
        }
    }
    if (errors.empty()) {
        return {};
    }
    const Diagnostic& first = *errors.front();
    std::string text;
    // A file that cannot be read at all is named in the sentence.
    if (!first.place.file.empty() &&
        (first.place.line > 0 || first.message.find(first.place.file) == std::string::npos)) {
        text = first.place.file +
               (first.place.line > 0 ? fmt::format(":{}:{}", first.place.line, first.place.column) : "") + ": ";
    }
    for (const DiagnosticItem& item : first.context) {
        if (item.type == "rule" || item.type == "macro" || item.type == "list") {
            text += fmt::format("{} '{}': ", item.type, item.name);
            break;
        }
    }
    text += first.message;
    if (!first.hint.empty()) {
        text += fmt::format(" ({})", first.hint);
    }
    if (errors.size() > 1) {
        text += fmt::format(" — and {} more; {}", errors.size() - 1, more_from);
    }
    return text;
}

Exit complain(Exit code, const std::vector<Diagnostic>& problems, std::string_view more_from) {
    const std::string text = in_one_line(problems, more_from);
    return text.empty() ? code : complain(code, text);
}

Exit exit_code(const Error& error) {
    switch (error.kind) {
    case ErrorKind::unsupported: return Exit::host;
    case ErrorKind::invalid:
    case ErrorKind::not_found:
    case ErrorKind::io:
    case ErrorKind::timeout: break;
    }
    return Exit::usage;
}

void set_log(LogLevel least, LogFormat format) {
    log_least = least;
    log_format = format;
}

void log(LogLevel level, std::string_view message) {
    if (level > log_least.load()) {
        return;
    }
    std::string line;
    if (log_format.load() == LogFormat::json) {
        const nlohmann::ordered_json j{
            {"time", format_utc(wall_now())}, {"level", to_string(level)}, {"message", message}};
        line = json_text::dump_line(j) + "\n";
    } else {
        const std::string_view mark = level == LogLevel::error     ? "error: "
                                      : level == LogLevel::warning ? "warning: "
                                                                   : "";
        line = fmt::format("gyr: {}{}\n", mark, one_line(message));
    }
    // Nothing can be done when even this fails.
    [[maybe_unused]] const int error = write_all(STDERR_FILENO, line);
}

} // namespace gyr::app
