// What one node of a cluster reads from another of requests to shards and of their answers. The first byte
// says of what the rest is: 0 of a request, else of the answer to the request with the number below it. What
// is taken says the same again.

#include "core/port/shard_bytes.hpp"

#include "base/result.hpp"

#include <string>
#include <utility>

namespace {

using namespace carillon;

/// A plan of its own, as answers add to what it has cost.
template <class Request>
auto context_of() {
    if constexpr (std::is_same_v<Request, ScanRows> || std::is_same_v<Request, ScanGroups>) {
        ScanPlan::Statement statement{"SELECT * FROM devices WHERE tags.a = 1", {}};
        if constexpr (std::is_same_v<Request, ScanGroups>) {
            statement.text =
                "SELECT tags.a AS a, COUNT() AS n, AVG(tags.b) AS m FROM devices GROUP BY tags.a";
        }
        auto plan = ScanPlan::parse(std::move(statement));
        CARILLON_ASSERT(plan);
        return PlanContext(*std::move(plan));
    } else {
        return NoContext{};
    }
}

template <class Request>
std::optional<Request> decoded(Bytes bytes) {
    StoredReader in(bytes);
    if (in.u8() != Request::number) return std::nullopt;
    auto request = read_request<Request>(in);
    if (!request || !in.is_done()) return std::nullopt;
    return request;
}

template <class Request>
void take_request(Bytes bytes) {
    const auto request = decoded<Request>(bytes);
    if (!request) return;
    const std::string once = encode_request(*request);
    const auto again = decoded<Request>(as_bytes(once));
    CARILLON_ASSERT(again && encode_request(*again) == once);
}

template <class Request>
void take_answer(std::string_view bytes) {
    using Answer = typename Request::Answer;
    const auto context = context_of<Request>();
    const auto answer = decode_answer<Answer>(bytes, context);
    const std::string once = encode_answer(answer, context);
    const auto context_again = context_of<Request>();
    const auto again = decode_answer<Answer>(once, context_again);
    CARILLON_ASSERT(again.has_value() == answer.has_value());
    const std::string twice = encode_answer(again, context_again);
    constexpr bool is_in_any_order = std::is_same_v<Request, ScanGroups>;
    CARILLON_ASSERT(is_in_any_order ? twice.size() == once.size() : twice == once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const Bytes bytes{data + 1, size - 1};
    each_shard_request([&]<class Request>(std::type_identity<Request>) {
        if (data[0] == 0 && data[1] == Request::number) take_request<Request>(bytes);
        if (data[0] == Request::number + 1) take_answer<Request>(as_text(bytes));
    });
    return 0;
}
