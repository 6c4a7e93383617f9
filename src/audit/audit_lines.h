#pragma once
// Text of an audit log, line by line, to events. Ordinarily a line is a document (JSON lines, as the API server writes
// them); a document that goes over several lines is put together. What is broken is told with its line and costs no
// event behind it. One thread.

#include "audit/audit_event.h"

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
    // What a piece of JSON leaves open.
    struct Brackets {
        std::int64_t depth = 0;
        bool quoted = false;
        void follow(std::string_view text);
        [[nodiscard]] bool closed() const { return depth == 0 && !quoted; }
    };

    void take(std::string_view document, std::uint64_t line);
    void give_up(std::string message);

    OnEvent on_event_;
    OnProblem on_problem_;
    std::string held_; // the document that has begun
    Brackets open_;    // of held_
    std::uint64_t line_ = 0, held_from_ = 0;
};

} // namespace gyr
