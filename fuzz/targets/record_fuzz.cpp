// Lines of the journal from anywhere. Input: a filter, a newline, a record. What parses as a record must print as a
// line that parses to the same line again, in every format, whatever filter is asked.

#include "alerts/filter.h"
#include "alerts/format.h"
#include "alerts/parse.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t end = text.find('\n');
    const auto filter = gyr::RecordFilter::compile(text.substr(0, end));
    const auto record = gyr::parse_record(end == std::string_view::npos ? text : text.substr(end + 1));
    if (!record) return 0;
    if (filter) (void)filter->matches(*record);
    const auto print = [](const gyr::AlertRecord& r, gyr::AlertFormat format) {
        return gyr::format_record(r, {format, gyr::TimeFormat::iso8601});
    };
    const std::string line = print(*record, gyr::AlertFormat::json);
    const auto again = gyr::parse_record(line);
    if (!again || print(*again, gyr::AlertFormat::json) != line) std::abort();
    for (const auto format :
         {gyr::AlertFormat::text, gyr::AlertFormat::falco, gyr::AlertFormat::ecs, gyr::AlertFormat::ocsf}) {
        if (print(*record, format).find('\n') != std::string::npos) std::abort();
    }
    return 0;
}
