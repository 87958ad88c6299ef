#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace carillon::amqp {

/// What a number names, in one sorted block: most connections have few sessions and links, whose numbers
/// mostly rise. Owns its values at stable addresses; costs memory for what is there, whatever number a peer
/// chooses.
template <class T>
class FlatMap {
public:
    T* find(std::uint32_t key) const {
        const auto it = lower_bound(key);
        return it != entries_.end() && it->first == key ? it->second.get() : nullptr;
    }
    /// `key` is not there.
    T& insert(std::uint32_t key, std::unique_ptr<T> value) {
        return *entries_.insert(lower_bound(key), {key, std::move(value)})->second;
    }
    void erase(std::uint32_t key) {
        const auto it = lower_bound(key);
        if (it != entries_.end() && it->first == key) entries_.erase(it);
    }
    std::size_t size() const { return entries_.size(); }
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

private:
    using Entries = std::vector<std::pair<std::uint32_t, std::unique_ptr<T>>>;
    typename Entries::const_iterator lower_bound(std::uint32_t key) const {
        return std::lower_bound(entries_.begin(), entries_.end(), key,
                                [](const auto& entry, std::uint32_t k) { return entry.first < k; });
    }
    Entries entries_;
};

}  // namespace carillon::amqp
