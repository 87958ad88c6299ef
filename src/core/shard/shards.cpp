#include "core/shard/shards.hpp"

#include <bit>

namespace carillon {

Shards::Shards(std::vector<std::unique_ptr<Shard>> shards) : shards_(std::move(shards)) {
    CARILLON_ASSERT(std::has_single_bit(shards_.size()) && shards_.size() <= shards_max);
}

}  // namespace carillon
