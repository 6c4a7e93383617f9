#pragma once
// A condition over finished records, written in the rule language: which records an output gets, which ones a query
// shows. Fields are those of alerts/lookup.h; priorities compare by importance ("priority >= warning").

#include "alerts/alert.h"
#include "base/result.h"
#include "lang/ast.h"

#include <memory>
#include <string_view>

namespace gyr {

class RecordFilter {
  public:
    // An empty filter matches everything.
    RecordFilter() = default;
    // One sentence tells what is wrong, with the place in text.
    [[nodiscard]] static Result<RecordFilter> compile(std::string_view text);
    [[nodiscard]] bool matches(const AlertRecord& record) const; // any thread

  private:
    struct Compiled;
    std::shared_ptr<const Compiled> compiled_;
};

} // namespace gyr
