// What the hub reads of AMQP links and their messages: addresses, tokens, twin requests, answers to methods,
// telemetry, cloud-to-device messages. The first byte says which.

#include "base/result.hpp"
#include "endpoint/amqp/cloud_message_format.hpp"
#include "endpoint/amqp/telemetry_message.hpp"
#include "endpoint/amqp/token_wallet.hpp"
#include "wire/amqp/hub_links.hpp"
#include "wire/amqp/hub_messages.hpp"

#include <string>

namespace {

using namespace carillon;
using namespace carillon::amqp;

void read_texts(std::string_view text) {
    for (const LinkRole role : {LinkRole::sender, LinkRole::receiver}) {
        Attach attach;
        attach.role = role;
        attach.source.is_present = attach.target.is_present = true;
        attach.source.address = attach.target.address = text;
        const LinkAddress address = parse_link_address(attach);
        CARILLON_ASSERT(address.device.size() <= text.size() && address.module.size() <= text.size());
        CARILLON_ASSERT(address.kind != LinkKind::unknown || address.device.empty());
    }
    if (const auto user = parse_plain_user(text)) {
        CARILLON_ASSERT(user->policy.empty() != user->device.empty());
    }
    CARILLON_ASSERT(parse_token_scope(text).identities.size() <= 2);
}

void read_requests(const MessageView& message) {
    if (const auto token = parse_put_token(message)) {
        std::string answer;
        append_cbs_response(answer, token->message_id, 200, "OK");
        CARILLON_ASSERT(amqp::decode_message(as_bytes(answer)).has_value());
    }
    if (const auto twin = parse_twin_request(message)) {
        std::string answer;
        append_twin_response(answer, twin->correlation_id, 200, 1, twin->body);
        CARILLON_ASSERT(amqp::decode_message(as_bytes(answer)).has_value());
    }
    static_cast<void>(parse_method_response(message));
    static_cast<void>(read_cloud_message_target(message));
    if (const auto cloud = read_cloud_message(message)) {
        const CloudDelivery delivery{.message = *cloud};
        const std::string sent = format_cloud_message(delivery);
        CARILLON_ASSERT(amqp::decode_message(as_bytes(sent)).has_value());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Bytes bytes(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        read_texts(as_text(bytes));
        return 0;
    }
    if (const auto message = amqp::decode_message(bytes)) read_requests(*message);
    for (const std::uint32_t format : {plain_format, batch_format}) {
        Delivery delivery;
        delivery.format = format;
        delivery.message = bytes;
        const auto messages = read_telemetry(delivery);
        if (!messages) continue;
        std::size_t total = 0;
        for (const TelemetryMessage& message : *messages) total += message.body.size();
        CARILLON_ASSERT(!messages->empty() && total <= bytes.size());
    }
    return 0;
}
