#include "config/tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>
#include <unordered_map>
#include <utility>

namespace gyr::config {
namespace {

constexpr std::size_t kMaxNodes = 100'000;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxTextBytes = std::size_t{16} << 20;

// Thrown through the YAML parser and caught in parse_tree: it offers no other way to end early.
struct Refused {
    YAML::Mark mark;
    std::string message;
};

// Builds the tree from the parser's events.
class Builder : public YAML::EventHandler {
  public:
    explicit Builder(std::string file) : file_(std::move(file)) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(Node::Kind::null, mark), mark, anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto known = anchors_.find(anchor);
        if (known == anchors_.end()) {
            throw Refused{mark, "an alias inside the value it stands for"};
        }
        nodes_ += known->second.second;
        add(Node(known->second.first), mark, 0);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        Node node = make(Node::Kind::scalar, mark);
        node.text = value;
        node.quoted = tag == "!";
        if (!node.quoted && (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL")) {
            node.kind = Node::Kind::null;
        }
        text_bytes_ += value.size();
        add(std::move(node), mark, anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::list, mark, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, mark, anchor);
    }
    void OnMapEnd() override { close(); }

    [[nodiscard]] Node take() { return std::move(root_); }
    [[nodiscard]] Place place(const YAML::Mark& mark) const {
        if (mark.is_null()) {
            return {.file = file_};
        }
        return {.file = file_,
                .line = static_cast<std::size_t>(mark.line) + 1,
                .column = static_cast<std::size_t>(mark.column) + 1,
                .offset = static_cast<std::size_t>(mark.pos)};
    }

  private:
    struct Frame {
        Node node;
        YAML::Mark mark;
        YAML::anchor_t anchor = 0;
        std::size_t first_node = 0; // nodes_ when it began
        bool has_key = false;
        std::string key;
        Place key_place;
    };

    [[nodiscard]] Node make(Node::Kind kind, const YAML::Mark& mark) const {
        Node node;
        node.kind = kind;
        node.place = place(mark);
        return node;
    }

    void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (frames_.size() >= kMaxDepth) {
            throw Refused{mark, "the document is nested too deeply"};
        }
        Frame frame;
        frame.node = make(kind, mark);
        frame.mark = mark;
        frame.anchor = anchor;
        frame.first_node = nodes_;
        frames_.push_back(std::move(frame));
    }

    void close() {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        const std::size_t first = frame.first_node;
        add(std::move(frame.node), frame.mark, frame.anchor, first);
    }

    void add(Node node, const YAML::Mark& mark, YAML::anchor_t anchor) { add(std::move(node), mark, anchor, nodes_); }

    void add(Node node, const YAML::Mark& mark, YAML::anchor_t anchor, std::size_t first_node) {
        if (++nodes_ > kMaxNodes || text_bytes_ > kMaxTextBytes) {
            throw Refused{mark, "the document is too large"};
        }
        if (anchor != 0) {
            anchors_[anchor] = {node, nodes_ - first_node};
        }
        if (frames_.empty()) {
            root_ = std::move(node);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.node.kind == Node::Kind::list) {
            frame.node.items.push_back(std::move(node));
        } else if (!frame.has_key) {
            if (node.kind != Node::Kind::scalar) {
                throw Refused{mark, "a key must be a word"};
            }
            if (frame.node.find(node.text) != nullptr) {
                throw Refused{mark, fmt::format("'{}' is given twice", node.text)};
            }
            frame.key = std::move(node.text);
            frame.key_place = std::move(node.place);
            frame.has_key = true;
        } else {
            frame.node.entries.push_back({std::move(frame.key), std::move(frame.key_place), std::move(node)});
            frame.has_key = false;
        }
    }

    std::string file_;
    Node root_;
    std::vector<Frame> frames_;
    std::unordered_map<YAML::anchor_t, std::pair<Node, std::size_t>> anchors_; // node and how many it holds
    std::size_t nodes_ = 0;
    std::size_t text_bytes_ = 0;
};

Diagnostic problem(Place place, std::string message, const std::string& text) {
    Diagnostic d;
    d.message = std::move(message);
    d.place = std::move(place);
    if (d.place.line > 0) {
        std::size_t begin = 0;
        for (std::size_t line = 1; line < d.place.line && begin != std::string::npos; ++line) {
            begin = text.find('\n', begin);
            begin = begin == std::string::npos ? begin : begin + 1;
        }
        if (begin != std::string::npos) {
            const std::string line = text.substr(begin, std::min<std::size_t>(text.find('\n', begin) - begin, 200));
            if (!line.empty() && d.place.column <= line.size() + 1) {
                d.snippet = line + "\n" + std::string(d.place.column - 1, ' ') + "^";
            }
        }
    }
    return d;
}

} // namespace

Node* Node::find(std::string_view key) {
    for (Entry& entry : entries) {
        if (entry.key == key) {
            return &entry.value;
        }
    }
    return nullptr;
}

std::expected<Node, Diagnostic> parse_tree(const std::string& text, const std::string& file) {
    Builder builder(file);
    if (text.find('\0') != std::string::npos) {
        return std::unexpected(problem({.file = file}, "this is not a text file", text));
    }
    try {
        std::istringstream in(text);
        YAML::Parser parser(in);
        if (parser.HandleNextDocument(builder)) {
            Builder more(file);
            if (parser.HandleNextDocument(more)) {
                return std::unexpected(problem({.file = file}, "there is more than one document in this file", text));
            }
        }
        return builder.take();
    } catch (const Refused& e) {
        return std::unexpected(problem(builder.place(e.mark), e.message, text));
    } catch (const YAML::Exception& e) {
        return std::unexpected(problem(builder.place(e.mark), "not valid YAML: " + e.msg, text));
    } catch (const std::exception& e) {
        return std::unexpected(problem({.file = file}, std::string("not valid YAML: ") + e.what(), text));
    }
}

std::string_view describe(Node::Kind kind) {
    switch (kind) {
    case Node::Kind::null: return "nothing";
    case Node::Kind::scalar: return "a single value";
    case Node::Kind::list: return "a list";
    case Node::Kind::map: return "a map of keys";
    }
    return "";
}

} // namespace gyr::config
