#include "base/units.h"
#include "config/document.h"
#include "config/expand.h"
#include "config/loader.h"
#include "config/settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

namespace gyr::config {
namespace {

Loaded load(std::string text, std::vector<std::string> overrides = {}, std::map<std::string, std::string> env = {}) {
    LoadRequest request;
    request.text = std::move(text);
    request.file = "gyr.yaml";
    request.overrides = std::move(overrides);
    request.environment = [env](std::string_view name) -> std::optional<std::string> {
        const auto found = env.find(std::string(name));
        return found == env.end() ? std::nullopt : std::optional(found->second);
    };
    return load_config(request);
}

Config good(const std::string& text, std::vector<std::string> overrides = {}) {
    Loaded loaded = load(text, std::move(overrides));
    for (const Diagnostic& d : loaded.problems) {
        ADD_FAILURE() << to_text(d);
    }
    return loaded.config;
}

// The one problem of a bad configuration, as a line.
std::string problem(const std::string& text, std::vector<std::string> overrides = {}) {
    const Loaded loaded = load(text, std::move(overrides));
    EXPECT_EQ(loaded.problems.size(), 1U) << text;
    return loaded.problems.empty() ? "" : to_text(loaded.problems.front());
}

TEST(Settings, EveryDefaultFitsItsOwnKey) {
    for (const auto& setting : settings()) {
        const auto node = parse_tree(std::string(setting.standard), "default");
        ASSERT_TRUE(node) << setting.key;
        Config config;
        EXPECT_EQ(store(setting, *node, config), "") << setting.key;
    }
    for (const auto& setting : output_settings()) {
        const auto node = parse_tree(std::string(setting.standard), "default");
        ASSERT_TRUE(node) << setting.key;
        Output output;
        EXPECT_EQ(store(setting, *node, output), "") << setting.key;
    }
}

TEST(ConfigLoader, NothingGivesTheDefaults) {
    for (const char* text : {"", "# only a comment\n", "---\n", "{}"}) {
        const Config c = good(text);
        EXPECT_EQ(c.metadata.wait, 1'000'000'000);
        EXPECT_EQ(c.rule_matching, "all");
        ASSERT_EQ(c.outputs.size(), 1U);
        EXPECT_EQ(c.outputs[0].type, "stdout");
        EXPECT_EQ(c.outputs[0].format, "");
        EXPECT_TRUE(c.rules.empty());
    }
}

TEST(ConfigLoader, ReadsEveryKindOfValue) {
    const Config c =
        good("rules: [/a, /b.yaml]\n"
             "priority: Warning\n"
             "metadata: {wait: 250ms}\n"
             "kernel:\n  ring: 8MiB\n"
             "host: {root: /host}\n"
             "outputs:\n  - {type: file, path: /x, format: json, rotate: {size: 1MB, keep: 3, compress: yes}}\n"
             "  - {type: http, url: \"https://a\", headers: {X-Key: v}, tls: {ca: /ca}, batch: 7}\n");
    EXPECT_EQ(c.rules, (std::vector<std::string>{"/a", "/b.yaml"}));
    EXPECT_EQ(c.priority, "warning");
    EXPECT_EQ(c.metadata.wait, 250'000'000);
    EXPECT_EQ(c.kernel.ring_bytes, 8U << 20);
    EXPECT_EQ(c.host.root, "/host");
    EXPECT_EQ(c.outputs[0].format, "json");
    EXPECT_EQ(c.outputs[0].rotate.size_bytes, 1'000'000U);
    EXPECT_EQ(c.outputs[0].rotate.keep, 3U);
    EXPECT_TRUE(c.outputs[0].rotate.compress);
    EXPECT_EQ(c.outputs[1].headers.at("X-Key"), "v");
    EXPECT_EQ(c.outputs[1].tls.ca, "/ca");
    EXPECT_EQ(c.outputs[1].batch, 7U);
}

TEST(ConfigLoader, OverridesWinInOrderAndReachIntoLists) {
    const Config c =
        good("metadata: {wait: 5s}\noutputs: [{type: stdout}]\n",
             {"metadata.wait=2s", "metadata.wait=3s", "outputs[0].format=falco", "rules[]=/x", "rules[]=/y",
              "containers.docker.sockets=[\"/run/a.sock\", \"/run/b.sock\"]", "log={\"level\": \"debug\"}"});
    EXPECT_EQ(c.metadata.wait, 3'000'000'000);
    EXPECT_EQ(c.outputs[0].format, "falco");
    EXPECT_EQ(c.rules, (std::vector<std::string>{"/x", "/y"}));
    EXPECT_EQ(c.containers.docker.sockets, (std::vector<std::string>{"/run/a.sock", "/run/b.sock"}));
    EXPECT_EQ(c.log.level, "debug");
}

TEST(ConfigLoader, OriginsTellWhereAValueComesFrom) {
    const Loaded loaded = load("metadata:\n  wait: 5s\n", {"log.level=error"});
    EXPECT_EQ(loaded.origins.at("metadata.wait"), "gyr.yaml:2:3");
    EXPECT_EQ(loaded.origins.at("log.level"), "-o log.level");
    EXPECT_FALSE(loaded.origins.contains("log.format"));
}

TEST(ConfigLoader, UnknownKeysAreRefusedWithPlaceAndSuggestion) {
    const std::string misspelled = problem("metadata:\n  wiat: 1s\n");
    EXPECT_NE(misspelled.find("gyr.yaml:2:3"), std::string::npos) << misspelled;
    EXPECT_NE(misspelled.find("there is no configuration key 'metadata.wiat'"), std::string::npos) << misspelled;
    EXPECT_NE(misspelled.find("metadata.wait"), std::string::npos) << misspelled;
    EXPECT_NE(problem("ring: 1MiB\n").find("kernel.ring"), std::string::npos);
    EXPECT_NE(problem("outputs: [{type: stdout, fromat: json}]").find("outputs[0].format"), std::string::npos);
    EXPECT_NE(problem("", {"log.levle=info"}).find("log.level"), std::string::npos);
    EXPECT_EQ(problem("qqqqqqqqqqqq: 1\n").find("did you mean"), std::string::npos);
}

TEST(ConfigLoader, EveryProblemIsReportedNotTheFirstOnly) {
    const Loaded loaded = load("bogus: 1\nmetadata: {wait: soon}\nlog: {level: loud}\n");
    EXPECT_EQ(loaded.problems.size(), 3U);
}

TEST(ConfigLoader, WrongValuesSayWhatIsExpected) {
    EXPECT_NE(problem("metadata: {wait: 5}").find("is not a duration"), std::string::npos);
    EXPECT_NE(problem("metadata: {wait: 2h}").find("between 0 and 1m"), std::string::npos);
    EXPECT_NE(problem("metadata: 5s").find("'metadata' holds further keys, not a single value"), std::string::npos);
    EXPECT_NE(problem("kernel: {ring: big}").find("is not a size"), std::string::npos);
    EXPECT_NE(problem("rule_matching: some").find("it takes all, first"), std::string::npos);
    EXPECT_NE(problem("rules: {a: b}").find("takes a list"), std::string::npos);
    EXPECT_NE(problem("rules: [[a]]").find("single values"), std::string::npos);
    EXPECT_NE(problem("outputs: stdout").find("takes a list"), std::string::npos);
    EXPECT_NE(problem("outputs: [stdout]").find("is a map"), std::string::npos);
    EXPECT_NE(problem("outputs: [{format: json}]").find("needs the key 'type'"), std::string::npos);
    EXPECT_NE(problem("outputs: [{type: stdout, format: jsn}]").find("did you mean json?"), std::string::npos);
    EXPECT_NE(problem("- a\n- b\n").find("a configuration is a map of keys"), std::string::npos);
}

TEST(ConfigLoader, BadDocumentsAreOneClearProblem) {
    EXPECT_NE(problem("a: [1, 2\nb: }").find("not valid YAML"), std::string::npos);
    EXPECT_NE(problem("log: {level: info}\nlog: {level: debug}\n").find("'log' is given twice"), std::string::npos);
    EXPECT_NE(problem("log: &a [*a]\n").find("alias"), std::string::npos);
    EXPECT_NE(problem("a: 1\n---\nb: 2\n").find("more than one document"), std::string::npos);
    EXPECT_NE(problem(std::string("a\0b", 3)).find("not a text file"), std::string::npos);
    EXPECT_NE(problem(std::string(5000, '[')).find("gyr.yaml"), std::string::npos);
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int k = 0; k < 10; ++k) {
            bomb += (k > 0 ? ", *a" : "*a") + std::to_string(i - 1);
        }
        bomb += "]\n";
    }
    EXPECT_NE(problem(bomb).find("too large"), std::string::npos);
}

TEST(ConfigLoader, BadOverridesAreRefused) {
    for (const char* bad : {"novalue", "=x", "a..b=1", ".a=1", "a.=1", "a[=1", "a[x]=1", "[0]=1", "a[0]b=1",
                            "rules[5]=x", "rules[-1]=x", "log.level.deeper=1"}) {
        const Loaded loaded = load("log: {level: info}\nrules: [a]\n", {bad});
        ASSERT_FALSE(loaded.problems.empty()) << bad;
        EXPECT_NE(loaded.problems.front().message.find(std::string("-o ") + bad), std::string::npos)
            << loaded.problems.front().message;
    }
}

TEST(ConfigLoader, EnvironmentFillsFileValuesButNotOverridesOrKeys) {
    const Loaded loaded = load("host: {root: \"${ROOT}/x\", name: '$${ROOT}'}\n", {"log.level=${LEVEL}"},
                               {{"ROOT", "/host"}, {"LEVEL", "debug"}});
    EXPECT_EQ(loaded.config.host.root, "/host/x");
    EXPECT_EQ(loaded.config.host.name, "${ROOT}");
    ASSERT_EQ(loaded.problems.size(), 1U);
    EXPECT_NE(loaded.problems[0].message.find("${LEVEL}"), std::string::npos);
}

TEST(Expand, FollowsTheReference) {
    const Environment env = [](std::string_view name) -> std::optional<std::string> {
        if (name == "A") {
            return "1";
        }
        if (name == "NESTED") {
            return "<${A}>";
        }
        if (name == "LOOP") {
            return "${LOOP}";
        }
        if (name == "GROW") {
            return "x${GROW}${GROW}";
        }
        return std::nullopt;
    };
    const auto expanded = [&env](std::string_view text) { return expand_environment(text, env).value(); };
    EXPECT_EQ(expanded("a ${A} b${A}"), "a 1 b1");
    EXPECT_EQ(expanded("${UNSET}x"), "x");
    EXPECT_EQ(expanded("$${A} ${A}"), "${A} 1");
    EXPECT_EQ(expanded("${A"), "${A");
    EXPECT_EQ(expanded("$A ${A}"), "$A ${A}");
    EXPECT_EQ(expanded("${A} $x ${A}"), "1 $x ${A}");
    EXPECT_EQ(expanded("${NESTED}"), "<1>");
    EXPECT_EQ(expanded("100$"), "100$");
    EXPECT_FALSE(expand_environment("${LOOP}", env));
    EXPECT_FALSE(expand_environment("${GROW}", env));
}

TEST(Units, ReadAndWrite) {
    EXPECT_EQ(parse_duration("1h30m").value(), 5400LL * 1'000'000'000);
    EXPECT_EQ(parse_duration("1.5s").value(), 1'500'000'000);
    EXPECT_EQ(parse_duration("0").value(), 0);
    for (const char* bad : {"", "1", "-1s", "s", "1x", "1 s", "1e3s", "nan", "inf", "999999999w", "1s "}) {
        EXPECT_FALSE(parse_duration(bad)) << bad;
    }
    EXPECT_EQ(parse_size("18446744073709551615").value(), 18446744073709551615U);
    EXPECT_EQ(parse_size("1GiB").value(), 1U << 30);
    EXPECT_EQ(parse_size("1.5k").value(), 1536U);
    EXPECT_EQ(parse_size("2 MB").value(), 2'000'000U);
    for (const char* bad : {"", "MiB", "-1", "1X", "1 M B", "1e30G", "nan"}) {
        EXPECT_FALSE(parse_size(bad)) << bad;
    }
    EXPECT_EQ(format_duration(90'000'000'000), "90s");
    EXPECT_EQ(format_duration(1'500'000'000), "1500ms");
    EXPECT_EQ(format_size(64U << 20), "64MiB");
    EXPECT_EQ(format_size(1000), "1000");
    EXPECT_EQ(format_size(0), "0");
}

TEST(ShowConfig, LoadsAgainAsTheSame) {
    const Loaded loaded = load("host: {name: \"a \\\"b\\\" #c\"}\nmetadata: {wait: 1500ms}\n"
                               "outputs: [{type: stdout, format: json}, {type: stdout}]\nrules: ['a, b', c]\n");
    const std::string shown = show_config(loaded.config, loaded.origins);
    const Config again = good(shown);
    EXPECT_EQ(show_config(again, {}), show_config(loaded.config, {}));
    EXPECT_EQ(again.host.name, "a \"b\" #c");
    EXPECT_EQ(again.rules, (std::vector<std::string>{"a, b", "c"}));
    EXPECT_NE(shown.find("# gyr.yaml:2:12"), std::string::npos) << shown;
}

TEST(Documentation, ConfigurationPageIsNotStale) {
    std::ifstream in("docs/configuration.md");
    const std::string page{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(page, configuration_markdown()) << "write it again: gyr config docs > docs/configuration.md";
}

TEST(ConfigLoader, KeysOfOtherTypesOfOutputsAreMistakes) {
    EXPECT_NE(problem("outputs: [{type: stdout, url: x}]").find("means nothing for an output of type stdout"),
              std::string::npos);
    EXPECT_NE(problem("outputs: [{type: file, path: /x, tls: {ca: /y}}]").find("'outputs[0].tls.ca'"),
              std::string::npos);
    EXPECT_NE(problem("outputs: [{type: http, url: x, tls: {kay: /y}}]").find("did you mean outputs[0].tls.key?"),
              std::string::npos);
    EXPECT_NE(problem("outputs: [{type: htpp}]").find("did you mean http?"), std::string::npos);
    EXPECT_NE(problem("outputs: [{type: http, url: x, batch: many}]").find("is not a whole number"), std::string::npos);
    EXPECT_NE(problem("journal: {sync: maybe}").find("either true or false"), std::string::npos);
}

TEST(ConfigLoader, SecretsComeFromFilesAndAreNotShown) {
    const std::string path = ::testing::TempDir() + "gyr-secret";
    std::ofstream(path) << "s3cret-${HOME}\n";
    const Loaded loaded =
        load("outputs: [{type: http, url: x, token: \"${file:" + path + "}\", headers: {X-Key: abc}}]");
    ASSERT_TRUE(loaded.problems.empty());
    EXPECT_EQ(loaded.config.outputs[0].token, "s3cret-${HOME}");
    const std::string shown = show_config(loaded.config, loaded.origins);
    EXPECT_EQ(shown.find("s3cret"), std::string::npos);
    EXPECT_EQ(shown.find("abc"), std::string::npos);
    EXPECT_NE(shown.find("token: (hidden)"), std::string::npos) << shown;
    EXPECT_NE(problem("journal: {path: \"${file:/nowhere}\"}").find("there is no file /nowhere"), std::string::npos);
}

TEST(ConfigLoader, PasswordsInAddressesAreNotShown) {
    const std::string shown = show_config(good("outputs: [{type: redis, topic: t, url: 'redis://me:hunt,er@h/1'}, "
                                               "{type: http, url: 'https://h/a:b@c', proxy: "
                                               "'http://u:hunter@p:3128'}, {type: nats, topic: t, url: "
                                               "'nats://a:hunter@x:1,nats://y:2,tls://:hunter@z'}, "
                                               "{type: http, url: 'https://q/in?key=hunter'}, "
                                               "{type: http, url: 'https://u:hunt?er@r/in?key=hunt@er'}, "
                                               "{type: slack, url: 'https://s/services/T/hunter'}]\n"
                                               "audit: {share: ['http://u:hunter@v/x']}"),
                                          {});
    EXPECT_EQ(shown.find("hunt"), std::string::npos) << shown;
    for (const char* left : {"redis://me:(hidden)@h/1", "https://h/a:b@c", "http://u:(hidden)@p:3128",
                             "nats://a:(hidden)@x:1,nats://y:2,tls://:(hidden)@z", "https://q/in?(hidden)",
                             "https://u:(hidden)@r/in?(hidden)", "https://s/(hidden)", "http://u:(hidden)@v/x"})
        EXPECT_NE(shown.find(left), std::string::npos) << left << shown;
}

TEST(ConfigLoader, IncludedFilesAreMerged) {
    LoadRequest request;
    request.file = "gyr.yaml";
    request.text =
        "include: [/etc/more]\npriority: notice\njournal: {path: /a, max_size: 2GiB}\noutputs: [{type: stdout}]\n";
    request.environment = [](std::string_view) { return std::nullopt; };
    request.read_include = [](const std::string& path) -> IncludedFiles {
        if (path != "/etc/more") return std::unexpected("there is no such file");
        return std::vector<IncludedFile>{
            {"/etc/more/1.yaml", "journal: {path: /b}\noutputs: [{type: file, path: /x}]\n"},
            {"/etc/more/2.yaml", "priority: error\n"}};
    };
    const Loaded loaded = load_config(request);
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_EQ(loaded.config.priority, "error");
    EXPECT_EQ(loaded.config.journal.path, "/b");
    EXPECT_EQ(loaded.config.journal.size_bytes, std::uint64_t{2} << 30);
    ASSERT_EQ(loaded.config.outputs.size(), 2U);
    EXPECT_EQ(loaded.config.outputs[1].path, "/x");
    EXPECT_EQ(loaded.origins.at("priority"), "/etc/more/2.yaml:1:1");
    request.text = "include: [/nowhere]";
    EXPECT_EQ(load_config(request).problems.size(), 1U);
}

TEST(ConfigLoader, OverridesNameFilesToIncludeToo) {
    LoadRequest request;
    request.environment = [](std::string_view) { return std::nullopt; };
    request.overrides = {"include=/more.yaml", "journal.path=/c"};
    request.read_include = [](const std::string& path) {
        return IncludedFiles(std::vector<IncludedFile>{{path, "priority: error\njournal: {path: /b}\n"}});
    };
    const Loaded loaded = load_config(request);
    ASSERT_TRUE(loaded.problems.empty()) << to_text(loaded.problems.front());
    EXPECT_EQ(loaded.config.priority, "error");
    EXPECT_EQ(loaded.config.journal.path, "/c") << "-o wins over every file";
    EXPECT_EQ(loaded.config.include, std::vector<std::string>{"/more.yaml"});
}

TEST(ConfigLoader, WhatAnIncludedFileIncludesIsNotPassedOverInSilence) {
    LoadRequest request;
    request.text = "include: /more.yaml\n";
    request.environment = [](std::string_view) { return std::nullopt; };
    request.read_include = [](const std::string& path) {
        return IncludedFiles(std::vector<IncludedFile>{{path, "priority: error\ninclude: /further.yaml\n"}});
    };
    const Loaded loaded = load_config(request);
    ASSERT_EQ(loaded.problems.size(), 1U);
    EXPECT_EQ(loaded.problems[0].place.file, "/more.yaml");
    EXPECT_EQ(loaded.problems[0].place.line, 2U);
}

TEST(ConfigLoader, PathsOfUrlsBeginWithASlash) {
    for (const char* wrong :
         {"server: {health_path: healthz}", "server: {health_path: ''}", "audit: {path: k8s-audit}"})
        EXPECT_NE(problem(wrong).find("begins with '/'"), std::string::npos) << wrong;
    EXPECT_EQ(good("server: {health_path: /alive}").server.health_path, "/alive");
}

} // namespace
} // namespace gyr::config
