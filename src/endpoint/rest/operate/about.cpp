// What this hub can do that the service cannot, for clients that must know before they ask.

#include "base/json.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

/// Of the `rollout` of a job. A hub that does not know it ignores it, and runs such a job at once.
constexpr int rollout_version = 1;

}  // namespace

Task<Result<HttpResponse>> get_about(Request&) {
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("version", CARILLON_VERSION)
        .member("rollout", rollout_version)
        .end_object();
    co_return ok(std::move(body));
}

}  // namespace carillon::rest
