#include "replay/origins.h"

#include <utility>

namespace gyr::replay {

namespace {

constexpr int kLongestLine = 1024; // a line that long is nobody's

} // namespace

Origin::~Origin() {
    if (image)
        if (const auto it = origins.ended_.find(image->key); it != origins.ended_.end() && it->second == this)
            origins.ended_.erase(it);
    // A line of descent may be longer than the stack is deep.
    for (OriginPtr up = std::move(creator); up && up.use_count() == 1;) up = std::exchange(up->creator, nullptr);
}

void Origins::end(OriginPtr node, const ProcessImagePtr& image) {
    node->living = nullptr;
    if (node.use_count() == 1) return; // all it made have ended before it
    if (ended_.size() < most_ended_ && ended_.try_emplace(image->key, node.get()).second)
        node->image = image;
    else
        node->creator.reset();
}

const Origin* Origins::find_ended(const ProcessKey& key) const {
    if (ended_.empty()) return nullptr;
    const auto it = ended_.find(key);
    return it == ended_.end() ? nullptr : it->second;
}

bool Origins::leads_to(const Origin* from, const Origin& node) {
    for (int step = 0; from != nullptr; from = from->creator.get())
        if (from == &node || ++step > kLongestLine) return true;
    return false;
}

} // namespace gyr::replay
