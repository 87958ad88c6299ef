// Whether the log of a job is as it was written. Page: docs/live-progress.md.

#include "base/json.hpp"
#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/chain/job_verifier.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/rollout_handlers.hpp"

#include <array>
#include <optional>

namespace carillon::rest {

namespace {

using Previous = JobVerification::Previous;

/// Nothing if it is not 64 hexadecimal digits.
std::optional<Sha256Digest> parse_seal(std::string_view text) {
    const auto digit = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    Sha256Digest seal{};
    if (text.size() != 2 * seal.size()) return std::nullopt;
    for (std::size_t i = 0; i < seal.size(); ++i) {
        const int high = digit(text[2 * i]);
        const int low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        seal[i] = static_cast<char>(high << 4 | low);
    }
    return seal;
}

std::string_view verdict_of(const JobVerification& found) {
    if (!found.log.is_chained) return "notChained";
    return found.is_intact() ? "intact" : "broken";
}

void append_faults(JsonWriter& json, const LogReport& log) {
    json.key("faults").begin_array();
    for (const auto& fault : log.faults) {
        json.begin_object();
        if (fault.part != job_log_part) json.member("part", fault.part);
        if (fault.sequence > 0) json.member("sequence", fault.sequence);
        json.member("what", fault.what).end_object();
    }
    json.end_array();
}

void append_previous(JsonWriter& json, const JobVerification& found) {
    constexpr std::array<std::string_view, 5> states{"none", "intact", "changed", "gone", "missing"};
    json.key("previous");
    if (!found.log.previous) {
        json.null();
        return;
    }
    json.begin_object().member("job", found.log.previous->job);
    json.member("state", states[static_cast<std::size_t>(found.previous)]);
    json.member("keptUntil", to_iso8601(found.log.previous->kept_until)).end_object();
}

}  // namespace

Task<Result<HttpResponse>> verify_job_log(Request& request) {
    std::optional<Sha256Digest> seal;
    if (const auto text = request.parameter("seal"); text && !text->empty()) {
        seal = parse_seal(*text);
        if (!seal)
            co_return fail(Errc::argument_invalid, "seal: must be the 64 hexadecimal digits of a seal");
    }
    // One of those who read the logs of jobs, which are bounded.
    const auto reports = request.hub.jobs().report(std::string(request.ids[0]), {});
    if (!reports) co_return fail(reports.error());
    auto verifying = verify_job(**reports, seal);
    const auto found = co_await std::move(verifying);
    if (!found) co_return fail(found.error());
    std::string body;
    JsonWriter json(body);
    json.begin_object().member("jobId", request.ids[0]).member("verdict", verdict_of(*found));
    json.member("events", found->log.events).member("seals", found->log.seals).key("seal");
    if (found->log.seal) {
        json.value(hex_encode(as_text(*found->log.seal)));
    } else {
        json.null();
    }
    append_faults(json, found->log);
    append_previous(json, *found);
    json.end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
