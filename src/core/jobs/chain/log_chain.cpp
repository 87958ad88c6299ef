#include "core/jobs/chain/log_chain.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

ChainedValue split_chained(Bytes value) {
    const auto text = as_text(value);
    ChainedValue chained{text, {}};
    constexpr std::size_t hash_bytes = sizeof(Sha256Digest);
    if (text.size() <= hash_bytes || (value[0] & chained_mark) == 0) return chained;
    chained.event = text.substr(0, text.size() - hash_bytes);
    const auto hash = text.substr(chained.event.size());
    std::copy(hash.begin(), hash.end(), chained.hash.emplace().begin());
    return chained;
}

Sha256Digest chain_hash(const Sha256Digest& before, std::string_view key, std::string_view event) {
    return sha256({as_text(before), key, event});
}

std::string LogChain::link(std::uint64_t sequence, std::string_view key, std::string event) {
    event[0] = static_cast<char>(static_cast<std::uint8_t>(event[0]) | chained_mark);
    const auto hash = chain_hash(newest().hash, key, event);
    under_way_.push_back({sequence, hash});
    event += as_text(hash);
    return event;
}

void LogChain::settled(std::uint64_t sequence, bool is_durable) {
    // What was refused has taken later ones with it, which are told one by one: they are not there any more.
    if (under_way_.empty() || under_way_.front().sequence > sequence) return;
    if (!is_durable) return under_way_.clear();
    while (!under_way_.empty() && under_way_.front().sequence <= sequence) {
        durable_ = under_way_.front();
        under_way_.pop_front();
    }
}

}  // namespace carillon
