#include "endpoint/amqp/cbs_links.hpp"

#include "endpoint/amqp/hub_connection.hpp"
#include "wire/amqp/hub_messages.hpp"

#include <memory>
#include <string>
#include <utility>

namespace carillon::amqp {

namespace {

/// Source: azure-iot-sdk-c#2233, log of the service.
constexpr std::uint32_t cbs_credit = 100;

/// Answers go out here.
class CbsResponsesLink final : public LinkHandler {
public:
    CbsResponsesLink(HubConnection& connection, LinkId link)
        : authenticator_(connection.authenticator()), link_(link) {
        authenticator_.answers_go_to(link);
    }
    ~CbsResponsesLink() override {
        if (authenticator_.answer_link() == link_) authenticator_.answers_go_to(0);
    }

private:
    Authenticator& authenticator_;
    const LinkId link_;
};

/// An answer that the client does not take is lost; it asks again.
void answer(HubConnection& connection, const std::string& message_id, int status,
            std::string_view description) {
    std::string message;
    append_cbs_response(message, encoded_value(as_bytes(message_id)), status, description);
    static_cast<void>(connection.send(connection.authenticator().answer_link(), false, as_bytes(message)));
}

class CbsRequestsLink final : public LinkHandler {
public:
    explicit CbsRequestsLink(HubConnection& connection) : connection_(connection) {}

    void delivered(const Delivery& delivery) override {
        // The delivery first, then the answer. Source: azure-iot-sdk-c#2233, log of the service.
        connection_.dispose(delivery.receipt, {});
        const auto view = decode_message(delivery.message);
        if (!view) return answer(connection_, {}, 400, "The message is malformed.");
        std::string message_id(as_text(view->properties.message_id.encoded));
        const auto request = parse_put_token(*view);
        if (!request) return answer(connection_, message_id, 400, request.error().detail);
        connection_.authenticator().put_token(
            *request,
            [message_id = std::move(message_id)](HubConnection& connection, const Result<>& result) {
                if (result) return answer(connection, message_id, 200, "OK");
                const bool is_quota = result.error().code == Errc::iot_hub_quota_exceeded;
                if (is_quota) return answer(connection, message_id, 403, result.error().detail);
                answer(connection, message_id, 401, "Unauthorized");
            });
    }

private:
    HubConnection& connection_;
};

}  // namespace

void open_cbs_link(HubConnection& connection, const LinkRequest& request) {
    if (request.address.kind == LinkKind::cbs_responses) {
        auto responses = std::make_unique<CbsResponsesLink>(connection, request.id);
        return connection.accept(request.id, std::move(responses), 0);
    }
    connection.accept(request.id, std::make_unique<CbsRequestsLink>(connection), cbs_credit);
}

}  // namespace carillon::amqp
