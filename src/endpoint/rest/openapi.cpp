#include "endpoint/rest/openapi.hpp"

#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

/// Open to everybody, as tools that draw it know no tokens, and it holds nothing of this hub.
Task<Result<HttpResponse>> get_openapi(Request&) {
    HttpResponse response;
    response.shared_body = openapi_text();
    co_return response;
}

}  // namespace carillon::rest
