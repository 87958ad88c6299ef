// A whole connection of a server, steered by the input: frames of a grammar and raw bytes from the client,
// answers of the host at once or late, messages to the client, and time. Whatever happens, what the server
// says is a proper stream: headers and frames that decode, an open before anything else, and nothing behind a
// close. A second connection, the client's side, is given all that the server says.

#include "base/result.hpp"
#include "wire/amqp/connection.hpp"
#include "wire/amqp/message.hpp"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

namespace {

using namespace carillon;
using namespace carillon::amqp;

/// Bytes of the input, one after another; zero when they are used up.
class Dice {
public:
    explicit Dice(Bytes bytes) : rest_(bytes) {}
    bool is_empty() const { return rest_.empty(); }
    std::uint8_t roll() {
        if (rest_.empty()) return 0;
        const std::uint8_t byte = rest_[0];
        rest_ = rest_.subspan(1);
        return byte;
    }
    std::uint32_t number() {
        const std::uint8_t byte = roll();
        // Mostly small; sometimes near the end of the range.
        return byte < 0xF0 ? byte % 8U : 0xFFFFFFF0U + (byte & 0xFU);
    }
    Bytes take(std::size_t count) {
        const Bytes taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    Bytes rest_;
};

class Host final : public ConnectionHost {
public:
    std::string& output() override { return sent; }
    bool takes_output() const override { return has_room; }
    void sasl_requested(const SaslInit&) override {
        is_sasl_asked = true;
        if (is_prompt) connection->sasl_decided(SaslCode::ok);
    }
    void opened(const Open&) override { CARILLON_ASSERT(!std::exchange(is_open, true)); }
    void link_requested(LinkId link, const Attach&) override {
        CARILLON_ASSERT(asked == 0);
        asked = link;
        if (is_prompt) decide(true);
    }
    void attached(LinkId, const Attach&) override {}
    void delivered(const Delivery& delivery) override {
        CARILLON_ASSERT(delivery.message.size() <= ConnectionLimits::message_bytes_max);
        CARILLON_ASSERT(delivery.tag.size() <= Transfer::tag_bytes_max);
        receipts.push_back(delivery.receipt);
        CARILLON_ASSERT(receipts.size() <= 4 * ConnectionLimits::in_hand_max);
        if (is_prompt) dispose(Outcome::accepted);
    }
    void disposed(const Disposal& disposal) override {
        if (!disposal.settled) connection->settle(disposal, state_of(Outcome::accepted));
        if (!disposal.settled) connection->settle(disposal, state_of(Outcome::accepted));
    }
    void confirmed(LinkId, std::uint32_t, const DeliveryState&) override {}
    void flowed(LinkId link) override { static_cast<void>(connection->credit(link)); }
    void detached(LinkId link, const Condition&) override {
        if (asked == link) asked = 0;
        CARILLON_ASSERT(!connection->send(link, {.tag = as_bytes("t")}, {}));
    }

    static DeliveryState state_of(Outcome outcome) {
        DeliveryState state;
        state.outcome = outcome;
        return state;
    }
    void decide(bool accepts) {
        const LinkId link = std::exchange(asked, 0);
        if (accepts) return connection->accept_link(link, {.credit = link % 5});
        connection->refuse_link(link, {.name = "amqp:not-found", .description = "none", .info = {}});
    }
    void dispose(Outcome outcome) {
        if (receipts.empty()) return;
        const Receipt receipt = receipts.front();
        receipts.pop_front();
        connection->dispose(receipt, state_of(outcome));
    }

    Connection* connection = nullptr;
    std::string sent;
    bool has_room = true;
    bool is_prompt = true;
    bool is_open = false;
    bool is_sasl_asked = false;
    LinkId asked = 0;
    std::deque<Receipt> receipts;
};

/// Looks at all that is said, and tells it to a client's connection.
class Listener {
public:
    Listener() { host_.connection = &client_; }

    void hear(std::string& sent) {
        client_.receive(as_bytes(sent), TimePoint{});
        host_.sent.clear();
        Bytes input = as_bytes(sent);
        while (!input.empty()) {
            if (as_text(input).starts_with("AMQP")) {
                CARILLON_ASSERT(input.size() >= 8 && !has_closed_);
                input = input.subspan(8);
                continue;
            }
            Framer framer(ConnectionLimits::frame_bytes_max);
            const auto frame = framer.next(input);
            CARILLON_ASSERT(frame.has_value() && frame->has_value());
            see(**frame);
        }
        sent.clear();
    }

private:
    void see(const Frame& frame) {
        CARILLON_ASSERT(!has_closed_);
        if (frame.type == sasl_frame) {
            CARILLON_ASSERT(!has_opened_ && decode_sasl(frame.body).has_value());
            return;
        }
        if (frame.body.empty()) return;
        const auto performative = decode_performative(frame.body);
        CARILLON_ASSERT(performative.has_value());
        if (std::holds_alternative<Open>(*performative)) CARILLON_ASSERT(!std::exchange(has_opened_, true));
        CARILLON_ASSERT(has_opened_);
        has_closed_ = std::holds_alternative<Close>(*performative);
    }

