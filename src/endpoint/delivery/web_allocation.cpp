#include "endpoint/delivery/web_allocation.hpp"

#include "endpoint/delivery/client_span.hpp"
#include "endpoint/delivery/webhook_sender.hpp"

#include <fmt/core.h>

namespace carillon {

Result<> WebAllocation::check(std::string_view url) const {
    const auto address = WebhookAddress::parse(url);
    const auto reached = address ? trust_->reach().check(address->server) : Result<>(fail(address.error()));
    if (reached) return {};
    return fail(Errc::argument_invalid, "webhookUrl: the hub does not send there: " + reached.error().detail);
}

Result<std::string> WebAllocation::ask(const std::string& url, const std::string& question) {
    // What is allowed may have changed since the enrollment was written.
    if (auto checked = check(url); !checked) return fail(std::move(checked).error());
    auto address = WebhookAddress::parse(url);
    const std::string host = address->server.host;
    WebClient client(std::move(address->server), trust_, stops_);
    client.give_up_at(std::chrono::steady_clock::now() + answer_within);
    ClientSpan span(spans_, clock_, "POST allocation webhook", host);
    const std::string fields = "Content-Type: application/json; charset=utf-8\r\n" + span.field();
    auto answer = client.exchange("POST", address->target, fields, question, Allocation::answer_bytes_max);
    span.ended(answer ? answer->status : 0);
    if (!answer && stops_) return fail(Errc::service_unavailable, "The hub is stopping.");
    if (!answer) return fail(std::move(answer).error());
    if (answer->status != 200)
        return fail(Errc::argument_invalid,
                    fmt::format("the webhook answers with status {}", answer->status));
    return std::move(answer->body);
}

}  // namespace carillon
