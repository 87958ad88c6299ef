// Settings in force, and health: of our own making, so under /carillon/. Page: docs/monitoring.md.

#include "endpoint/rest/operate/hub_status.hpp"

#include "endpoint/rest/operate/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/web/web_dashboard.hpp"

namespace carillon::rest {

namespace {

Result<HttpResponse> tell(const Request& request, std::string (HubStatus::*what)()) {
    HubStatus* const status = request.web == nullptr ? nullptr : request.web->status;
    if (status == nullptr) return fail(Errc::feature_not_supported, "This hub does not report its settings and health.");
    return ok((status->*what)());
}

}  // namespace

Task<Result<HttpResponse>> get_settings(Request& request) {
    co_return tell(request, &HubStatus::settings);
}

Task<Result<HttpResponse>> get_health(Request& request) {
    co_return tell(request, &HubStatus::health_report);
}

}  // namespace carillon::rest
