#pragma once
// For tests of this folder: a small catalog of fields and event types, so that rules can be tested without the real
// ones above them.

#include "lang/field_catalog.h"
#include "rules/event_types.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

class TestCatalog : public lang::FieldCatalog {
  public:
    TestCatalog() {
        using lang::ArgKind;
        for (const char* name : {"evt.type",
                                 "evt.num",
                                 "evt.dir",
                                 "evt.res",
                                 "evt.source",
                                 "evt.plugininfo",
                                 "evt.is_open_read",
                                 "evt.is_open_write",
                                 "proc.name",
                                 "proc.pname",
                                 "proc.cmdline",
                                 "proc.exepath",
                                 "proc.exe",
                                 "proc.pid",
                                 "proc.tty",
                                 "fd.name",
                                 "fd.typechar",
                                 "fd.num",
                                 "fd.directory",
                                 "user.name",
                                 "container.id",
                                 "container.name",
                                 "container.image.repository"})
            add(name, ArgKind::none);
        fields_["proc.pid"].type = lang::FieldType::int64;
        add("proc.aname", ArgKind::optional);
        add("evt.arg", ArgKind::required);
        fields_["evt.arg"].suffix_arg = true;
        add("evt.time.iso8601", ArgKind::none);
        add("evt.outputtime", ArgKind::none);
        fields_["evt.outputtime"].print_only = true;
        for (const char* name : {"ka.verb", "jevt.value"}) {
            add(name, ArgKind::none);
            fields_[name].source = "k8s_audit";
        }
    }
    lang::FieldMatch find(std::string_view name) const override {
        if (const auto it = fields_.find(name); it != fields_.end()) return {&it->second, {}};
        if (name.starts_with("evt.arg.")) return {&fields_.find("evt.arg")->second, name.substr(8)};
        return {};
    }
    std::vector<std::string_view> names() const override {
        std::vector<std::string_view> out;
        for (const auto& [name, info] : fields_) out.push_back(name);
        return out;
    }

  private:
    void add(const char* name, lang::ArgKind arg) {
        lang::FieldInfo info;
        info.name = name;
        info.type = lang::FieldType::charbuf;
        info.arg = arg;
        fields_.emplace(name, info);
    }
    std::map<std::string, lang::FieldInfo, std::less<>> fields_;
};

class TestEvents : public EventNames {
  public:
    TestEvents() {
        for (std::uint16_t code = 0; code < 400; ++code) all_.push_back(code);
    }
    const std::vector<std::uint16_t>& all_codes() const override { return all_; }
    std::vector<std::uint16_t> codes(std::string_view name) const override {
        const auto it = std::ranges::find(names_, name);
        if (it == names_.end()) return {};
        const auto n = static_cast<std::uint16_t>((it - names_.begin()) * 2);
        return {n, static_cast<std::uint16_t>(n + 1)};
    }
    std::vector<std::string_view> names() const override { return names_; }

  private:
    std::vector<std::uint16_t> all_;
    const std::vector<std::string_view> names_ = {"open",   "openat",   "openat2", "close",
                                                  "execve", "execveat", "mmap",    "connect"};
};

} // namespace gyr::rules
