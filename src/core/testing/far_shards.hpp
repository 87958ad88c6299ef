#pragma once

// Shards that are asked as if they were on another node, for tests; no part of the product.

#include "core/port/shard_port.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace carillon::testing {

/// Carries everything as bytes. By chance it loses what is asked or the answer, asks twice what only reads,
/// and lets others overtake. Outlives the hub's use of it.
class FarShards final : public ShardCarrier {
public:
    FarShards(Shards& shards, std::uint64_t seed) : shards_(shards), random_(seed) {}

    unsigned lost_percent = 0;  ///< Of requests, and of answers.
    unsigned twice_percent = 0;
    unsigned turns_max = 0;  ///< Of the loop that a request waits for on its way.
    std::size_t carried = 0;
    std::size_t lost = 0;
    std::size_t bytes = 0;

    Task<Result<std::string>> carry(std::size_t shard, std::string request) override {
        ++carried;
        bytes += request.size();
        const auto here = co_await boost::asio::this_coro::executor;
        for (auto turns = turns_max == 0 ? 0 : random_.u64() % (turns_max + 1); turns > 0; --turns) {
            co_await boost::asio::post(here, boost::asio::use_awaitable);
        }
        if (happens(lost_percent)) co_return fail(no_answer());
        if (only_reads(request) && happens(twice_percent)) {
            auto first = answer_bytes(shards_[shard], request);
            [[maybe_unused]] const std::string unused = co_await std::move(first);
        }
        auto answering = answer_bytes(shards_[shard], std::move(request));
        std::string answered = co_await std::move(answering);
        if (happens(lost_percent)) co_return fail(no_answer());
        bytes += answered.size();
        co_return answered;
    }

private:
    bool happens(unsigned percent) { return percent > 0 && random_.u64() % 100 < percent; }
    Error no_answer() {
        ++lost;
        return {Errc::service_unavailable, "no answer came"};
    }
    static bool only_reads(const std::string& request) {
        switch (static_cast<std::uint8_t>(request.front())) {
            case PutIdentity::number:
            case RemoveIdentity::number:
            case RenewKeys::number:
            case WriteTwin::number:
            case InvokeMethod::number:
            case ApplyEntries::number:
                return false;
            default:
                return true;
        }
    }

    Shards& shards_;
    SeededRandom random_;
};

}  // namespace carillon::testing
