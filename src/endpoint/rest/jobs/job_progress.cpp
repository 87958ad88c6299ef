// Live progress of jobs: of our own making, so under /carillon/. Page: docs/live-progress.md.

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/jobs/job_watcher.hpp"
#include "core/jobs/job_wish.hpp"
#include "core/jobs/jobs.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/jobs/job_event_feed.hpp"
#include "endpoint/rest/jobs/job_event_stream.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

/// Ours: what somebody may say about why.
constexpr std::size_t why_bytes_max = 256;

}  // namespace

JobActor actor_of(const Request& request) {
    JobActor actor;
    if (request.caller) {
        actor.policy = request.caller->policy;
    } else if (request.session) {
        actor.policy = request.session->policy;
    }
    if (const auto says = request.header("x-carillon-actor")) {
        actor.says = says->substr(0, JobActor::says_bytes_max);
    }
    return actor;
}

Task<Result<HttpResponse>> get_job_progress(Request& request) {
    const std::string id(request.ids[0]);
    const auto progress = request.hub.jobs().progress(id);
    if (!progress) co_return fail(Errc::job_not_found, "There is no job with id '" + id + "'.");
    std::string body;
    append_job_progress_json(body, *progress);
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> follow_job(Request& request) {
    const std::string id(request.ids[0]);
    // A header of an EventSource, which connects again by itself, counts more than what its URL said
    // at the beginning.
    std::optional<JobEventToken> after;
    if (const auto last = request.header("last-event-id")) {
        after = JobEventToken::parse(*last);
    } else if (const auto parameter = request.parameter("after")) {
        after = JobEventToken::parse(*parameter);
    }
    auto watcher = request.hub.jobs().watch(id);
    if (!watcher) co_return fail(std::move(watcher).error());
    const auto& clock = request.hub.shards()[0].clock();
    if (after && after->is_end && after->number == (*watcher)->look(clock.now(), clock.wall_now()).number) {
        // All has been said. An EventSource connects again for ever unless it is told this way.
        co_return no_content();
    }
    HttpResponse response;
    response.add("Content-Type", "text/event-stream");
    response.add("Cache-Control", "no-store");
    response.stream = std::make_shared<JobEventStream>(*std::move(watcher), after);
    co_return response;
}

namespace {

/// Directs a job with a rollout, and answers with how it stands then.
Task<Result<HttpResponse>> direct(Request& request, JobWish wish) {
    const std::string id(request.ids[0]);
    wish.by = actor_of(request);
    if (const auto match = request.header("if-match")) {
        std::string_view text = *match;
        if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
            text = text.substr(1, text.size() - 2);
        if (text != "*") {
            wish.revision = parse_u64(text);
            if (!wish.revision)
                co_return fail(Errc::precondition_failed, "If-Match is not a revision of a job.");
        }
    }
    auto directing = request.hub.jobs().direct(id, std::move(wish));
    auto directed = co_await std::move(directing);
    if (!directed) co_return fail(std::move(directed).error());
    co_return co_await get_job_progress(request);
}

/// The body of an action: an object, or nothing. Fails with `argument_invalid`.
Result<JsonDocument> action_body(const Request& request) {
    const std::string_view text = request.http->body;
    auto body = JsonDocument::parse(text.empty() ? "{}" : text);
    if (body && !body->root().is_object()) return fail(Errc::argument_invalid, "The body must be an object.");
    return body;
}

Result<JobWish> read_wish(const Request& request, JobWish::What what) {
    auto body = action_body(request);
    if (!body) return fail(std::move(body).error());
    JobWish wish;
    wish.what = what;
    MemberReader in(body->root());
    wish.why = in.text("why").value_or("");
    if (wish.why.size() > why_bytes_max)
        return fail(Errc::argument_invalid, "why: takes more than 256 bytes");
    if (what == JobWish::promote) {
        const auto wave = in.integer("wave", 0, RolloutLimits::waves_expanded_max);
        if (in.ok() && !wave) return fail(Errc::argument_invalid, "wave: is missing");
        wish.wave = static_cast<std::uint32_t>(wave.value_or(0));
    }
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    return wish;
}

Task<Result<HttpResponse>> act(Request& request, JobWish::What what) {
    auto wish = read_wish(request, what);
    if (!wish) co_return fail(std::move(wish).error());
    co_return co_await direct(request, *std::move(wish));
}

}  // namespace

Task<Result<HttpResponse>> pause_job(Request& request) {
    return act(request, JobWish::pause);
}

Task<Result<HttpResponse>> resume_job(Request& request) {
    return act(request, JobWish::resume);
}

Task<Result<HttpResponse>> promote_job(Request& request) {
    return act(request, JobWish::promote);
}

Task<Result<HttpResponse>> close_job(Request& request) {
    return act(request, JobWish::close);
}

Task<Result<HttpResponse>> change_job(Request& request) {
    auto body = action_body(request);
    if (!body) co_return fail(std::move(body).error());
    const auto rollout = body->root().find("rollout");
    if (!rollout.is_object()) co_return fail(Errc::argument_invalid, "rollout: must be an object");
    for (auto member = body->root().first(); member.exists(); member = member.next()) {
        if (member.key() != "rollout")
            co_return fail(Errc::argument_invalid, std::string(member.key()) + ": only rollout can change");
    }
    JobWish wish;
    wish.what = JobWish::change;
    wish.changes = rollout.raw();
    co_return co_await direct(request, std::move(wish));
}

}  // namespace carillon::rest