    Host host_;
    ConnectionSettings settings_{
        .container_id = "c", .hostname = "h", .mechanism = {}, .initial_response = {}};
    Connection client_{host_, settings_, Side::client, TimePoint{}};
    bool has_opened_ = false;
    bool has_closed_ = false;
};

/// Appends a frame of the kind that `kind` says, its fields by the dice.
void append_frame(std::string& out, std::uint8_t kind, Dice& dice) {
    const auto channel = static_cast<std::uint16_t>(dice.number() & 0xFFFF);
    switch (kind) {
        case 0:
            return append_open(out, {.container_id = "c",
                                     .hostname = {},
                                     .max_frame_size = 512U + dice.roll(),
                                     .idle_timeout_ms = dice.roll() * 1000U,
                                     .properties = {}});
        case 1:
            return append_begin(out, channel,
                                {.remote_channel = {},
                                 .next_outgoing_id = dice.number(),
                                 .incoming_window = dice.number(),
                                 .outgoing_window = 9});
        case 2: {
            Attach attach;
            attach.name = "l";
            attach.handle = dice.number();
            const std::uint8_t bits = dice.roll();
            attach.role = static_cast<LinkRole>((bits & 1) != 0);
            if ((bits & 2) != 0) attach.receiver_mode = ReceiverSettleMode::second;
            if ((bits & 4) != 0) attach.max_message_size = 5;
            attach.source.is_present = true;
            attach.source.address = "a";
            return append_attach(out, channel, attach);
        }
        case 3: {
            Flow flow;
            flow.next_incoming_id = dice.number();
            flow.incoming_window = dice.number();
            const std::uint8_t bits = dice.roll();
            if ((bits & 1) != 0) flow.handle = dice.number();
            if ((bits & 2) != 0) flow.delivery_count = dice.number();
            if ((bits & 4) != 0) flow.link_credit = dice.number();
            flow.drain = (bits & 8) != 0;
            flow.echo = (bits & 16) != 0;
            return append_flow(out, channel, flow);
        }
        case 4: {
            Transfer transfer;
            transfer.handle = dice.number();
            const std::uint8_t bits = dice.roll();
            if ((bits & 1) == 0) transfer.delivery_id = dice.number();
            if ((bits & 2) == 0) transfer.delivery_tag = as_bytes("t");
            if ((bits & 4) != 0) transfer.settled = (bits & 8) != 0;
            std::string message;
            append_data(message, dice.take(dice.roll()));
            // What does not fit into the frame is lost, so that more is to follow.
            if ((bits & 16) != 0) message.resize(600, 'x');
            Bytes payload = as_bytes(message);
            return append_transfer(out, channel, transfer, payload, frame_bytes_min);
        }
        case 5:
            return append_disposition(out, channel,
                                      {.role = static_cast<LinkRole>((dice.roll() & 1) != 0),
                                       .first = dice.number(),
                                       .last = dice.number(),
                                       .settled = (dice.roll() & 1) != 0,
                                       .state = Host::state_of(static_cast<Outcome>(dice.roll() % 6))});
        case 6:
            return append_detach(out, channel, {.handle = dice.number(), .closed = true, .error = {}});
        case 7:
            return append_end(out, channel, {});
        case 8:
            return append_close(out, {});
        case 9:
            return append_heartbeat(out);
        case 10:
            return append_sasl_init(
                out, {.mechanism = "PLAIN", .initial_response = as_bytes("x"), .hostname = {}});
        case 11:
            out += std::string_view("AMQP\x03\x01\x00\x00", 8);
            return;
        case 12:
            out += std::string_view("AMQP\x00\x01\x00\x00", 8);
            return;
        default:
            out += as_text(dice.take(dice.roll()));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Dice dice(Bytes(data, size));
    Host host;
    Listener listener;
    const ConnectionSettings settings{
        .container_id = "hub", .hostname = "h", .mechanism = {}, .initial_response = {}};
    TimePoint now{};
    Connection server(host, settings, Side::server, now);
    host.connection = &server;
    std::size_t steps = 0;
    while (!dice.is_empty() && ++steps < 2000) {
        const std::uint8_t action = dice.roll();
        const std::uint8_t what = action & 0x1F;
        if (what < 16) {
            std::string frame;
            append_frame(frame, what, dice);
            // In one piece or in two.
            const std::size_t cut = (action & 0x80) != 0 ? frame.size() / 2 : frame.size();
            server.receive(as_bytes(std::string_view(frame).substr(0, cut)), now);
            server.receive(as_bytes(std::string_view(frame).substr(cut)), now);
        } else if (what == 16) {
            host.is_prompt = !host.is_prompt;
        } else if (what == 17) {
            if (host.asked != 0) host.decide((action & 0x80) == 0);
        } else if (what == 18) {
            server.sasl_decided((action & 0x80) == 0 ? SaslCode::ok : SaslCode::auth);
        } else if (what == 19) {
            host.dispose(static_cast<Outcome>(2 + dice.roll() % 4));
        } else if (what == 20) {
            const std::string message(dice.roll() * 10U, 'm');
            static_cast<void>(server.send(
                dice.number(), {.tag = as_bytes("t"), .settled = (action & 0x80) != 0}, as_bytes(message)));
        } else if (what == 21) {
            const LinkId link = dice.number();
            if (host.asked == link) host.asked = 0;
            server.detach(link, {});
        } else if (what == 22) {
            now += std::chrono::seconds(dice.roll());
            server.tick(now);
        } else if (what == 23) {
            host.has_room = !host.has_room;
            if (host.has_room) server.output_drained();
        } else if (what == 24) {
            server.authenticated(now);
        } else if (what == 25) {
            server.grant(dice.number(), dice.number(), (action & 0x80) != 0);
        }
        server.flush();
        listener.hear(host.sent);
        CARILLON_ASSERT(server.session_count() <= ConnectionLimits::sessions_max);
        CARILLON_ASSERT(server.is_closed() || server.deadline() >= now - std::chrono::hours(1));
    }
    return 0;
}
