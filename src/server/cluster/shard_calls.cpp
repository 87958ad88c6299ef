#include "server/cluster/shard_calls.hpp"

#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace carillon {
namespace {

/// Connecting, and the longest time that a method may have.
constexpr std::chrono::seconds method_time_max{MethodLimits::preview_timeout_max_s +
                                               MethodLimits::connect_timeout_max_s};

bool is_method(const std::string& request) {
    return !request.empty() && static_cast<std::uint8_t>(request[0]) == InvokeMethod::number;
}

/// What only reads is asked again by `ShardPort`.
bool only_reads(const std::string& request) {
    bool is_read = false;
    each_shard_request([&]<class Request>(std::type_identity<Request>) {
        if (!request.empty() && static_cast<std::uint8_t>(request[0]) == Request::number)
            is_read = Request::only_reads;
    });
    return is_read;
}

std::string refusal(Errc code, std::string why) {
    return encode_answer(Result<void>(fail(code, std::move(why))), NoContext{});
}

/// On the shard's thread. Who asked may have stopped waiting while the request
/// stood in line; then it is not begun.
Task<std::string> answer_in_time(ShardSeat& seat, TimePoint deadline, std::string request) {
    if (seat.shard.clock().now() > deadline) co_return refusal(Errc::service_unavailable, "too late");
    auto answering = answer_bytes(seat, std::move(request));
    co_return co_await std::move(answering);
}

}  // namespace

Task<Result<std::string>> LinkCarrier::carry(std::size_t shard, std::string request) {
    const auto patience = patience_ + (is_method(request) ? method_time_max : std::chrono::seconds(0));
    auto asking = owners_.ask(CallKind::request, shard, request, patience,
                              only_reads(request) ? ShardPort::sent_max : 1);
    auto ended = co_await std::move(asking);
    if (!ended) {
        auto answering = port_.answer_here(shard, std::move(request));
        co_return co_await std::move(answering);
    }
    if (ended->how == CallEnd::How::answered) co_return std::move(ended->body);
    co_return fail(Errc::service_unavailable, std::move(ended->body));
}

void ShardCalls::call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
                      CallAnswer answer) {
    if (head.shard >= port_.count()) return;  // It is refused.
    answer.begin();
    ShardSeat& seat = port_.seat(head.shard);
    auto ended = [held = std::make_shared<CallAnswer>(std::move(answer))](const std::exception_ptr& problem,
                                                                          std::string bytes) {
        // The root of this coroutine: whatever a library threw costs the answer.
        if (problem) {
            log.error(
                "a request of another node was not carried out, as an "
                "exception came up");
            bytes = refusal(Errc::server_error, "The request cannot be carried out.");
        }
        held->answer(std::move(bytes));
    };
    auto answering = answer_in_time(seat, seat.shard.clock().now() + time_left, std::move(request));
    boost::asio::co_spawn(seat.shard.executor(), std::move(answering), std::move(ended));
}

}  // namespace carillon
