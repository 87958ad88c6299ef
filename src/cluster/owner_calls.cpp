#include "cluster/owner_calls.hpp"

#include "base/await.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

namespace carillon {

bool OwnerCalls::is_here(std::size_t shard) const {
    const auto map = options_.read_map();
    return map != nullptr && options_.self.owns(*map, shard);
}

Task<std::optional<CallEnd>> OwnerCalls::ask(CallKind kind, std::size_t shard, std::string request,
                                             std::chrono::milliseconds patience, int sent_max) {
    CallHead head;
    head.kind = kind;
    head.shard = static_cast<std::uint32_t>(shard);
    Clock& clock = links_.thread_of(head.shard).clock();
    const TimePoint end = clock.now() + options_.owner_wait_max / sent_max;
    CallEnd last;
    last.how = CallEnd::How::unsent;
    last.body = "no node has the shard";
    for (;;) {
        const auto map = options_.read_map();
        if (map != nullptr && options_.self.owns(*map, shard)) co_return std::nullopt;
        if (const ShardMap::Node* const owner = map == nullptr ? nullptr : map->find_owner(shard)) {
            head.epoch = map->shards[shard].epoch;
            auto asking = ask_once(*owner, head, request, patience);
            last = co_await std::move(asking);
            if (last.how == CallEnd::How::answered || last.how == CallEnd::How::lost) co_return last;
        }
        if (clock.now() >= end) co_return last;
        auto waiting = wait_a_little(shard);
        co_await std::move(waiting);
    }
}

void OwnerCalls::tell(CallKind kind, std::size_t shard, std::string what,
                      std::chrono::milliseconds patience) {
    const auto map = options_.read_map();
    const ShardMap::Node* const owner = map == nullptr ? nullptr : map->find_owner(shard);
    if (owner == nullptr) return;
    CallHead head;
    head.kind = kind;
    head.shard = static_cast<std::uint32_t>(shard);
    head.epoch = map->shards[shard].epoch;
    links_.ask(*owner, head, std::move(what), patience, [](CallEnd) {});
}

Task<CallEnd> OwnerCalls::ask_once(const ShardMap::Node& owner, CallHead head, std::string request,
                                   std::chrono::milliseconds patience) {
    const auto here = co_await boost::asio::this_coro::executor;
    auto start = [&](UniqueFunction<void(CallEnd)> done) {
        auto resume = [here, held = std::move(done)](CallEnd end) mutable {
            boost::asio::post(
                here, [then = std::move(held), given = std::move(end)]() mutable { then(std::move(given)); });
        };
        links_.ask(owner, head, std::move(request), patience, std::move(resume));
    };
    co_return co_await from_callback<CallEnd>(std::move(start));
}

void OwnedCalls::call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
                      CallAnswer answer) {
    CallService* const service = services_[static_cast<std::size_t>(head.kind)];
    if (service == nullptr) return;  // It is refused.
    const auto map = read_map_();
    const bool is_known = map != nullptr && head.shard < map->shards.size();
    const std::int64_t epoch = is_known ? map->shards[head.shard].epoch : 0;
    // Who asks by a higher epoch knows more than this node does.
    if (!is_known || !self_.owns(*map, head.shard) || head.epoch > epoch) return answer.moved(epoch);
    service->call(head, time_left, std::move(request), std::move(answer));
}

Task<> OwnerCalls::wait_a_little(std::size_t shard) {
    const auto here = co_await boost::asio::this_coro::executor;
    auto start = [&](UniqueFunction<void(bool)> done) {
        IoThread& thread = links_.thread_of(static_cast<std::uint32_t>(shard));
        thread.post([&thread, here, held = std::move(done)]() mutable {
            thread.timers().at(thread.clock().now() + pause, [here, then = std::move(held)]() mutable {
                boost::asio::post(here, [last = std::move(then)]() mutable { last(true); });
            });
        });
    };
    co_await from_callback<bool>(std::move(start));
}

}  // namespace carillon
