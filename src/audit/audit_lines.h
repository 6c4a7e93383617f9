#pragma once
// Text of an audit log, line by line, to events. Ordinarily a line is a document (JSON lines, as the API server writes
// them); a document that goes over several lines is put together. What is broken is told with its line and costs no
// event behind it. One thread.

#include "audit/audit_event.h"
#include "base/json_brackets.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace gyr {

class AuditLines {
  public:
    using OnEvent = std::function<void(AuditEventPtr)>;
    using OnProblem = std::function<void(std::uint64_t line, std::string message)>;

    AuditLines(OnEvent on_event, OnProblem on_problem);

    void add(std::string_view line); // without its end
    void finish();                   // no more lines: a document that has begun is incomplete

  private:
    void take(std::string_view document, std::uint64_t line);
    void give_up(std::string message);

    OnEvent on_event_;
    OnProblem on_problem_;
    std::string held_;  // the document that has begun
    JsonBrackets open_; // of held_
    std::uint64_t line_ = 0, held_from_ = 0;
};

} // namespace gyr
