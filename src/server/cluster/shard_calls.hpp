#pragma once

#include "cluster/owner_calls.hpp"
#include "core/port/shard_port.hpp"

#include <chrono>
#include <string>

namespace carillon {

/// Brings what shards are asked to the nodes that own them.
class LinkCarrier final : public ShardCarrier {
public:
    /// How long an answer is waited for. A method is waited for as long as it may take, and then this long.
    static constexpr std::chrono::seconds patience_default{15};

    /// `port` and `owners` outlive it. What has come to this node meanwhile is answered by `port`.
    LinkCarrier(ShardPort& port, OwnerCalls& owners, std::chrono::milliseconds patience = patience_default)
        : port_(port), owners_(owners), patience_(patience) {}

    bool carries(std::size_t shard) const override { return !owners_.is_here(shard); }
    Task<Result<std::string>> carry(std::size_t shard, std::string request) override;

private:
    ShardPort& port_;
    OwnerCalls& owners_;
    const std::chrono::milliseconds patience_;
};

/// Answers what other nodes ask of this node's shards, behind `OwnedCalls`. Any thread.
class ShardCalls final : public CallService {
public:
    /// `port` outlives it.
    explicit ShardCalls(ShardPort& port) : port_(port) {}

    void call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
              CallAnswer answer) override;

private:
    ShardPort& port_;
};

}  // namespace carillon
