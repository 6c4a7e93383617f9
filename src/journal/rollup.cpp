#include "journal/rollup.h"

#include "alerts/format.h"
#include "alerts/lookup.h"

#include <fmt/format.h>

#include <algorithm>

namespace gyr::journal {

const RollupRule* Rollup::rule_for(const Alert& alert) const {
    const auto own = rules_.rules.find(alert.rule);
    const RollupRule* rule = own != rules_.rules.end() ? &own->second : rules_.all ? &*rules_.all : nullptr;
    return rule != nullptr && rule->window > 0 ? rule : nullptr;
}

bool Rollup::admit(const Alert& alert, std::uint64_t sequence, Nanos now, std::string& key) {
    const RollupRule* rule = alert.revision == 0 ? rule_for(alert) : nullptr;
    if (rule == nullptr) return true;
    // The priority is part of the key: nothing is ever summed up with something less important.
    key = fmt::format("{}\x1f{}", alert.rule, to_string(alert.priority));
    const AlertRecord record(alert);
    for (const std::string& field : rule->by) key += fmt::format("\x1f{}={}", field, value_text(lookup(record, field)));
    auto found = windows_.find(key);
    if (found != windows_.end() && found->second.closes <= now && found->second.counted == 0) {
        // Closed, and nothing to tell.
        std::erase_if(by_deadline_, [&](const auto& entry) { return entry.second == key; });
        windows_.erase(found);
        found = windows_.end();
    }
    if (found == windows_.end()) {
        Window window;
        window.closes = now + rule->window;
        window.passed = 1;
        window.by = rule->by;
        by_deadline_.emplace(window.closes, key);
        windows_.emplace(key, std::move(window));
        if (rule->max > 0) return true;
        found = windows_.find(key);
        found->second.passed = 0;
    } else if (found->second.passed < rule->max) {
        ++found->second.passed;
        return true;
    }
    count(found->second, alert, sequence);
    return false;
}

void Rollup::count(Window& window, const Alert& alert, std::uint64_t sequence) {
    if (window.counted++ == 0) {
        window.sample = alert;
        window.first = window.last = alert.time;
    }
    window.first = std::min(window.first, alert.time);
    window.last = std::max(window.last, alert.time);
    window.upto = std::max(window.upto, sequence);
    for (const AlertMember& field : alert.output_fields) {
        if (field.value.is_null() || std::ranges::find(window.by, field.name) != window.by.end()) continue;
        std::set<std::string>& values = window.values[field.name];
        if (std::string text = value_text(field.value); values.size() < kMaxValues)
            values.insert(std::move(text));
        else if (!values.contains(text))
            window.more.insert(field.name);
    }
}

void Rollup::count_again(const Alert& alert, const std::string& key, std::uint64_t sequence) {
    const auto [at, is_new] = windows_.try_emplace(key);
    if (is_new) {
        by_deadline_.emplace(0, key); // due at once
        if (const RollupRule* rule = rule_for(alert)) at->second.by = rule->by;
    }
    count(at->second, alert, sequence);
}

Rollup::Summary Rollup::summarise(const std::string& key, const Window& window) {
    Summary summary{.key = key, .upto = window.upto, .alert = {}};
    Alert& a = summary.alert;
    const Alert& s = window.sample;
    a.uuid = make_uuid(window.last);
    a.time = window.last;
    a.rule = s.rule;
    a.priority = s.priority;
    a.source = s.source;
    a.cause = "rollup";
    a.hostname = s.hostname;
    a.tags = s.tags;
    const AlertRecord sample(s);
    AlertBlock block{.name = "rollup", .members = {}, .lists = {}};
    block.members.push_back({"count", {window.counted}});
    block.members.push_back({"first", {format_utc(window.first)}});
    block.members.push_back({"last", {format_utc(window.last)}});
    std::string same;
    for (const std::string& field : window.by) {
        const AlertValue value = lookup(sample, field);
        same += fmt::format("{}{}={}", same.empty() ? " with " : " ", field, value_text(value));
        a.output_fields.push_back({field, value});
    }
    for (const auto& [field, values] : window.values) {
        AlertValue::List list;
        for (const std::string& value : values) list.push_back({value});
        block.members.push_back({field, {std::move(list)}});
    }
    if (!window.more.empty()) {
        AlertValue::List fields;
        for (const std::string& field : window.more) fields.push_back({field});
        block.members.push_back({"more_values_of", {std::move(fields)}});
    }
    // Context that all of them share by the key.
    for (const char* name : {"container", "k8s"}) {
        const AlertBlock* shared = s.find_block(name);
        const bool keyed = std::ranges::any_of(
            window.by, [&](const std::string& f) { return f.starts_with("container.id") || f.starts_with("k8s.pod"); });
        if (shared != nullptr && keyed) a.blocks.push_back(*shared);
    }
    a.blocks.push_back(std::move(block));
    a.output_fields.push_back({"rollup.count", {window.counted}});
    a.output_fields.push_back({"rollup.first", {format_utc(window.first)}});
    a.output_fields.push_back({"rollup.last", {format_utc(window.last)}});
    a.message = fmt::format("{} more of \"{}\"{} between {} and {}", window.counted, s.rule, same,
                            format_utc(window.first), format_utc(window.last));
    return summary;
}

std::vector<Rollup::Summary> Rollup::take_due(Nanos now, bool everything) {
    std::vector<Summary> out;
    while (!by_deadline_.empty() &&
           (everything || by_deadline_.begin()->first <= now || windows_.size() > kMaxWindows)) {
        const auto at = by_deadline_.begin();
        if (const auto window = windows_.find(at->second); window != windows_.end()) {
            if (window->second.counted > 0) out.push_back(summarise(window->first, window->second));
            windows_.erase(window);
        }
        by_deadline_.erase(at);
    }
    return out;
}

Nanos Rollup::next_deadline() const {
    if (by_deadline_.empty()) return 0;
    return std::max<Nanos>(1, by_deadline_.begin()->first);
}

} // namespace gyr::journal
