#pragma once

#include "base/task.hpp"
#include "base/unique_function.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace carillon {

/// Turns a callback into something to await: `start` is given a function to call once, on this
/// thread, with the result. Calling it before `start` returns is allowed: the coroutine then goes on
/// in a later turn, as Asio forbids to complete within the initiation.
template <class T, class Start>
Task<T> from_callback(Start start) {
    const auto executor = co_await boost::asio::this_coro::executor;
    auto initiate = [&start, &executor](auto handler) {
        struct State {
            decltype(handler) resume;
            bool starting = true;
        };
        auto state = std::make_shared<State>(State{std::move(handler), true});
        UniqueFunction<void(T)> done([state, executor](T value) {
            if (!state->starting) return std::move(state->resume)(std::move(value));
            boost::asio::post(executor, [state, held = std::move(value)]() mutable {
                std::move(state->resume)(std::move(held));
            });
        });
        start(std::move(done));
        state->starting = false;
    };
    using Token = const boost::asio::use_awaitable_t<>;
    co_return co_await boost::asio::async_initiate<Token, void(T)>(initiate, boost::asio::use_awaitable);
}

}  // namespace carillon
