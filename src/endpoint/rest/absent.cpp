#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

// Not a 404, by which clients mean that there is no such device, and tell their users so (azure-iot-sdk-node:
// http_errors.ts; azure-iot-sdk-csharp: ExceptionHandlingHelper.cs). RFC 9110 §15.6.2.
Task<Result<HttpResponse>> not_offered(Request&) {
    co_return fail(Errc::generic_not_implemented,
                   "This hub does not offer the operation, it is not supported.");
}

}  // namespace carillon::rest
