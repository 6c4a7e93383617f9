#include "audit/audit_lines.h"

#include <fmt/format.h>

#include <utility>

namespace gyr {
namespace {

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n\f\v";
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

} // namespace

AuditLines::AuditLines(OnEvent on_event, OnProblem on_problem)
    : on_event_(std::move(on_event)), on_problem_(std::move(on_problem)) {}

void AuditLines::take(std::string_view document, std::uint64_t line) {
    auto batch = parse_audit(document);
    if (!batch) {
        on_problem_(line, batch.error().message);
        return;
    }
    for (std::string& problem : batch->problems) on_problem_(line, std::move(problem));
    for (AuditEventPtr& event : batch->events) on_event_(std::move(event));
}

void AuditLines::give_up(std::string message) {
    held_.clear();
    open_ = {};
    on_problem_(held_from_, std::move(message));
}

void AuditLines::add(std::string_view whole) {
    ++line_;
    const std::string_view line = trim(whole);
    if (line.empty()) return;
    JsonBrackets own;
    own.follow(line);
    // An event begins at the margin while another is open: that one was cut off.
    if (!held_.empty() && held_.front() == '{' && own.closed() && whole.starts_with("{\"")) {
        give_up("a document that is cut off");
        return take(line, line_);
    }
    if (held_.empty()) {
        if (own.closed() || (line.front() != '{' && line.front() != '[')) return take(line, line_);
        held_from_ = line_;
    }
    open_.follow(line);
    held_ += line;
    held_ += '\n';
    if (open_.quoted) return give_up("a text without its closing quote");
    if (held_.size() > kMaxAuditBytes) return give_up("larger than 16 MiB");
    if (open_.depth > 0) return;
    const std::string document = std::exchange(held_, {});
    open_ = {};
    take(document, held_from_);
}

void AuditLines::finish() {
    if (!held_.empty()) give_up("a document that is cut off");
}

} // namespace gyr
