#pragma once

#include "base/await.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace carillon {

/// A result that somebody will leave, at once or later, for a coroutine that takes it when it has need
/// of it. Both happen on one thread.
template <class T>
struct Pending {
    std::optional<T> value;
    UniqueFunction<void(T)> waiter;

    void leave(T result) {
        if (waiter) return std::exchange(waiter, {})(std::move(result));
        value = std::move(result);
    }
};

/// Waits for the result; once. Move the pointer in: while the coroutine waits, only whoever is to leave
/// the result holds on to it, and if that is dropped, so is the coroutine.
template <class T>
Task<T> take(std::shared_ptr<Pending<T>> pending) {
    auto start = [held = std::move(pending)](UniqueFunction<void(T)> done) mutable {
        const auto taken = std::move(held);
        if (taken->value) return done(*std::move(taken->value));
        taken->waiter = std::move(done);
    };
    co_return co_await from_callback<T>(std::move(start));
}

}  // namespace carillon
