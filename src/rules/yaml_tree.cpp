#include "rules/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <optional>
#include <streambuf>
#include <unordered_map>

namespace gyr::rules {

namespace {

constexpr std::size_t kMaxDepth = 64; // collections inside each other; rule files need five

constexpr std::size_t kMaxRepeated = 100; // empty values at one and the same place

constexpr std::size_t kMaxAliased = 1'000'000; // values that aliases bring again, those inside them counted

// Limits of ours, of which the place says enough.
constexpr const char* kTooDeep = "nested too deeply";
constexpr const char* kTooManyAliased = "aliases of aliases make too many values";

// Reads from the file's text without copying it.
class ViewBuffer : public std::streambuf {
  public:
    explicit ViewBuffer(std::string_view text) {
        char* begin = const_cast<char*>(text.data()); // the get area is never written to
        setg(begin, begin, begin + text.size());
    }
};

std::size_t offset_of(const YAML::Mark& mark) { return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos); }

class TreeBuilder : public YAML::EventHandler {
  public:
    TreeBuilder(SourceFilePtr file, std::size_t shift) : file_(std::move(file)), shift_(shift) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        open_.clear();
        anchors_.clear();
        weights_.clear();
        root_ = make(YamlNode::Kind::null, mark);
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        put(make(YamlNode::Kind::null, mark), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto it = anchors_.find(anchor);
        // An alias inside its own anchor would make a loop; it counts as nothing.
        const bool loop =
            it != anchors_.end() && std::ranges::any_of(open_, [&](const Open& o) { return o.node == it->second; });
        if (it == anchors_.end() || loop) return put(make(YamlNode::Kind::null, mark), 0);
        const std::size_t inside = weights_[it->second.get()];
        if ((aliased_ += inside) > kMaxAliased) throw YAML::ParserException(mark, kTooManyAliased);
        if (!open_.empty()) open_.back().weight += inside;
        attach(it->second);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        auto node = make(YamlNode::Kind::scalar, mark);
        node->scalar = std::make_shared<const Scalar>(Scalar{file_, node->offset, value, tag == "?"});
        put(std::move(node), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value style) override {
        enter(make(YamlNode::Kind::sequence, mark), anchor, style == YAML::EmitterStyle::Flow);
    }
    void OnSequenceEnd() override { leave(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override {
        enter(make(YamlNode::Kind::map, mark), anchor, style == YAML::EmitterStyle::Flow);
    }
    void OnMapEnd() override { leave(); }

    [[nodiscard]] YamlNodePtr root() const { return root_; }
    // The innermost collection that has begun and not ended, when it is one in brackets.
    [[nodiscard]] const YamlNode* open_bracket() const {
        return open_.empty() || !open_.back().flow ? nullptr : open_.back().node.get();
    }
    [[nodiscard]] std::size_t last_offset() const { return last_; }

  private:
    struct Open {
        std::shared_ptr<YamlNode> node;
        YamlNodePtr key;   // of a map, when its value comes next
        bool flow = false; // in brackets
        YAML::anchor_t anchor = 0;
        std::size_t weight = 1; // values inside, itself included
    };

    std::shared_ptr<YamlNode> make(YamlNode::Kind kind, const YAML::Mark& mark) {
        auto node = std::make_shared<YamlNode>();
        node->kind = kind;
        node->file = file_;
        node->offset = offset_of(mark) + shift_;
        // The library can give the same nothing for ever where a token is out of place (a comma between items).
        if (kind != YamlNode::Kind::null || node->offset != last_)
            repeated_ = 0;
        else if (++repeated_ > kMaxRepeated)
            throw YAML::ParserException(mark, "something unexpected stands here");
        last_ = node->offset;
        return node;
    }
    void put(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = node, weights_[node.get()] = 1;
        if (!open_.empty()) ++open_.back().weight;
        attach(node);
    }
    void enter(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor, bool flow) {
        if (open_.size() >= kMaxDepth) throw YAML::ParserException(YAML::Mark(), kTooDeep);
        if (anchor != 0) anchors_[anchor] = node;
        attach(node);
        open_.push_back({std::move(node), nullptr, flow, anchor});
    }
    void leave() {
        const Open inner = std::move(open_.back());
        open_.pop_back();
        if (inner.anchor != 0) weights_[inner.node.get()] = inner.weight;
        if (!open_.empty()) open_.back().weight += inner.weight;
    }
    void attach(const std::shared_ptr<YamlNode>& node) {
        if (open_.empty()) {
            root_ = node;
            return;
        }
        Open& parent = open_.back();
        if (parent.node->kind == YamlNode::Kind::sequence)
            parent.node->items.push_back(node);
        else if (parent.key == nullptr)
            parent.key = node;
        else
            add_pair(parent, node);
    }
    static void add_pair(Open& parent, const std::shared_ptr<YamlNode>& node) {
        // Nothing is nowhere: the library places it at the next token. Its key is where it is missing.
        if (node->is_null()) node->offset = parent.key->offset;
        parent.node->pairs.emplace_back(std::exchange(parent.key, nullptr), node);
    }

    SourceFilePtr file_;
    std::size_t shift_;
    YamlNodePtr root_;
    std::vector<Open> open_;
    std::unordered_map<YAML::anchor_t, std::shared_ptr<YamlNode>> anchors_;
    std::unordered_map<const YamlNode*, std::size_t> weights_; // of what has an anchor
    std::size_t aliased_ = 0;
    std::size_t last_ = 0;
    std::size_t repeated_ = 0; // nulls at last_
};

// A line without a colon swallows those behind it, until the library stumbles over the colon of line `stumbled`. It is
// the line above that is indented no more than that one, else the one before. Returns its offset.
std::optional<std::size_t> swallowing_line(const SourceFile& file, std::size_t stumbled) {
    if (file.line(stumbled).find(':') == std::string_view::npos) return std::nullopt;
    const auto indent = [&](std::size_t number) { return file.line(number).find_first_not_of(' '); };
    std::optional<std::size_t> before;
    for (std::size_t number = stumbled - 1; number > 0; --number) {
        const std::string_view line = file.line(number);
        const std::size_t text = indent(number);
        if (text == std::string_view::npos || line[text] == '#') continue;
        const bool has_colon = line.find(": ") != std::string_view::npos || line.ends_with(':');
        const bool beside = text <= indent(stumbled);
        if (!has_colon && (beside || !before)) before = file.line_start(number) + text;
        if (has_colon || beside) return before;
    }
    return before;
}

// What the library found wrong, at the place where the author most likely went wrong: it reports what is never closed
// only where the text after it makes no sense any more.
YamlError explain(const YAML::Exception& e, const TreeBuilder& builder, const SourceFile& file) {
    YamlError error{e.msg, std::min(offset_of(e.mark), file.text().size()), {}};
    if (e.mark.is_null()) error.offset = builder.last_offset();
    if (e.msg == kTooDeep || e.msg == kTooManyAliased) return error;
    if (const YamlNode* open = builder.open_bracket(); open != nullptr) {
        error.offset = open->offset;
        error.message = open->is_sequence() ? "this '[' is never closed" : "this '{' is never closed";
        return error;
    }
    if (e.msg == "illegal map value") {
        if (const auto line = swallowing_line(file, file.place(error.offset).line)) {
            error.offset = *line;
            error.message = "a ':' is missing in this line";
        }
    }
    return error;
}

} // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
    for (const auto& [k, value] : pairs)
        if (k->is_scalar() && k->scalar->value == key) return value.get();
    return nullptr;
}

std::expected<std::vector<YamlNodePtr>, YamlError> parse_yaml(const SourceFilePtr& file) {
    std::string_view text = file->text();
    const std::size_t shift = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
        return std::unexpected(YamlError{"the file holds a zero byte: it is no text", zero, {}});
    ViewBuffer buffer(text.substr(shift));
    std::istream stream(&buffer);
    TreeBuilder builder(file, shift);
    std::vector<YamlNodePtr> documents;
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) documents.push_back(builder.root());
    } catch (const YAML::Exception& e) {
        return std::unexpected(explain(e, builder, *file));
    }
    return documents;
}

} // namespace gyr::rules
