#pragma once

#include "base/task.hpp"
#include "cluster/call_links.hpp"
#include "cluster/shard_map.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace carillon {

/// Who owns which shard as this node knows it now; null before it knows anything. Any thread.
using ReadShardMap = std::function<std::shared_ptr<const ShardMap>()>;

/// A start of a node, as a map names it.
struct OwnPlace {
    std::string node;
    std::int64_t incarnation = 0;

    bool owns(const ShardMap& map, std::size_t shard) const {
        return shard < map.shards.size() && map.shards[shard].node == node &&
               map.shards[shard].incarnation == incarnation;
    }
};

/// Asks the nodes that own shards. What was not carried out, as the owner is another one or was not reached,
/// is asked again of the owner that the map then names. A call whose answer is lost is not asked again, as it
/// may have been carried out. Any thread.
class OwnerCalls {
public:
    /// How long an owner is waited for: longer than a failover takes.
    static constexpr std::chrono::seconds owner_wait_max{10};
    /// Between two tries.
    static constexpr std::chrono::milliseconds pause{50};

    struct Options {
        OwnPlace self;
        ReadShardMap read_map;
        std::chrono::milliseconds owner_wait_max = OwnerCalls::owner_wait_max;
    };
    /// `links` outlives it.
    OwnerCalls(CallLinks& links, Options options) : links_(links), options_(std::move(options)) {}

    /// True if this node owns the shard.
    bool is_here(std::size_t shard) const;
    /// How it ended; `moved` and `unsent` if no owner took it for as long as one is waited for. Nothing if
    /// this node owns the shard, and is to do it itself. `patience` is for the answer. Who asks again by
    /// himself says how often in all, so that no owner is waited for longer than once.
    Task<std::optional<CallEnd>> ask(CallKind kind, std::size_t shard, std::string request,
                                     std::chrono::milliseconds patience, int sent_max = 1);
    /// Tells the owner something once; whether it arrives, nobody hears.
    void tell(CallKind kind, std::size_t shard, std::string what, std::chrono::milliseconds patience);

private:
    Task<CallEnd> ask_once(const ShardMap::Node& owner, CallHead head, std::string request,
                           std::chrono::milliseconds patience);
    Task<> wait_a_little(std::size_t shard);

    CallLinks& links_;
    const Options options_;
};

/// Takes the calls of other nodes for shards that this node owns, and gives them to who serves their kind.
/// Others are answered with the epoch that this node knows. Any thread.
class OwnedCalls final : public CallService {
public:
    OwnedCalls(OwnPlace self, ReadShardMap read_map)
        : self_(std::move(self)), read_map_(std::move(read_map)) {}

    /// Before the first call; `service` outlives it. What nobody serves is refused.
    void serve(CallKind kind, CallService& service) { services_[static_cast<std::size_t>(kind)] = &service; }
    void call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
              CallAnswer answer) override;

private:
    const OwnPlace self_;
    const ReadShardMap read_map_;
    std::array<CallService*, 4> services_{};
};

}  // namespace carillon
