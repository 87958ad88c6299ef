#pragma once

#include "cluster/owner_calls.hpp"
#include "endpoint/rest/relay/passed_request.hpp"
#include "endpoint/rest/rest_endpoint.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace carillon {

/// Brings requests about the hub as a whole to the node that owns its first shard. Any thread.
class LinkRelay final : public rest::RequestRelay {
public:
    /// How long an answer is waited for: longer than anything that such a request does takes.
    static constexpr std::chrono::seconds patience_default{60};
    /// How often what changes nothing is asked, if no answer comes. Ours.
    static constexpr int sent_max = 3;

    explicit LinkRelay(OwnerCalls& owners, std::chrono::milliseconds patience = patience_default)
        : owners_(owners), patience_(patience) {}

    bool passes_on(const rest::Route& route) const override;
    Task<Result<std::optional<rest::PassedAnswer>>> pass_on(const rest::Route& route,
                                                            rest::PassedRequest request) override;

private:
    OwnerCalls& owners_;
    const std::chrono::milliseconds patience_;
};

/// Answers requests that other nodes pass on, behind `OwnedCalls`. Any thread.
class RestCalls final : public CallService {
public:
    /// Both outlive it.
    RestCalls(RestEndpoint& rest, IoThreads& threads) : rest_(rest), threads_(threads) {}

    void call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
              CallAnswer answer) override;

private:
    RestEndpoint& rest_;
    IoThreads& threads_;
};

}  // namespace carillon
