#pragma once
// Events as the vectors of others have them, given to the replay state. Their arguments stand partly as source text:
// numbers, flags by name, names of variables and calls of functions that make an event. What these stand for is bound
// here, from what the vectors themselves expect of them and from what the kernel would give.

#include "fields/context.h"
#include "replay/state.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::test {

// "\u00ff" of a vector stands for the byte 0xff.
[[nodiscard]] std::string bytes_of_text(const std::string& text);

// What a vector assumes and does not say.
struct VectorSetup {
    struct User {
        Uid uid;
        const char *name, *home, *shell;
    };
    Uid uid = 0; // of process 1
    std::vector<User> users;
};

class VectorReplay {
  public:
    // vector is the whole object: what is around its events decides what some names mean.
    VectorReplay(const nlohmann::json& vector, const VectorSetup& setup);
    // Applies one event. Not empty: what could not be bound.
    [[nodiscard]] std::string add(const nlohmann::json& event);
    // The history, then the event.
    [[nodiscard]] std::string add_all();

    [[nodiscard]] const Event& last() const { return *last_; }
    [[nodiscard]] EvalWorld view() const;

  private:
    struct Call { // "generate_socket_exit_event" and its arguments
        std::string type;
        std::int64_t tid = 1;
        nlohmann::json args;
    };
    [[nodiscard]] std::string expand(const nlohmann::json& event, Call& out) const;
    [[nodiscard]] bool number(std::string_view text, const std::string& type, std::int64_t& out) const;
    [[nodiscard]] bool bytes(std::string_view text, std::string& out) const;
    [[nodiscard]] bool argument(const nlohmann::json& arg, const std::string& type, const ParamInfo& param,
                                std::string& out) const;

    const nlohmann::json& vector_;
    std::string test_;
    bool ipv6_ = false;
    std::string hostname_ = "testbox";
    replay::ReplayState state_;
    std::int64_t count_ = 0;
    const Event* last_ = nullptr;
    std::vector<std::string> bytes_; // of the event's parameters
    std::vector<std::string_view> views_;
};

} // namespace gyr::test
