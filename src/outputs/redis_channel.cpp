// A Redis stream: XADD, a batch at once, each record acknowledged by its entry's id. url: redis://host, rediss://host
// (TLS) or unix:///socket, with the database number as path; topic: the key of the stream.

#include "outputs/channels.h"
#include "outputs/net_stream.h"

#include <fmt/format.h>

#include <vector>

namespace gyr::outputs {
namespace {

constexpr std::size_t kMaxLine = 64U << 10;

std::string command(const std::vector<std::string>& words) {
    std::string out = fmt::format("*{}\r\n", words.size());
    for (const std::string& word : words) out += fmt::format("${}\r\n", word.size()) + word + "\r\n";
    return out;
}

class RedisChannel final : public Channel {
  public:
    RedisChannel(OutputOptions options, Address address) : options_(std::move(options)), address_(std::move(address)) {}

    SendResult send(std::span<const Item> items, const Patience& patience) override {
        SendResult result{Sent::retry, 0, {}, 0};
        if (auto ok = connect(patience); !ok) {
            result.problem = ok.error().message;
            return result;
        }
        // One transaction: either all are added, or none, so that a repetition keeps the order.
        std::string out = command({"MULTI"});
        for (const Item& item : items) {
            std::vector<std::string> words{"XADD", options_.topic};
            if (options_.max_length != 0)
                words.insert(words.end(), {"MAXLEN", "~", fmt::to_string(options_.max_length)});
            words.insert(words.end(), {"*", "uuid", delivery_id(*item.record), "record", item.text});
            out += command(words);
        }
        out += command({"EXEC"});
        const Result<> answer = exchange(out, items.size() + 2, patience);
        if (!answer) {
            result.problem = answer.error().message;
            return result;
        }
        result.outcome = Sent::all;
        return result;
    }
    void reopen() override { net_.close(); }

  private:
    // Writes, and reads `answers` answers. Any error among them is one.
    Result<> exchange(const std::string& out, std::size_t answers, const Patience& patience) {
        if (auto ok = net_.write(out, deadline_of(patience, options_.timeout), patience); !ok)
            return std::unexpected(ok.error());
        std::string problem;
        for (std::size_t i = 0; i < answers; ++i) {
            if (auto ok = read_answer(0, problem, patience); !ok) return std::unexpected(ok.error());
        }
        if (problem.empty()) return {};
        // The name may lead to another server by now: a replica that took over, one that has loaded its data.
        net_.close();
        return fail(ErrorKind::io, "the server says " + problem);
    }

    Result<> read_answer(int depth, std::string& problem, const Patience& patience) {
        const Nanos deadline = deadline_of(patience, options_.timeout);
        auto line = net_.read_line(kMaxLine, deadline, patience);
        if (!line) return std::unexpected(line.error());
        const char kind = line->empty() ? '\0' : line->front();
        const long size = std::atol(line->c_str() + (line->empty() ? 0 : 1));
        if (kind == '-') {
            if (problem.empty()) problem = line->substr(1, 200);
        } else if (kind == '$' && size >= 0) {
            if (size > (1L << 20)) return lost();
            if (auto text = net_.read_exactly(static_cast<std::size_t>(size) + 2, deadline, patience); !text)
                return std::unexpected(text.error());
        } else if (kind == '*') {
            if (size < 0 && problem.empty()) problem = "the transaction was given up";
            if (depth > 3) return lost();
            for (long i = 0; i < size; ++i) {
                if (auto ok = read_answer(depth + 1, problem, patience); !ok) return ok;
            }
        } else if (kind != '+' && kind != ':' && kind != '$') {
            return lost();
        }
        return {};
    }
    std::unexpected<Error> lost() {
        net_.close();
        return fail(ErrorKind::io, "this is no Redis server");
    }

    Result<> connect(const Patience& patience) {
        if (net_.is_open() && !net_.hung_up()) return {};
        const Nanos deadline = deadline_of(patience, options_.timeout);
        if (auto ok = net_.connect(address_, deadline, patience); !ok) return ok;
        if (address_.scheme == "rediss") {
            if (auto ok = net_.start_tls(options_.tls, address_.host, deadline, patience); !ok) return ok;
        }
        std::string out;
        std::size_t answers = 0;
        const std::string password = !options_.password.empty() ? options_.password : address_.password;
        const std::string user = !options_.user.empty() ? options_.user : address_.user;
        if (!password.empty()) {
            out += user.empty() ? command({"AUTH", password}) : command({"AUTH", user, password});
            ++answers;
        }
        if (address_.scheme != "unix" && !address_.path.empty()) {
            out += command({"SELECT", address_.path});
            ++answers;
        }
        if (answers == 0) return {};
        return exchange(out, answers, patience);
    }

    const OutputOptions options_;
    const Address address_;
    NetStream net_;
};

} // namespace

MadeChannel make_redis_channel(const OutputOptions& options) {
    auto address = parse_address(options.url, 6379);
    if (!address) return std::unexpected(address.error());
    if (address->scheme != "redis" && address->scheme != "rediss" && address->scheme != "unix")
        return fail(ErrorKind::invalid,
                    fmt::format("Redis is at redis://, rediss:// or unix://, not {}://", address->scheme));
    if (address->scheme != "unix" && address->path.find_first_not_of("0123456789") != std::string::npos)
        return fail(ErrorKind::invalid, fmt::format("'{}' is no number of a Redis database", address->path));
    if (options.topic.empty())
        return fail(ErrorKind::invalid, "an output of type redis needs 'topic': the key of the stream");
    return std::make_unique<RedisChannel>(options, std::move(*address));
}

} // namespace gyr::outputs
