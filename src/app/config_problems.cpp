#include "app/config_problems.h"

#include "app/api.h"
#include "app/certificate_check.h"
#include "app/engine_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gyr::app {
namespace {

class Search {
  public:
    Search(const config::Config& config, bool elsewhere) : config_(config), elsewhere_(elsewhere) {}

    std::vector<SettingProblem> all() {
        outputs();
        if (const auto rollup = rollup_rules(config_, {}); !rollup) add("throttle.by", rollup.error().message);
        audit();
        if (std::string wrong = Api::problem_with(config_.server); !wrong.empty())
            add("server.listen", std::move(wrong));
        server_tls();
        if (!parse_share(config_.plan.verify)) add("plan.verify", bad_share(config_.plan.verify));
        return std::move(found_);
    }

  private:
    void add(std::string key, std::string message) { found_.push_back({std::move(key), std::move(message)}); }
    void check(const std::string& group, const CertificateFiles& files) {
        if (elsewhere_) return;
        for (const CertificateProblem& problem : check_certificates(files)) {
            const std::string key = fmt::format("{}.{}", group, problem.member);
            add(key, fmt::format("{}: {}", key, problem.message));
        }
    }

    void outputs() {
        if (config_.outputs.empty()) add("outputs", "no output is configured");
        for (SettingProblem& problem : read_outputs(config_).problems) found_.push_back(std::move(problem));
        for (std::size_t i = 0; i < config_.outputs.size(); ++i) {
            const config::Output::Tls& tls = config_.outputs[i].tls;
            check(fmt::format("outputs[{}].tls", i), {.cert = tls.cert, .key = tls.key, .ca = tls.ca});
        }
    }

    void audit() {
        const auto options = audit_options(config_);
        if (!options) {
            add("audit", options.error().message);
        } else if (!config_.kernel.enabled && !options->any()) {
            add("kernel.enabled", kNothingToWatch);
        } else {
            const config::Config::Audit::Tls& tls = config_.audit.tls;
            check("audit.tls", {.cert = tls.cert, .key = tls.key, .ca = tls.client_ca, .ca_member = "client_ca"});
        }
    }

    void server_tls() {
        const auto secured = [](const std::vector<std::string>& addresses) {
            return std::ranges::any_of(addresses, [](const std::string& a) { return a.starts_with("https://"); });
        };
        if (!secured(config_.server.listen) && !secured(config_.server.probes)) return;
        const config::Server::Tls& tls = config_.server.tls;
        if (tls.cert.empty()) add("server.listen", "an https address needs a certificate (server.tls.cert)");
        check("server.tls", {.cert = tls.cert, .key = tls.key, .ca = tls.ca, .ca_may_be_folder = false});
    }

    const config::Config& config_;
    const bool elsewhere_;
    std::vector<SettingProblem> found_;
};

} // namespace

std::vector<SettingProblem> config_problems(const config::Config& config, bool elsewhere) {
    return Search(config, elsewhere).all();
}

std::string with_place(const SettingProblem& problem, const std::map<std::string, std::string>& origins) {
    for (std::string key = problem.key; !key.empty();) {
        // What others are a part of is where one of them is.
        const auto found = origins.lower_bound(key);
        if (found != origins.end() && found->first.starts_with(key))
            return fmt::format("{}: {}", found->second, problem.message);
        const std::size_t dot = key.rfind('.');
        key.resize(dot == std::string::npos ? 0 : dot);
    }
    return problem.message;
}

} // namespace gyr::app
