#pragma once

#include "base/await.hpp"
#include "core/shard/shard.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace carillon {

/// Does `work` where the shard's blocking calls run.
template <class T, class F>
Task<T> on_storage(Shard& shard, F work) {
    auto start = [&shard, &work](UniqueFunction<void(T)> done) {
        shard.storage().run([home = shard.executor(), held = std::move(work),
                             finish = std::move(done)]() mutable {
            boost::asio::post(
                home, [outcome = held(), last = std::move(finish)]() mutable { last(std::move(outcome)); });
        });
    };
    co_return co_await from_callback<T>(start);
}

}  // namespace carillon
