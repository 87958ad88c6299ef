#pragma once

#include "core/port/shard_answers.hpp"
#include "core/port/shard_bytes.hpp"
#include "core/shard/shards.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// Brings what shards are asked to where they are, as bytes, and brings back what `answer_bytes` gives there.
class ShardCarrier {
public:
    virtual ~ShardCarrier() = default;
    /// False for a shard that is here; then nothing becomes bytes. Any thread.
    virtual bool carries([[maybe_unused]] std::size_t shard) const { return true; }
    /// Fails with `service_unavailable` if no answer came in time; the request may then have been carried
    /// out, or may still be.
    virtual Task<Result<std::string>> carry(std::size_t shard, std::string request) = 0;
};

/// How a shard is asked, wherever it is: on this node a call on the shard's thread, to which request and
/// answer are moved. Any thread.
class ShardPort {
public:
    /// How often what only reads is sent, if no answer comes. Ours.
    static constexpr int sent_max = 3;

    explicit ShardPort(Shards& shards) : shards_(shards) {
        for (std::size_t i = 0; i < shards.count(); ++i) seats_.emplace_back(shards[i]);
    }
    ShardPort(const ShardPort&) = delete;
    ShardPort& operator=(const ShardPort&) = delete;

    /// Shards that it carries for are asked by `carrier` from now on. Before the threads run.
    void use(ShardCarrier& carrier) { carrier_ = &carrier; }

    std::size_t count() const { return shards_.count(); }
    /// Of a shard of this node. Before the threads run, or on the shard's.
    ShardSeat& seat(std::size_t shard) { return seats_[shard]; }
    /// The number of the shard that a device, with its modules, belongs to.
    std::size_t owner(const DeviceId& device) const { return shards_.number_of(device); }

    /// Fails as the request says, and with `service_unavailable` where the shard is elsewhere and did not
    /// answer; what writes may then have been carried out.
    template <class Request>
    Task<Result<typename Request::Answer>> ask(std::size_t shard, Request request) {
        if (is_elsewhere(shard)) return carried(shard, std::move(request));
        return shards_.on(shards_[shard], answer(seats_[shard], std::move(request)));
    }
    /// Asks all shards at the same time, the first of `requests` being for the first of them. Answers in the
    /// same order, once all have answered.
    template <class Request>
    Task<std::vector<Result<typename Request::Answer>>> ask_each(std::vector<Request> requests) {
        return shards_.on_all([this, &requests](Shard& shard) {
            Request& request = requests[shard.number()];
            if (is_elsewhere(shard.number())) return carried(shard.number(), std::move(request));
            return answer(seats_[shard.number()], std::move(request));
        });
    }
    template <class Request>
    Task<std::vector<Result<typename Request::Answer>>> ask_all(const Request& request) {
        return ask_each(std::vector<Request>(count(), request));
    }

    /// Asks a shard of this node by bytes, which become an answer as of `answer_bytes`.
    Task<std::string> answer_here(std::size_t shard, std::string request) {
        return shards_.on(shards_[shard], answer_bytes(seats_[shard], std::move(request)));
    }

private:
    bool is_elsewhere(std::size_t shard) const { return carrier_ != nullptr && carrier_->carries(shard); }
    template <class Request>
    Task<Result<typename Request::Answer>> carried(std::size_t shard, Request request) {
        const auto context = ContextOf<Request>::of(request);
        const std::string bytes = encode_request(request);
        for (int sent = 1;; ++sent) {
            auto carrying = carrier_->carry(shard, bytes);
            auto answered = co_await std::move(carrying);
            if (answered) co_return decode_answer<typename Request::Answer>(*answered, context);
            const bool may_repeat = Request::only_reads && sent < sent_max;
            if (!may_repeat || answered.error().code != Errc::service_unavailable) {
                co_return fail(std::move(answered).error());
            }
        }
    }

    Shards& shards_;
    std::vector<ShardSeat> seats_;  ///< By number. Bound: fixed.
    ShardCarrier* carrier_ = nullptr;
};

}  // namespace carillon
