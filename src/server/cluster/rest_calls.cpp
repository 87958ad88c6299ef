#include "server/cluster/rest_calls.hpp"

#include "base/log.hpp"
#include "endpoint/rest/routes.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <utility>

namespace carillon {
namespace {

constexpr std::size_t hub_shard = 0;

/// On the thread of the first shard. Nothing if who asked has stopped waiting while it stood in line.
Task<std::optional<rest::PassedAnswer>> answer_passed_in_time(RestEndpoint& rest, IoThread& thread,
                                                              TimePoint deadline,
                                                              rest::PassedRequest request) {
    if (thread.clock().now() > deadline) co_return std::nullopt;
    auto answering = rest.answer_passed(thread, std::move(request));
    co_return co_await std::move(answering);
}

}  // namespace

bool LinkRelay::passes_on(const rest::Route& route) const {
    return rest::is_of_hub(route) && !owners_.is_here(hub_shard);
}

Task<Result<std::optional<rest::PassedAnswer>>> LinkRelay::pass_on(const rest::Route& route,
                                                                   rest::PassedRequest request) {
    const std::string bytes = rest::encode_passed(request);
    std::string why;
    for (int sent = 1; sent <= sent_max; ++sent) {
        auto asking = owners_.ask(CallKind::rest, hub_shard, bytes, patience_);
        auto ended = co_await std::move(asking);
        if (!ended) co_return std::optional<rest::PassedAnswer>();
        if (ended->how == CallEnd::How::answered) {
            auto answer = rest::decode_passed_answer(ended->body);
            if (answer) co_return answer;
            co_return fail(Errc::service_unavailable, "a node answered what it was not asked for");
        }
        why = std::move(ended->body);
        if (ended->how != CallEnd::How::lost || rest::changes_something(route)) break;
    }
    co_return fail(Errc::service_unavailable, std::move(why));
}

void RestCalls::call(const CallHead&, std::chrono::milliseconds time_left, std::string request,
                     CallAnswer answer) {
    auto passed = rest::decode_passed_request(request);
    if (!passed) return;  // It is refused.
    IoThread& thread = threads_.of_shard(hub_shard);
    answer.begin();
    auto ended = [held = std::make_shared<CallAnswer>(std::move(answer))](
                     const std::exception_ptr& problem, std::optional<rest::PassedAnswer> given) {
        // The root of this coroutine: whatever a library threw costs the answer.
        if (problem) log.error("a request that another node passed on failed, as an exception came up");
        if (!problem && given) held->answer(rest::encode_passed(*given));
    };
    auto answering =
        answer_passed_in_time(rest_, thread, thread.clock().now() + time_left, *std::move(passed));
    boost::asio::co_spawn(thread.executor(), std::move(answering), std::move(ended));
}

}  // namespace carillon
