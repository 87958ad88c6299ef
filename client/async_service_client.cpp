#include "carillon/async_service_client.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace carillon {

struct AsyncServiceClient::Impl {
    explicit Impl(std::size_t most) : waiting_max(most) {}
    ~Impl() {
        std::deque<Task> dropped;
        {
            const std::lock_guard lock(mutex);
            is_closing = true;
            dropped.swap(waiting);
        }
        changed.notify_all();
        for (Task& task : dropped) task(nullptr, Error{Errc::connection_closed, "the client was closed"});
        for (std::thread& thread : threads) thread.join();
    }

    void work(ServiceClient hub) {
        for (;;) {
            Task task;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [this] { return is_closing || !waiting.empty(); });
                if (waiting.empty()) return;
                task = std::move(waiting.front());
                waiting.pop_front();
            }
            task(&hub, Error{});
        }
    }

    const std::size_t waiting_max;
    std::vector<std::thread> threads;
    std::mutex mutex;  ///< Guards the rest.
    std::condition_variable changed;
    std::deque<Task> waiting;  ///< Bound: waiting_max.
    bool is_closing = false;
};

AsyncServiceClient::AsyncServiceClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AsyncServiceClient::AsyncServiceClient(AsyncServiceClient&&) noexcept = default;
AsyncServiceClient& AsyncServiceClient::operator=(AsyncServiceClient&&) noexcept = default;
AsyncServiceClient::~AsyncServiceClient() = default;

Result<AsyncServiceClient> AsyncServiceClient::open(const ServiceOptions& service,
                                                    AsyncServiceOptions options) {
    if (options.connections == 0) return fail(Errc::argument_invalid, "connections must be at least 1");
    std::vector<ServiceClient> hubs;
    for (std::size_t i = 0; i < options.connections; ++i) {
        auto hub = ServiceClient::open(service);
        if (!hub) return fail(std::move(hub).error());
        hubs.push_back(*std::move(hub));
    }
    auto impl = std::make_unique<Impl>(options.waiting_max);
    for (ServiceClient& hub : hubs) {
        impl->threads.emplace_back(
            [raw = impl.get(), hub = std::move(hub)]() mutable { raw->work(std::move(hub)); });
    }
    return AsyncServiceClient(std::move(impl));
}

void AsyncServiceClient::submit(Task task) {
    Error refusal{Errc::throttling_exception, "too many calls wait"};
    {
        const std::lock_guard lock(impl_->mutex);
        if (impl_->is_closing) {
            refusal = Error{Errc::connection_closed, "the client was closed"};
        } else if (impl_->waiting.size() < impl_->waiting_max) {
            impl_->waiting.push_back(std::move(task));
            task = nullptr;
        }
    }
    if (task) return task(nullptr, refusal);
    impl_->changed.notify_one();
}

}  // namespace carillon
