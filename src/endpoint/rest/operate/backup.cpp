// A backup of the whole hub while it runs: of our own making, so under /carillon/. Page: docs/backup.md.

#include "endpoint/rest/operate/backup_port.hpp"

#include "base/log.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

#include <string>
#include <utility>

namespace carillon::rest {

namespace {

Task<Result<HttpResponse>> back_up(Request& request, std::string since) {
    if (request.backups == nullptr) {
        co_return fail(Errc::feature_not_supported,
                       "This hub makes no backups of its own: its store is PostgreSQL, which is backed up itself.");
    }
    auto beginning = request.backups->begin(std::move(since));
    auto source = co_await std::move(beginning);
    if (!source) co_return fail(std::move(source).error());
    // It holds every key there is, so who took it is worth a line.
    log.info("backup begun policy={} peer={}",
             request.caller ? request.caller->policy : request.session->policy, request.peer);
    HttpResponse response;
    response.source = *std::move(source);
    response.content_type = "application/x-tar";
    response.add("Cache-Control", "no-store");
    co_return response;
}

}  // namespace

Task<Result<HttpResponse>> make_backup(Request& request) {
    return back_up(request, std::string());
}

/// The body is the list of files that an earlier archive holds.
Task<Result<HttpResponse>> make_incremental_backup(Request& request) {
    if (request.http->body.empty())
        co_return fail(Errc::argument_invalid, "The body must be the store.files of an earlier backup.");
    auto backing_up = back_up(request, std::string(request.http->body));
    co_return co_await std::move(backing_up);
}

}  // namespace carillon::rest
