#include "app/outputs_setup.h"

#include "alerts/lookup.h"
#include "rules/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include <unistd.h>

namespace gyr::app {
namespace {

constexpr Nanos kChangePatience = 2'000'000'000; // for an output that is replaced to deliver what it has in hand

outputs::OutputOptions translate(const config::Output& from, const config::Config& config, const std::string& host) {
    outputs::OutputOptions o;
    o.type = from.type;
    o.name = from.name;
    o.format = format_options(from, config);
    o.when = from.when;
    o.hostname = host;
    o.path = from.path;
    o.rotate = {from.rotate.size_bytes, from.rotate.age, from.rotate.keep, from.rotate.compress};
    o.command = from.command;
    o.keep_alive = from.keep_alive;
    o.url = from.url;
    o.headers = from.headers;
    o.token = from.token;
    o.user = from.user;
    o.password = from.password;
    o.credentials = from.credentials;
    o.proxy = from.proxy;
    o.user_agent = from.user_agent;
    o.tls = {from.tls.ca, from.tls.cert, from.tls.key, from.tls.server_name, from.tls.insecure};
    o.batch = from.batch;
    o.timeout = from.timeout;
    o.backoff_max = from.backoff;
    o.topic = from.topic;
    o.max_length = from.max_length;
    o.labels = from.labels;
    o.properties = from.properties;
    o.facility = from.facility;
    return o;
}

// Terminals and pipes are told what happens now; after a clean end nothing waits for them.
journal::Start start_of(const outputs::OutputOptions& options) {
    return options.type == "stdout" || options.type == "stderr" ? journal::Start::after_crash : journal::Start::resume;
}

} // namespace

std::string host_name(const config::Config& config) {
    if (!config.host.name.empty()) return config.host.name;
    if (const char* given = std::getenv("FALCO_HOSTNAME"); given != nullptr && *given != '\0') return given;
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "localhost";
}

FormatOptions format_options(const config::Output& output, const config::Config& config) {
    FormatOptions format;
    format.format = parse_alert_format(output.format).value_or(outputs::standard_format(output.type));
    format.time = config.time_format == "iso8601" ? TimeFormat::iso8601 : TimeFormat::local;
    const config::FalcoJson& keys = config.falco_json;
    format.falco = {keys.output, keys.message, keys.fields, keys.tags};
    return format;
}

OutputsRead read_outputs(const config::Config& config) {
    const std::string host = host_name(config);
    OutputsRead read;
    std::set<std::string> names;
    std::map<std::string, bool> files; // path → whether it is rotated
    for (std::size_t i = 0; i < config.outputs.size(); ++i) {
        outputs::OutputOptions o = translate(config.outputs[i], config, host);
        if (o.name.empty()) {
            o.name = o.type;
            for (int n = 2; names.contains(o.name); ++n) o.name = fmt::format("{}-{}", o.type, n);
        }
        const auto wrong = [&, key = fmt::format("outputs[{}]", i)](std::string_view what) {
            read.problems.push_back({key + ".type", fmt::format("{} ({}): {}", key, o.name, what)});
        };
        if (!names.insert(o.name).second) wrong("another output has this name");
        if (const auto filter = RecordFilter::compile(o.when); !filter) wrong("'when': " + filter.error().message);
        // Standard streams are looked at when they are opened.
        if (o.type != "stdout" && o.type != "stderr") {
            if (const auto channel = outputs::make_channel(o); !channel) wrong(channel.error().message);
        }
        if (o.type == "file") {
            const bool rotated = o.rotate.bytes != 0 || o.rotate.age != 0;
            const auto [other, only] = files.emplace(o.path, rotated);
            // The one would pack what the other is still writing to.
            if (!only && (rotated || other->second)) wrong("another output has this path, and it is rotated");
        }
        read.options.push_back(std::move(o));
    }
    return read;
}

Result<std::vector<outputs::OutputOptions>> output_options(const config::Config& config) {
    OutputsRead read = read_outputs(config);
    if (!read.problems.empty()) return fail(ErrorKind::invalid, std::move(read.problems.front().message));
    return std::move(read.options);
}

journal::Options journal_options(const config::Config& config, bool standard,
                                 const std::vector<outputs::OutputOptions>& outputs) {
    journal::Options o;
    o.path = config.journal.path;
    o.demanded = !standard;
    o.max_bytes = config.journal.size_bytes;
    o.max_age = config.journal.age;
    o.sync = config.journal.sync;
    o.queue_bytes = config.journal.queue_bytes;
    o.recent_bytes = config.journal.memory_bytes;
    o.hostname = host_name(config);
    for (const outputs::OutputOptions& output : outputs) o.outputs.push_back(output.name);
    return o;
}

Result<journal::RollupRules> rollup_rules(const config::Config& config, const std::vector<Rule>& rules) {
    journal::RollupRules out;
    const auto check = [](const std::vector<std::string>& fields, const std::string& where) -> Result<> {
        for (const std::string& field : fields) {
            if (const std::string wrong = check_record_field(field); !wrong.empty())
                return fail(ErrorKind::invalid, fmt::format("{}: {}", where, wrong));
        }
        return {};
    };
    if (config.throttle.window > 0) {
        if (auto ok = check(config.throttle.by, "throttle.by"); !ok) return std::unexpected(ok.error());
        out.all = journal::RollupRule{config.throttle.by, config.throttle.window, config.throttle.max};
    }
    for (const Rule& rule : rules) {
        if (!rule.throttle) continue;
        if (auto ok = check(rule.throttle->by, fmt::format("throttle of rule '{}'", rule.name)); !ok)
            return std::unexpected(ok.error());
        out.rules[rule.name] = {rule.throttle->by, rule.throttle->window, rule.throttle->max};
    }
    return out;
}

OutputSet::~OutputSet() { close(0); }

outputs::OutputEvents OutputSet::events_for(const outputs::OutputOptions& options) {
    outputs::OutputEvents events;
    events.on_problem = events_.on_problem;
    if (events_.on_delivered) {
        events.on_delivered = [this, name = options.name](const AlertRecord& record, Nanos latency) {
            events_.on_delivered(name, record, latency);
        };
    }
    events.on_closed = [this, name = options.name] {
        bool only = false;
        {
            // Not waited for: whoever holds it may be waiting for this output to end.
            const std::unique_lock lock(mutex_, std::try_to_lock);
            only = lock.owns_lock() && outputs_.size() <= 1;
        }
        if (only && events_.on_last_closed)
            events_.on_last_closed();
        else if (events_.on_problem)
            events_.on_problem(fmt::format("output {}: its reader has gone", name));
    };
    return events;
}

Result<> OutputSet::apply(std::vector<outputs::OutputOptions> wanted) {
    struct Ready {
        outputs::OutputOptions options;
        RecordFilter filter;
        std::unique_ptr<outputs::Channel> channel;
    };
    // Everything that can fail comes first.
    std::vector<Ready> fresh;
    std::set<std::string> unchanged;
    for (outputs::OutputOptions& options : wanted) {
        const auto running = std::ranges::find(outputs_, options.name, [](const auto& o) { return o->options().name; });
        if (running != outputs_.end() && (*running)->options() == options) {
            unchanged.insert(options.name);
            continue;
        }
        auto filter = RecordFilter::compile(options.when);
        if (!filter) return std::unexpected(filter.error());
        auto channel = outputs::make_channel(options);
        if (!channel) return std::unexpected(channel.error());
        fresh.push_back({std::move(options), std::move(*filter), std::move(*channel)});
    }
    std::vector<std::unique_ptr<outputs::Output>> ended;
    {
        const std::lock_guard lock(mutex_);
        for (auto& output : outputs_) {
            if (!unchanged.contains(output->options().name)) ended.push_back(std::move(output));
        }
        std::erase(outputs_, nullptr);
    }
    for (const auto& output : ended) output->begin_close(kChangePatience);
    for (const auto& output : ended) output->close(kChangePatience);
    ended.clear(); // their cursors are in the journal now
    for (Ready& ready : fresh) {
        const journal::Start start = start_of(ready.options);
        outputs::OutputEvents events = events_for(ready.options);
        auto output = std::make_unique<outputs::Output>(std::move(ready.options), std::move(ready.filter),
                                                        std::move(ready.channel), journal_, start, std::move(events));
        const std::lock_guard lock(mutex_);
        outputs_.push_back(std::move(output));
    }
    return {};
}

void OutputSet::reopen() {
    const std::lock_guard lock(mutex_);
    for (const auto& output : outputs_) output->reopen();
}

void OutputSet::close(Nanos timeout) {
    const std::lock_guard lock(mutex_);
    for (const auto& output : outputs_) output->begin_close(timeout);
    for (const auto& output : outputs_) output->close(timeout);
}

std::vector<OutputSet::State> OutputSet::states() const {
    const std::lock_guard lock(mutex_);
    std::vector<State> out;
    for (const auto& output : outputs_) out.push_back({output->options(), output->stats(), output->position()});
    return out;
}

} // namespace gyr::app
