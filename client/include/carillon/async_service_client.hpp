#pragma once

#include "carillon/coroutine.hpp"
#include "carillon/service_client.hpp"

#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

namespace carillon {

/// How much an `AsyncServiceClient` does at a time.
struct AsyncServiceOptions {
    std::size_t connections = 4;     ///< Each with a thread of its own; calls beyond them wait.
    std::size_t waiting_max = 1024;  ///< Beyond it a call fails with `throttling_exception` at once.
};

/// Calls of a `ServiceClient` that nobody waits for: each is handed over as a function and carried out on one
/// of a few connections, in the order they came as far as there are connections free. The answer comes to a
/// callback, a future, or a coroutine.
///
///     const auto find = [key](ServiceClient& hub) { return hub.find_twin(key); };
///     std::future<Result<std::string>> twin = client->call(find);
///     const Result<std::string> again = co_await client->call(find, awaiting);
///
/// (A function that is awaited stands on a line of its own: gcc 12 destroys one written in the call twice.)
/// Any thread. Callbacks, and coroutines that go on, come on a thread of the client's, which does nothing
/// else meanwhile; a refusal comes on the caller's. The functions keep what they use: they may run until the
/// client is destroyed, which waits for those that have begun and tells the others `connection_closed`.
class AsyncServiceClient {
public:
    /// As `ServiceClient::open`.
    static Result<AsyncServiceClient> open(const ServiceOptions& service, AsyncServiceOptions options = {});
    AsyncServiceClient(AsyncServiceClient&&) noexcept;
    AsyncServiceClient& operator=(AsyncServiceClient&&) noexcept;
    ~AsyncServiceClient();

    /// What a call gives: `Result<T>`.
    template <class Call>
    using Answer = std::invoke_result_t<Call&, ServiceClient&>;

    template <class Call, class Done>
    void call(Call function, Done done) {
        submit([function = std::move(function), done = std::move(done)](ServiceClient* hub,
                                                                        const Error& refusal) mutable {
            done(hub != nullptr ? function(*hub) : Answer<Call>(fail(refusal)));
        });
    }
    template <class Call>
    std::future<Answer<Call>> call(Call function) {
        auto promise = std::make_shared<std::promise<Answer<Call>>>();
        auto answer = promise->get_future();
        call(std::move(function), [promise](Answer<Call> result) { promise->set_value(std::move(result)); });
        return answer;
    }
    template <class Call>
    Operation<Answer<Call>> call(Call function, Awaiting) {
        return Operation<Answer<Call>>(
            [this, function = std::move(function)](typename Operation<Answer<Call>>::Done done) {
                call(function, std::move(done));
            });
    }

private:
    /// Called once: with the hub, or with null and why not.
    using Task = std::function<void(ServiceClient*, const Error&)>;
    struct Impl;
    explicit AsyncServiceClient(std::unique_ptr<Impl> impl);
    void submit(Task task);
    std::unique_ptr<Impl> impl_;
};

}  // namespace carillon
