// A whole session, steered by the input: packets of a grammar and raw bytes from the client, answers
// of the hub at once, late or never, and time. Whatever happens, what the session says is a proper
// stream of server packets, PUBACKs leave in the order of the publishes, and after its end it is
// silent.

#include "base/result.hpp"
#include "wire/mqtt/client_decode.hpp"
#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/session.hpp"

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace carillon;
using namespace carillon::mqtt;

constexpr std::string_view filters[] = {
    "$iothub/methods/POST/#",
    "$iothub/methods/POST/a/#",
    "$iothub/twin/res/#",
    "$iothub/twin/PATCH/properties/desired/#",
    "devices/d1/messages/devicebound/#",
    "devices/d1/messages/#",
    "#",
    "devices/d2/messages/devicebound/#",
};
constexpr std::string_view topics[] = {
    "devices/d1/messages/events/",
    "devices/d1/messages/events/a=b&%24.mid=1/",
    "$iothub/twin/GET/?$rid=1",
    "$iothub/twin/GET/",
    "$iothub/twin/PATCH/properties/reported/?$rid=2&$version=3",
    "$iothub/methods/res/200/?$rid=1",
    "$iothub/methods/res/x/?$rid=y",
    "devices/d2/messages/events/",
};

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
    Bytes take(std::size_t count) {
        const Bytes taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    Bytes rest_;
};

class Hub final : public SessionHost {
public:
    std::string& output() override { return sent; }
    bool takes_output() const override { return has_room; }
    void connect_requested(const ConnectRequest& request) override {
        CARILLON_ASSERT(!request.user.device.empty());
        CARILLON_ASSERT(++connects == 1);
        if (is_prompt) session->accept(true, restored, now);
    }
    void store_subscriptions() override {
        CARILLON_ASSERT(session->proposed().size() <= Subscriptions::filters_max);
        if (is_prompt) session->subscriptions_stored(true);
    }
    void subscriptions_changed() override {
        CARILLON_ASSERT(session->subscriptions().size() <= Subscriptions::filters_max);
    }
    void telemetry(const TelemetryPublish& publish) override { open(publish.ticket); }
    void twin_get(std::string_view rid) override {
        CARILLON_ASSERT(!rid.empty());
        if (is_prompt) session->send_twin_response(200, rid, std::nullopt, "{}");
    }
    void twin_patch(const TwinPatchPublish& publish) override {
        if (is_prompt) session->send_twin_response(204, publish.rid, 2, {});
        open(publish.ticket);
    }
    void method_answered(std::uint16_t id, int, std::string_view) override { CARILLON_ASSERT(id != 0); }
    void cloud_message_acknowledged(const DeliveryTag& tag) override {
        CARILLON_ASSERT(open_messages.erase(tag) == 1);  // each once
    }
    void offer_message() {
        if (session->cloud_message_room() == 0) return;
        const DeliveryTag tag{static_cast<std::uint8_t>(++messages),
                              static_cast<std::uint8_t>(messages >> 8)};
        const bool waits = session->send_cloud_message("devices/d1/messages/devicebound/%24.to=x",
                                                       as_bytes("m"), messages % 2 == 0, tag);
        if (waits) open_messages.insert(tag);
        CARILLON_ASSERT(open_messages.size() <= SessionLimits::deliveries_max);
    }

    const std::vector<StoredFilter> restored{{"$iothub/twin/res/#", 1},
                                             {"$iothub/methods/POST/#", 0},
                                             {"$iothub/twin/PATCH/properties/desired/#", 0},
                                             {"nonsense", 9}};
    Session* session = nullptr;
    TimePoint now{};
    bool is_prompt = true;
    bool has_room = true;
    int connects = 0;
    std::string sent;
    std::deque<Ticket> tickets;
    std::set<DeliveryTag> open_messages;
    unsigned messages = 0;

private:
    void open(Ticket ticket) {
        if (is_prompt) return session->acknowledge(ticket);
        tickets.push_back(ticket);
        CARILLON_ASSERT(tickets.size() <= SessionLimits::window_max);
    }
};

/// Every packet the session sent so far; asserts that they are proper.
class Client {
public:
    explicit Client(Hub& hub) : hub_(hub) {}

    void read() {
        Bytes input = as_bytes(hub_.sent);
        while (true) {
            const auto packet = framer_.next(input);
            CARILLON_ASSERT(packet.has_value());
            if (!*packet) break;
            see(**packet);
        }
        CARILLON_ASSERT(framer_.pending() == 0);
        hub_.sent.clear();
    }
    void published(std::uint16_t id) {
        if (id != 0) unacknowledged_.push_back(id);
    }
    /// Raw bytes may hold publishes of their own: PUBACKs are no longer looked at.
    void lose_count() { is_counting_ = false; }

private:
    void see(const Packet& packet) {
        if (!std::exchange(is_greeted_, true)) {
            CARILLON_ASSERT(decode_connack(packet).has_value());
        } else if (packet.is(PacketType::puback)) {
            const auto id = decode_puback(packet);
            CARILLON_ASSERT(id.has_value());
            if (!is_counting_) return;
            CARILLON_ASSERT(!unacknowledged_.empty() && unacknowledged_.front() == *id);
            unacknowledged_.pop_front();
        } else if (packet.is(PacketType::publish)) {
            const auto publish = decode_publish(packet);
            CARILLON_ASSERT(publish.has_value());
            if (publish->topic.starts_with("devices/d1/messages/devicebound/")) return;
            CARILLON_ASSERT(publish->qos == 0 && publish->topic.starts_with("$iothub/"));
        } else {
            CARILLON_ASSERT(packet.is(PacketType::suback) || packet.is(PacketType::unsuback) ||
                            packet.is(PacketType::pingresp));
        }
    }

