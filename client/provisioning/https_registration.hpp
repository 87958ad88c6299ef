#pragma once

#include "https_connection.hpp"
#include "provisioning/registration_line.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// How a device asks over HTTPS, by a connection that serves others after it.
/// Source: DPS docs, "How to use the HTTPS device API"; DPS device.json.
class HttpsRegistration final : public RegistrationLine {
public:
    HttpsRegistration(HttpsConnection& connection, std::string_view id_scope,
                      std::string_view registration_id, std::string token);

    Result<RegistrationAnswer> begin(std::string_view body, std::chrono::milliseconds timeout) override;
    Result<RegistrationAnswer> poll(std::string_view operation_id,
                                    std::chrono::milliseconds timeout) override;

private:
    Result<RegistrationAnswer> ask(const HttpRequest& request, std::chrono::milliseconds timeout);

    HttpsConnection& connection_;
    const std::string path_;
    const HttpHeaders headers_;
};

}  // namespace carillon
