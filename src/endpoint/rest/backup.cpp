// A backup of the whole hub while it runs: of our own making, so under /carillon/. Page: docs/backup.md.

#include "endpoint/rest/backup_port.hpp"

#include "base/log.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> make_backup(Request& request) {
    if (request.backups == nullptr) co_return fail(Errc::feature_not_supported, "This hub makes no backups.");
    auto beginning = request.backups->begin();
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

}  // namespace carillon::rest
