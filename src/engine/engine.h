#pragma once
// The running agent: the live source, the pipeline, the containers and users behind it, on one thread that waits for
// all of them at once. Nothing here blocks on a runtime, a file system of a container, or a sink.

#include "alerts/sink.h"
#include "audit/audit_input.h"
#include "base/result.h"
#include "containers/resolver.h"
#include "containers/users.h"
#include "engine/capture_stage.h"
#include "engine/container_table.h"
#include "engine/gap_watch.h"
#include "engine/host_cgroups.h"
#include "engine/identity_table.h"
#include "engine/loss_by_process.h"
#include "engine/pipeline.h"
#include "engine/true_paths.h"
#include "plan/lower.h"
#include "plan/process_condition.h"
#include "sources/live_bpf/live_source.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gyr {

class Engine {
  public:
    struct Options {
        bool watch_host = true; // false: nothing but the audit log, which asks nothing of the kernel; live is not used
        LiveOptions live;
        Pipeline::Options pipeline;
        ContainerTable::Options containers;
        ResolverOptions resolver;
        UserOptions users;
        AuditInputOptions audit;
        std::function<void(const std::string&)> on_audit_problem = {}; // any thread; one sentence
        // For commands that show or keep events rather than judge them: gets every event from armed on.
        std::function<void(const Event&, const EvalWorld&)> observe = {};
        std::function<void()> pause = {}; // what came at once was handed on; at least a few times a second
        std::optional<CaptureStageOptions> captures = {}; // around alerts
        plan::LowerOptions plan = {};                     // how rules become what is collected
        std::optional<EventPlan> events = {};             // what to collect; without it, what the rules want
        std::uint32_t plan_verify = 0;                    // LiveSource::verify()
        bool count_clauses = false;                       // LiveSource::count_clauses()
        std::uint32_t cpu_budget_percent = 0;             // of one processor; 0: no limit
        Nanos gap_quiet = 1'000'000'000;                  // a gap record is closed after this long without another loss
    };
    struct Summary {
        Pipeline::Stats pipeline;
        ProcessTable::Stats processes;
        std::size_t containers = 0;
        std::size_t containers_without_image = 0;
        std::uint64_t lost = 0; // process records the kernel could not write
        Nanos running = 0;
        Nanos armed_after = 0; // from start() to armed
        Nanos at = 0;          // monotonic, when this was so
        Losses losses{};       // of process records, by RecordKind
        std::vector<LiveSource::EventCount> events;
        std::vector<EventLoss> event_losses;
        std::vector<std::pair<std::string, std::uint64_t>> kernel_errors;
        std::uint64_t malformed = 0;
        std::vector<Nanos> rule_costs; // by rule of the matcher, estimated (engine/rule_cost.h)
        std::shared_ptr<const Matcher> rules;
        recording::AlertCaptures::Stats captures;
        std::uint64_t recorder_starved = 0; // events of the last seconds that found no room
    };
    using Build = std::function<Pipeline::Built(const Matcher&, std::uint32_t, const Event&, const EvalWorld&)>;

    // sink must outlive the engine. Errors: ErrorKind::unsupported when this host cannot do it.
    static Result<std::unique_ptr<Engine>> create(Options options, std::shared_ptr<const Matcher> matcher, Build build,
                                                  AlertSink& sink);
    ~Engine();

    // Attaches, takes the snapshot, judges it. After this the host is watched.
    Result<> start();
    // Until stop(). Errors are those of the source.
    Result<> run();
    // Any thread; also from a signal handler.
    void stop();
    // Any thread: what takes long of swap_rules(matcher), while events go on.
    Result<> prepare_rules(const Matcher& matcher);
    // Any thread: new rules between two events.
    void swap_rules(std::shared_ptr<const Matcher> matcher);
    // After run(): what is held goes out, open gaps are closed.
    void finish();

    [[nodiscard]] Summary summary() const; // of the thread that runs it
    // As summary() was at most a second ago. Any thread.
    [[nodiscard]] Summary latest() const;
    [[nodiscard]] const LiveSource* source() const { return source_.get(); } // null: the host is not watched
    // Of the thread that runs it.
    [[nodiscard]] const ProcessTable& processes() const { return pipeline_->processes(); }
    [[nodiscard]] const UserView* users() const { return users_.get(); }
    // What is listened to, as of start(). Any thread, after start().
    [[nodiscard]] std::vector<Hook> hooks() const;
    [[nodiscard]] int audit_port() const { return audit_ ? audit_->port() : -1; } // of the webhook; -1: there is none

  private:
    Engine(Options options, AlertSink& sink);

    std::size_t drain(std::chrono::milliseconds timeout);
    std::shared_ptr<const ContainerInfo> ask_about(const CgroupMatch& match, const ProcessImage& image);
    void take_metadata();
    void take_users();
    void take_audit();
    void take_commands();
    Result<> follow_plan();
    Result<> carry_out_plan();
    void follow_identities(const EventPlan& plan);
    void take_identities();
    void tell_mask(const ProcessImagePtr& image);
    void watch_losses();
    void add_event_losses(std::vector<GapWatch::Loss>& seen, Nanos offset);
    void add_process_losses();
    [[nodiscard]] std::string_view container_named(std::uint64_t cgroup_set) const;
    [[nodiscard]] const std::vector<std::string>& blind_to(EventCode code);
    void keep_budget();
    void follow_captures();
    void remember(std::uint64_t cgroup_set, const std::string& container);
    void report_plan_error(std::string_view rule, const Event& event);
    void publish_summary();
    void emit_gap(GapRecord gap);
    [[nodiscard]] std::vector<std::string> blind_rules() const;
    [[nodiscard]] int wait_ms() const;

    Options options_;
    AlertSink& sink_;
    std::unique_ptr<LiveSource> source_; // null: the host is not watched
    std::unique_ptr<Resolver> resolver_;
    std::unique_ptr<UserDirectory> users_;
    std::unique_ptr<AuditInput> audit_; // null: none is configured
    ContainerTable containers_;
    HostCgroups host_cgroups_;
    std::unique_ptr<plan::ProcessMasks> masks_; // null: no rule is left out for a process
    std::unique_ptr<Pipeline> pipeline_;
    std::unique_ptr<CaptureStage> captures_; // null: none are wanted
    bool capturing_ = false;                 // everything is collected for one
    TruePaths true_paths_{options_.resolver.host_root};
    std::unique_ptr<IdentityTable> identities_; // null: no rule names a file by its exact path
    GapWatch gaps_;
    LossByProcess lost_of_;
    mutable std::mutex latest_mutex_;
    Summary latest_;          // guarded by latest_mutex_
    std::vector<Hook> hooks_; // likewise
    Nanos latest_at_ = 0;
    std::mutex commands_mutex_;
    std::shared_ptr<const Matcher> new_rules_; // guarded by commands_mutex_
    std::atomic<bool> stopping_{false};
    int wake_fd_ = -1;
    int epoll_fd_ = -1;
    std::vector<Tid> to_refresh_;
    bool host_known_ = false;                             // whose namespaces are the host's
    std::map<EventCode, std::vector<std::string>> blind_; // names of rules by event type, of the rules of the moment
    std::unordered_map<std::uint64_t, std::string> container_of_; // ids by cgroup_set
    std::uint64_t events_lost_ = 0, lost_records_ = 0;            // when last looked at
    bool gaps_open_ = false;
    unsigned shed_ = 0;
    Nanos budget_wall_ = 0, budget_used_ = 0;
    std::uint64_t healed_ = 0; // losses after which the tree was read again
    Nanos started_ = 0, armed_ = 0, collected_ = 0;
};

} // namespace gyr
