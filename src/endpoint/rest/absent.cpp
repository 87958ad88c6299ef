#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Task<Result<HttpResponse>> not_offered(Request&) {
    co_return fail(Errc::feature_not_supported, "This hub does not offer the operation.");
}

}  // namespace carillon::rest
