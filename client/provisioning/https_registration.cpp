#include "provisioning/https_registration.hpp"

#include "base/text.hpp"
#include "provisioning/registration_words.hpp"

#include <utility>

namespace carillon {

HttpsRegistration::HttpsRegistration(HttpsConnection& connection, std::string_view id_scope,
                                     std::string_view registration_id, std::string token)
    : connection_(connection),
      path_("/" + percent_encode(id_scope) + "/registrations/" + percent_encode(registration_id)),
      headers_{{"Authorization", std::move(token)},
               {"Content-Type", "application/json; charset=utf-8"},
               {"User-Agent", "carillon/" CARILLON_VERSION}} {}

Result<RegistrationAnswer> HttpsRegistration::begin(std::string_view body,
                                                    std::chrono::milliseconds timeout) {
    const std::string target = path_ + "/register?api-version=" + std::string(registration_api_version);
    return ask({"PUT", target, headers_, std::string(body)}, timeout);
}

Result<RegistrationAnswer> HttpsRegistration::poll(std::string_view operation_id,
                                                   std::chrono::milliseconds timeout) {
    const std::string target = path_ + "/operations/" + percent_encode(operation_id) +
                               "?api-version=" + std::string(registration_api_version);
    return ask({"GET", target, headers_, {}}, timeout);
}

Result<RegistrationAnswer> HttpsRegistration::ask(const HttpRequest& request,
                                                  std::chrono::milliseconds timeout) {
    auto answer = connection_.exchange(request, timeout);
    if (!answer) return fail(std::move(answer).error());
    return RegistrationAnswer{.status = answer->status,
                              .retry_after = std::string(answer->header("retry-after")),
                              .body = std::move(answer->body)};
}

}  // namespace carillon
