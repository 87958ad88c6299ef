#include "endpoint/amqp/registration/registration_links.hpp"

#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "endpoint/amqp/link_failure.hpp"
#include "endpoint/amqp/registration/registrant_login.hpp"
#include "endpoint/amqp/registration/registration_messages.hpp"
#include "endpoint/device/registrant.hpp"
#include "endpoint/device/twin_errors.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <string>
#include <utility>

namespace carillon::amqp {

namespace {

/// A device asks for one thing after another.
constexpr std::uint32_t registration_credit = 10;

/// What a request came to.
struct Outcome {
    Receipt receipt;
    std::string correlation;
    int retry_after_s = 0;
    Result<std::string> answer;
};

/// Rejects a request, with the error as the SDKs parse it. Source: azure-iot-sdk-csharp:
/// ProvisioningErrorDetailsAmqp.cs.
void reject(HubConnection& connection, const Receipt& receipt, const Error& error) {
    const bool is_passing = http_status(error.code) >= 429;
    const auto told = device::twin_failure(error, connection.wall_now(), connection.random());
    std::string info;
    append_retry_info(info, is_passing ? device::registration_retry_s : 0, connection.random().hex32());
    DeliveryState state;
    state.outcome = amqp::Outcome::rejected;
    state.condition = {.name = condition_name(error.code), .description = told.body, .info = as_bytes(info)};
    connection.wire().dispose(receipt, state);
}

void conclude(HubConnection& connection, const Outcome& outcome) {
    Registrant* const registrant = connection.authenticator().registrant();
    CARILLON_ASSERT(registrant != nullptr);
    if (outcome.answer) {
        connection.dispose(outcome.receipt, {});
        std::string message;
        append_registration_answer(message, outcome.correlation, outcome.retry_after_s, *outcome.answer);
        // A device that does not listen asks again.
        static_cast<void>(connection.send(registrant->answers, true, as_bytes(message)));
    } else {
        reject(connection, outcome.receipt, outcome.answer.error());
    }
    connection.release_input();
}

Task<> carry_out(std::shared_ptr<HubConnection> connection, RegistrationRequest request,
                 RegistrationOperation operation, Receipt receipt) {
    Provisioning& provisioning = connection->hub().provisioning();
    Outcome outcome{.receipt = receipt, .correlation = operation.correlation, .answer = std::string()};
    if (!operation.operation_id.empty()) {
        auto finding = provisioning.operation(request.enrollee.registration_id, operation.operation_id);
        const auto found = co_await std::move(finding);
        outcome.answer =
            found ? Result<std::string>(device::operation_ended_json(*found)) : fail(found.error());
    } else {
        auto registering = provisioning.register_device(std::move(request));
        const auto registered = co_await std::move(registering);
        outcome.retry_after_s = device::registration_poll_s;
        outcome.answer = registered ? Result<std::string>(device::operation_begun_json(*registered))
                                    : fail(registered.error());
    }
    connection->post([outcome = std::move(outcome)](HubConnection& self) { conclude(self, outcome); });
}

/// The device sends its requests here.
class RegistrationRequestsLink final : public LinkHandler {
public:
    explicit RegistrationRequestsLink(HubConnection& connection) : connection_(connection) {}

    void delivered(const Delivery& delivery) override {
        const auto view = decode_message(delivery.message);
        if (!view) return reject(connection_, delivery.receipt, view.error());
        auto operation = parse_registration_operation(*view);
        if (!operation) return reject(connection_, delivery.receipt, operation.error());
        Registrant& registrant = *connection_.authenticator().registrant();
        auto request = device::read_registration(registrant.request, operation->body);
        if (operation->operation_id.empty() && !request)
            return reject(connection_, delivery.receipt, request.error());
        // No other frame is taken until it is answered.
        connection_.hold_input();
        auto work = carry_out(connection_.shared_from_this(), request.value_or(registrant.request),
                              *std::move(operation), delivery.receipt);
        boost::asio::co_spawn(connection_.thread().executor(), std::move(work), boost::asio::detached);
    }

private:
    HubConnection& connection_;
};

/// Answers go out here.
class RegistrationAnswersLink final : public LinkHandler {
public:
    RegistrationAnswersLink(HubConnection& connection, LinkId link)
        : authenticator_(connection.authenticator()), link_(link) {
        authenticator_.registrant()->answers = link;
    }
    ~RegistrationAnswersLink() override {
        Registrant* const registrant = authenticator_.registrant();
        if (registrant != nullptr && registrant->answers == link_) registrant->answers = 0;
    }

private:
    Authenticator& authenticator_;
    const LinkId link_;
};

void accept(HubConnection& connection, LinkId link, LinkRole role) {
    if (role == LinkRole::sender) {
        return connection.accept(link, std::make_unique<RegistrationRequestsLink>(connection),
                                 registration_credit);
    }
    connection.accept(link, std::make_unique<RegistrationAnswersLink>(connection, link), 0);
}

void refuse(HubConnection& connection, LinkId link) {
    connection.refuse(link, Error{Errc::iot_hub_unauthorized_access, "Unauthorized"});
}

void decide(HubConnection& connection, LinkId link, LinkRole role, const RegistrationAddress& address,
            const std::string& api_version) {
    Registrant* const registrant = connection.authenticator().registrant();
    const bool is_its = registrant != nullptr && equals_ignoring_case(registrant->scope, address.scope) &&
                        equals_ignoring_case(registrant->request.enrollee.registration_id, address.id);
    if (!is_its) return refuse(connection, link);
    if (!api_version.empty()) registrant->request.api_version = api_version;
    accept(connection, link, role);
}

}  // namespace

bool is_of_registration(HubConnection& connection, const Attach& attach) {
    const auto address = parse_registration_address(attach);
    return address && connection.hub().provisioning().has_scope(address->scope);
}

void open_registration_link(HubConnection& connection, const LinkRequest& request) {
    const auto address = parse_registration_address(request.attach);
    CARILLON_ASSERT(address);
    const LinkRole role = request.attach.role;
    std::string api_version(link_property(request.attach, "com.microsoft:api-version"));
    if (connection.authenticator().registrant() != nullptr)
        return decide(connection, request.id, role, *address, api_version);
    // A certificate, without any SASL. Source: azure-iot-sdk-node: provisioning amqp.ts, x509.
    log_in_registrant(connection, *address, std::nullopt,
                      [link = request.id, role, address = *address, api_version = std::move(api_version)](
                          HubConnection& self, const Result<>& proved) {
                          if (!proved) return refuse(self, link);
                          decide(self, link, role, address, api_version);
                      });
}

}  // namespace carillon::amqp
