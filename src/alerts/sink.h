#pragma once
// Where finished records go. The seam between the engine, which must never wait, and what keeps and delivers them.

#include "alerts/alert.h"

namespace gyr {

class AlertSink {
  public:
    virtual ~AlertSink() = default;
    // Takes the record; never blocks. What cannot be taken is counted and declared by a gap record later. Any thread.
    virtual void push(AlertRecordPtr record) = 0;
};

} // namespace gyr
