#pragma once

#include "device/device_link.hpp"
#include "provisioning/registration_line.hpp"
#include "provisioning/registration_session.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// How a device asks over MQTT: a connection of its own, opened when it is first needed and again if it is
/// gone. Runs the loop of `io` on the calling thread, which nobody else does.
class MqttRegistration final : public RegistrationLine, private client::StreamHandler {
public:
    struct Introduction {
        std::string user_name;
        std::string registration_id;
        std::string token;
        std::chrono::milliseconds connect_timeout;
    };

    MqttRegistration(client::ClientIo& io, const client::LinkSettings& settings, Introduction introduction);
    ~MqttRegistration() override;

    /// A service that cannot take connections now answers with 503.
    Result<RegistrationAnswer> begin(std::string_view body, std::chrono::milliseconds timeout) override;
    Result<RegistrationAnswer> poll(std::string_view operation_id,
                                    std::chrono::milliseconds timeout) override;

private:
    using Request = void (RegistrationSession::*)(std::string_view);

    // --- StreamHandler -----------------------------------------------------------------------------
    void opened() override;
    void received(Bytes bytes) override;
    void drained() override {}
    void closed(const Error& reason) override;

    Result<RegistrationAnswer> ask(Request request, std::string_view text, std::chrono::milliseconds timeout);
    Result<RegistrationAnswer> ask_once(Request request, std::string_view text,
                                        std::chrono::milliseconds timeout);
    Result<> open();
    /// Runs the loop until `holds`. Fails with why the connection is over, or with `gateway_timeout`.
    template <class Holds>
    Result<> run_until(Holds holds, std::chrono::milliseconds timeout, const char* what);
    void close();

    client::ClientIo& io_;
    const client::LinkSettings& settings_;
    const Introduction introduction_;
    std::unique_ptr<client::DeviceLink> link_;
    std::optional<RegistrationSession> session_;  ///< Since the link has opened.
    std::optional<Error> end_;                    ///< Of the link.
};

}  // namespace carillon
