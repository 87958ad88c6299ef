#pragma once

// Shards that are asked as if they were on another node, for tests; no part of the product.

#include "core/port/shard_port.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace carillon::testing {

/// Carries everything as bytes. By chance it loses what is asked or the answer, asks twice what only reads,
/// lets others overtake, and keeps back what the asker gives up. The port asks by it from its making on,
/// which outlives that.
class FarShards final : public ShardCarrier {
public:
    FarShards(ShardPort& port, std::uint64_t seed) : port_(port), random_(seed) { port.use(*this); }

    unsigned lost_percent = 0;  ///< Of requests, and of answers.
    unsigned twice_percent = 0;
    unsigned late_percent = 0;  ///< Of requests: no answer comes, and `deliver_late` brings them after that.
    unsigned turns_max = 0;     ///< Of the loop that a request waits for on its way.
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
        if (happens(late_percent)) {
            late_.emplace_back(shard, std::move(request));
            co_return fail(no_answer());
        }
        if (only_reads(request) && happens(twice_percent)) {
            auto first = answer_bytes(port_.seat(shard), request);
            [[maybe_unused]] const std::string unused = co_await std::move(first);
        }
        auto answering = answer_bytes(port_.seat(shard), std::move(request));
        std::string answered = co_await std::move(answering);
        if (happens(lost_percent)) co_return fail(no_answer());
        bytes += answered.size();
        co_return answered;
    }

    /// How many came late.
    std::size_t deliver_late() {
        const auto late = std::exchange(late_, {});
        for (const auto& [shard, request] : late) {
            ShardSeat& seat = port_.seat(shard);
            boost::asio::co_spawn(seat.shard.executor(), answer_bytes(seat, request), boost::asio::detached);
        }
        return late.size();
    }

private:
    bool happens(unsigned percent) { return percent > 0 && random_.u64() % 100 < percent; }
    Error no_answer() {
        ++lost;
        return {Errc::service_unavailable, "no answer came"};
    }
    static bool only_reads(const std::string& request) {
        bool is_read = false;
        each_shard_request([&]<class Request>(std::type_identity<Request>) {
            if (static_cast<std::uint8_t>(request.front()) == Request::number) is_read = Request::only_reads;
        });
        return is_read;
    }

    ShardPort& port_;
    SeededRandom random_;
    std::vector<std::pair<std::size_t, std::string>> late_;
};

}  // namespace carillon::testing
