#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace carillon {

/// Asks a client for the form that a coroutine waits for: `co_await device.report(patch, awaiting)`.
struct Awaiting {
    explicit Awaiting() = default;
};
inline constexpr Awaiting awaiting{};

/// An operation of a client that begins when a coroutine awaits it, and gives what the callback would have
/// been given. To be awaited once.
///
/// Threads: the coroutine goes on where the callback would have come, so on the loop's thread; an operation
/// that is refused at once does not leave its own. The frame must not be destroyed while it waits.
template <class T>
class [[nodiscard]] Operation {
public:
    using Done = std::function<void(const T&)>;

    /// `begin` begins the operation, which calls what it is given once, on any thread.
    explicit Operation(std::function<void(Done)> begin) : begin_(std::move(begin)) {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiting) {
        waiting_ = waiting;
        begin_([this](const T& value) {
            value_.emplace(value);
            if (is_one_there_.exchange(true)) waiting_.resume();
        });
        // Past this the coroutine, and this with it, may go on elsewhere or be gone.
        return !is_one_there_.exchange(true);
    }
    T await_resume() { return *std::move(value_); }

private:
    std::function<void(Done)> begin_;
    std::coroutine_handle<> waiting_;
    std::optional<T> value_;
    std::atomic<bool> is_one_there_{false};  ///< Of the value and the wait: the second one goes on.
};

/// What a coroutine returns that nobody waits for. It begins when it is called, and its frame goes when it
/// ends. Parameters are taken by value, or refer to what outlives it; it does not throw.
struct Coroutine {
    struct promise_type {
        Coroutine get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
};

}  // namespace carillon
