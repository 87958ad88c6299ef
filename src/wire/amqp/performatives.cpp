#include "wire/amqp/performatives.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/fields.hpp"

namespace carillon::amqp {

namespace {

template <class Mode>
std::optional<Mode> mode_of(Fields& in, std::uint8_t last) {
    const auto mode = in.find_u8();
    if (!mode) return std::nullopt;
    if (*mode > last) in.fail();
    return static_cast<Mode>(*mode);
}

LinkRole role_of(Fields& in) {
    return static_cast<LinkRole>(in.required(in.find_bool()));
}

Bytes map_of(Fields& in) {
    const Value value = in.value();
    if (value.is_null()) return {};
    if (value.type != Type::map) in.fail();
    return value.encoded;
}

Condition condition_of(const Value& value) {
    const auto error = describe(value);
    if (!error || error->code != descriptor::error) return {};
    Fields in(error->value);
    Condition condition;
    condition.name = in.text();
    condition.description = in.text();
    condition.info = map_of(in);
    // A symbol (AMQP 1.0 §2.8.14). As a string it is taken, too, but only if it could be one.
    if (!in.ok() || !is_ascii(as_bytes(condition.name))) return {};
    return condition;
}

Condition error_of(Fields& in) {
    const Value value = in.value();
    if (value.is_null()) return {};
    const Condition condition = condition_of(value);
    if (condition.name.empty()) in.fail();
    return condition;
}

/// Lenient: what is odd about an outcome is between the peer and itself.
DeliveryState state_of(const Value& value) {
    DeliveryState state;
    const auto described = describe(value);
    if (!described) return state;
    Fields in(described->value);
    switch (described->code) {
        case descriptor::received:
            state.outcome = Outcome::received;
            break;
        case descriptor::accepted:
            state.outcome = Outcome::accepted;
            break;
        case descriptor::rejected:
            state.outcome = Outcome::rejected;
            state.condition = condition_of(in.value());
            break;
        case descriptor::released:
            state.outcome = Outcome::released;
            break;
        case descriptor::modified:
            state.outcome = Outcome::modified;
            state.delivery_failed = in.find_bool().value_or(false);
            state.undeliverable_here = in.find_bool().value_or(false);
            break;
        default:
            break;
    }
    return state;
}

Terminus terminus_of(Fields& in, std::uint64_t code) {
    Terminus terminus;
    const Value value = in.value();
    if (value.is_null()) return terminus;
    const auto described = describe(value);
    const bool is_coordinator =
        described && code == descriptor::target && described->code == descriptor::coordinator;
    if (!described || (described->code != code && !is_coordinator)) {
        in.fail();
        return terminus;
    }
    terminus.is_present = true;
    terminus.is_coordinator = is_coordinator;
    terminus.encoded = value.encoded;
    if (is_coordinator) return terminus;
    Fields fields(described->value);
    terminus.address = fields.value().as_text();
    fields.value();  // durable
    fields.value();  // expiry-policy
    fields.value();  // timeout
    terminus.is_dynamic = fields.find_bool().value_or(false);
    fields.value();  // dynamic-node-properties
    if (code == descriptor::source) {
        fields.value();  // distribution-mode
        terminus.filter = fields.value();
    }
    if (!fields.ok()) in.fail();
    return terminus;
}

Open open_of(Fields& in) {
    Open open;
    open.container_id = in.required(in.find_text());
    open.hostname = in.text();
    open.max_frame_size = in.find_u32().value_or(open.max_frame_size);
    open.channel_max = in.find_u16().value_or(open.channel_max);
    open.idle_timeout_ms = in.find_u32();
    in.value();  // outgoing-locales
    in.value();  // incoming-locales
    in.value();  // offered-capabilities
    in.value();  // desired-capabilities
    open.properties = map_of(in);
    return open;
}

Begin begin_of(Fields& in) {
    Begin begin;
    begin.remote_channel = in.find_u16();
    begin.next_outgoing_id = in.required(in.find_u32());
    begin.incoming_window = in.required(in.find_u32());
    begin.outgoing_window = in.required(in.find_u32());
    begin.handle_max = in.find_u32().value_or(begin.handle_max);
    return begin;
}

Attach attach_of(Fields& in) {
    Attach attach;
    attach.name = in.required(in.find_text());
    attach.handle = in.required(in.find_u32());
    attach.role = role_of(in);
    attach.sender_mode = mode_of<SenderSettleMode>(in, 2);
    attach.receiver_mode = mode_of<ReceiverSettleMode>(in, 1);
    attach.source = terminus_of(in, descriptor::source);
    attach.target = terminus_of(in, descriptor::target);
    in.value();  // unsettled: no delivery outlives its link here
    in.value();  // incomplete-unsettled
    attach.initial_delivery_count = in.find_u32();
    attach.max_message_size = in.find_u64();
    in.value();  // offered-capabilities
    attach.desired_capabilities = in.value();
    attach.properties = map_of(in);
    return attach;
}

Flow flow_of(Fields& in) {
    Flow flow;
    flow.next_incoming_id = in.find_u32();
    flow.incoming_window = in.required(in.find_u32());
    flow.next_outgoing_id = in.required(in.find_u32());
    flow.outgoing_window = in.required(in.find_u32());
    flow.handle = in.find_u32();
    flow.delivery_count = in.find_u32();
    flow.link_credit = in.find_u32();
    flow.available = in.find_u32();
    flow.drain = in.find_bool().value_or(false);
    flow.echo = in.find_bool().value_or(false);
    return flow;
}

Transfer transfer_of(Fields& in) {
    Transfer transfer;
    transfer.handle = in.required(in.find_u32());
    transfer.delivery_id = in.find_u32();
    transfer.delivery_tag = in.find_binary();
    if (transfer.delivery_tag && transfer.delivery_tag->size() > Transfer::tag_bytes_max) in.fail();
    transfer.message_format = in.find_u32();
    transfer.settled = in.find_bool();
    transfer.more = in.find_bool().value_or(false);
    in.value();  // rcv-settle-mode
    transfer.state = state_of(in.value());
    in.value();  // resume
    transfer.aborted = in.find_bool().value_or(false);
    return transfer;
}

Disposition disposition_of(Fields& in) {
    Disposition disposition;
    disposition.role = role_of(in);
    disposition.first = in.required(in.find_u32());
    disposition.last = in.find_u32();
    disposition.settled = in.find_bool().value_or(false);
    disposition.state = state_of(in.value());
    return disposition;
}

Detach detach_of(Fields& in) {
    Detach detach;
    detach.handle = in.required(in.find_u32());
    detach.closed = in.find_bool().value_or(false);
    detach.error = error_of(in);
    return detach;
}

std::optional<Performative> performative_of(std::uint64_t code, Fields& in) {
    switch (code) {
        case descriptor::open:
            return open_of(in);
        case descriptor::begin:
            return begin_of(in);
        case descriptor::attach:
            return attach_of(in);
        case descriptor::flow:
            return flow_of(in);
        case descriptor::transfer:
            return transfer_of(in);
        case descriptor::disposition:
            return disposition_of(in);
        case descriptor::detach:
            return detach_of(in);
        case descriptor::end:
            return End{error_of(in)};
        case descriptor::close:
            return Close{error_of(in)};
        default:
            return std::nullopt;
    }
}

}  // namespace

Result<Performative> decode_performative(Bytes body) {
    Reader in(body);
    const auto described = describe(in.value());
    if (!in.ok() || !described || described->value.type != Type::list) {
        return fail(Errc::malformed_packet, "frame does not begin with a performative");
    }
    Fields fields(described->value);
    auto performative = performative_of(described->code, fields);
    if (!performative) return fail(Errc::malformed_packet, "unknown performative");
    if (!fields.ok())
        return fail(Errc::malformed_packet, "performative lacks a field or has one of wrong type");
    if (auto* transfer = std::get_if<Transfer>(&*performative)) {
        transfer->payload = in.rest();
    } else if (in.more()) {
        return fail(Errc::malformed_packet, "bytes behind a performative");
    }
    return *performative;
}

}  // namespace carillon::amqp
