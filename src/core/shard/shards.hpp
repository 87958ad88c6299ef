#pragma once

#include "base/await.hpp"
#include "base/task.hpp"
#include "core/shard/placement.hpp"
#include "core/shard/shard.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace carillon {

/// All shards of a hub: which of them owns an identity, and the one place where work crosses from thread to
/// thread. Safe from any thread once the hub runs. Between shards travel values and ids, no pointers or views
/// of what a shard owns.
class Shards {
public:
    /// A power of two, at most `shards_max`.
    explicit Shards(std::vector<std::unique_ptr<Shard>> shards);
    Shards(const Shards&) = delete;
    Shards& operator=(const Shards&) = delete;

    std::size_t count() const { return shards_.size(); }
    Shard& operator[](std::size_t number) { return *shards_[number]; }
    /// The shard of what belongs to the hub as a whole: jobs, configurations, imports and exports.
    Shard& first() { return *shards_.front(); }
    /// A device's shard; its modules live there too.
    Shard& owner(const DeviceId& device) { return *shards_[number_of(device)]; }
    std::size_t number_of(const DeviceId& device) const { return shard_number(device.str(), shards_.size()); }

    /// Runs `task` on the shard's thread and resumes here with its result; without a hop if this is that
    /// thread.
    template <class T>
    Task<T> on(Shard& shard, Task<T> task) {
        const boost::asio::any_io_executor here = co_await boost::asio::this_coro::executor;
        if (here == shard.executor()) co_return co_await std::move(task);
        if constexpr (std::is_void_v<T> || std::is_default_constructible_v<T>) {
            co_return co_await boost::asio::co_spawn(shard.executor(), std::move(task),
                                                     boost::asio::use_awaitable);
        } else {
            // What Asio carries from thread to thread must have an empty state.
            auto carried = co_await boost::asio::co_spawn(shard.executor(), carry(std::move(task)),
                                                          boost::asio::use_awaitable);
            co_return *std::move(carried);
        }
    }
    /// Runs a short function that does not wait on the shard's thread and resumes here with its result.
    template <class F>
    auto call(Shard& shard, F function) -> Task<std::invoke_result_t<F, Shard&>> {
        return on(shard, call_there(&shard, std::move(function)));
    }
    /// Runs `make_task(shard)` on each shard's thread, all at the same time, and resumes here when all have
    /// ended, with the results in the order of the shards. `make_task` is called here, before it returns; the
    /// results' type has an empty state. What a task throws is thrown here, once all have ended.
    template <class F>
    auto on_all(F make_task) -> Task<std::vector<typename std::invoke_result_t<F, Shard&>::value_type>> {
        using T = typename std::invoke_result_t<F, Shard&>::value_type;
        std::vector<Task<T>> tasks;
        for (const auto& shard : shards_) tasks.push_back(make_task(*shard));
        return gather(std::move(tasks));
    }
    /// Runs a short function on each shard's thread, all at the same time, and resumes here with the results.
    template <class F>
    auto call_all(F function) -> Task<std::vector<std::invoke_result_t<F, Shard&>>> {
        return on_all([function](Shard& shard) { return call_there(&shard, function); });
    }
    /// Runs a short function on the shard's thread, later; nobody waits for it.
    template <class F>
    static void post(Shard& shard, F function) {
        boost::asio::post(shard.executor(), std::move(function));
    }

private:
    template <class T>
    static Task<std::optional<T>> carry(Task<T> task) {
        co_return std::optional<T>(co_await std::move(task));
    }
    template <class F>
    static auto call_there(Shard* shard, F function) -> Task<std::invoke_result_t<F, Shard&>> {
        co_return function(*shard);
    }
    template <class T>
    Task<std::vector<T>> gather(std::vector<Task<T>> tasks);

    std::vector<std::unique_ptr<Shard>> shards_;
};

template <class T>
Task<std::vector<T>> Shards::gather(std::vector<Task<T>> tasks) {
    struct Gathering {
        std::vector<T> results;
        std::vector<std::exception_ptr> errors;
        std::atomic<std::size_t> left;
        UniqueFunction<void(bool)> done;
    };
    const auto here = co_await boost::asio::this_coro::executor;
    auto gathering = std::make_shared<Gathering>();
    gathering->results.resize(tasks.size());
    gathering->errors.resize(tasks.size());
    gathering->left = tasks.size();
    auto start = [&](UniqueFunction<void(bool)> done) {
        gathering->done = std::move(done);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto ended = [gathering, here, i](std::exception_ptr error, T result) {
                gathering->errors[i] = std::move(error);
                gathering->results[i] = std::move(result);
                if (gathering->left.fetch_sub(1) > 1) return;
                boost::asio::post(here, [gathering] { gathering->done(true); });
            };
            boost::asio::co_spawn(shards_[i]->executor(), std::move(tasks[i]), std::move(ended));
        }
    };
    co_await from_callback<bool>(start);
    for (const std::exception_ptr& error : gathering->errors) {
        if (error) std::rethrow_exception(error);
    }
    co_return std::move(gathering->results);
}

}  // namespace carillon
