// Audit logs and webhook bodies, and every field of the events in them.
#include "audit/audit_lines.h"
#include "fields/registry.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace gyr;

namespace {

std::vector<fields::BoundField> audit_fields() {
    std::vector<fields::BoundField> out;
    for (const fields::Field* f : fields::all_fields()) {
        if (f->info.source != "k8s_audit") continue;
        for (const char* arg : {"", "0", "/a/0", "/etc*"}) {
            const auto given = *arg != '\0' ? std::optional<std::string>(arg) : std::nullopt;
            if (auto bound = fields::bind_field(f->info.name, given)) out.push_back(std::move(*bound));
        }
    }
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<fields::BoundField> all = audit_fields();
    const void* raw = data;
    std::string text(static_cast<const char*>(raw), size);
    Arena arena;
    AuditLines lines(
        [&](AuditEventPtr audit) {
            const Event event = event_of_audit(std::move(audit), 1);
            const EvalWorld world;
            std::string printed;
            for (const fields::BoundField& f : all)
                fields::append_text(printed, f.field->extract(fields::Context{event, world, arena}, f.arg), f.type,
                                    f.field->format);
            arena.reset();
        },
        [](std::uint64_t, const std::string&) {});
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.add(std::string_view(text).substr(at, end - at));
        at = end + 1;
    }
    lines.finish();
    return 0;
}