    Hub& hub_;
    Framer framer_{PacketLimits::packet_bytes_max};
    bool is_greeted_ = false;
    bool is_counting_ = true;
    std::deque<std::uint16_t> unacknowledged_;
};

std::string connect_packet(std::uint8_t choice) {
    Connect connect;
    connect.protocol_name = "MQTT";
    connect.protocol_level = choice == 0xFF ? std::uint8_t{5} : std::uint8_t{4};
    connect.clean_session = (choice & 1) != 0;
    connect.keep_alive_s = choice;
    connect.client_id = "d1";
    connect.user_name = "hub/d1/?api-version=2021-04-12";
    connect.password = as_bytes("token");
    if ((choice & 2) != 0) {
        connect.will = Will{.topic = topics[(choice >> 2) % 8], .payload = {}, .qos = 1, .retain = false};
    }
    std::string out;
    append_connect(out, connect);
    return out;
}

std::string publish_packet(Dice& dice, Client& client) {
    const std::uint8_t choice = dice.roll();
    Publish publish;
    publish.topic = topics[choice % 8];
    publish.qos = (choice >> 3) % 2;
    publish.packet_id = publish.qos > 0 ? static_cast<std::uint16_t>(dice.roll() + 1) : std::uint16_t{0};
    publish.payload = dice.take(dice.roll() % 16);
    client.published(publish.packet_id);
    std::string out;
    append_publish(out, publish);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Dice dice({data, size});
    Hub hub;
    Session session(hub, hub.now);
    hub.session = &session;
    Client client(hub);
    while (!dice.is_empty()) {
        const std::uint8_t action = dice.roll();
        const bool was_closed = session.is_closed();
        hub.is_prompt = (action & 0x80) == 0;
        std::string packet;
        switch (action & 0x0F) {
            case 0:
                packet = std::string(as_text(dice.take(dice.roll())));
                client.lose_count();
                break;
            case 1:
                packet = connect_packet(dice.roll());
                break;
            case 2:
                append_subscribe(packet, 7, filters[dice.roll() % 8], action >> 4 & 1);
                break;
            case 3:
                append_unsubscribe(packet, 8, filters[dice.roll() % 8]);
                break;
            case 4:
                packet = publish_packet(dice, client);
                break;
            case 5:
                if ((action & 0x10) != 0) {
                    append_puback(packet, static_cast<std::uint16_t>(dice.roll() + 1));
                } else {
                    append_pingreq(packet);
                }
                break;
            case 6:
                append_disconnect(packet);
                break;
            case 7:
                session.accept((action & 0x10) != 0, {}, hub.now);
                break;
            case 8:
                session.refuse(ConnectCode::not_authorized, Errc::iot_hub_unauthorized);
                break;
            case 9:
                session.subscriptions_stored((action & 0x10) == 0);
                break;
            case 10:
                if (!hub.tickets.empty()) {
                    const auto which =
                        hub.tickets.begin() + dice.roll() % static_cast<int>(hub.tickets.size());
                    const Ticket ticket = *which;
                    hub.tickets.erase(which);
                    session.acknowledge(ticket);
                }
                break;
            case 11:
                if ((action & 0x10) != 0) {
                    hub.offer_message();
                } else {
                    session.send_method(1, "m", "null");
                }
                break;
            case 12:
                session.send_desired(2, "{}");
                break;
            case 13:
                session.send_twin_response(200, "r", 4, "{}");
                break;
            case 14:
                hub.now += std::chrono::seconds(dice.roll());
                session.tick(hub.now);
                break;
            default:
                hub.has_room = !hub.has_room;
                if (hub.has_room) session.output_drained();
                break;
        }
        // A packet comes in two pieces or one.
        const std::size_t cut = (action & 0x40) != 0 ? packet.size() / 2 : 0;
        session.receive(as_bytes(std::string_view(packet).substr(0, cut)), hub.now);
        session.receive(as_bytes(std::string_view(packet).substr(cut)), hub.now);
        if (was_closed) CARILLON_ASSERT(hub.sent.empty());
        client.read();
        if (session.is_closed()) CARILLON_ASSERT(!session.wants_input() && !session.is_running());
    }
    session.close(Errc::connection_closed, "end of input");
    if (session.is_disconnected()) CARILLON_ASSERT(session.take_will() == nullptr);
    return 0;
}
