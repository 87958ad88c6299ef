#include "base/text.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> not_offered(Request&) {
    co_return fail(Errc::feature_not_supported, "This hub does not offer the operation.");
}

// Import and export jobs: none can be made, so there are none. Tools look here when `/jobs/v2` does
// not know an id (azure-iot-cli-extension).
Task<Result<HttpResponse>> list_transfer_jobs(Request&) {
    co_return ok("[]");
}

Task<Result<HttpResponse>> find_transfer_job(Request& request) {
    co_return fail(Errc::job_not_found, std::string(request.ids[0]));
}

}  // namespace carillon::rest
