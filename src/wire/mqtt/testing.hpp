#pragma once

// A host that records what a session asks of it, and packets written short; no part of the product.

#include "wire/hex_testing.hpp"
#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/session.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace carillon::mqtt::testing {

using carillon::testing::from_hex;
using carillon::testing::to_hex;

// Topics of device `d1`, and the filters that a device subscribes to.
constexpr std::string_view events = "devices/d1/messages/events/";
constexpr std::string_view methods_filter = "$iothub/methods/POST/#";
constexpr std::string_view twin_filter = "$iothub/twin/res/#";
constexpr std::string_view desired_filter = "$iothub/twin/PATCH/properties/desired/#";

/// A CONNECT of client `d1`, to be changed at will.
inline Connect connect_of(std::string_view client_id = "d1",
                          std::string_view user_name = "hub.example.net/d1/?api-version=2021-04-12") {
    Connect connect;
    connect.protocol_name = "MQTT";
    connect.protocol_level = 4;
    connect.keep_alive_s = 60;
    connect.client_id = client_id;
    connect.user_name = user_name;
    connect.password = as_bytes("token");
    return connect;
}
inline std::string bytes_of(const Connect& connect) {
    std::string out;
    append_connect(out, connect);
    return out;
}
inline std::string publish_of(std::string_view topic, std::string_view payload = {}, std::uint8_t qos = 0,
                              std::uint16_t packet_id = 0) {
    std::string out;
    Publish publish;
    publish.topic = topic;
    publish.payload = as_bytes(payload);
    publish.qos = qos;
    publish.packet_id = packet_id;
    append_publish(out, publish);
    return out;
}
inline std::string subscribe_of(std::string_view filter, std::uint8_t qos = 0, std::uint16_t id = 1) {
    std::string out;
    append_subscribe(out, id, filter, qos);
    return out;
}
inline std::string unsubscribe_of(std::string_view filter, std::uint16_t id = 1) {
    std::string out;
    append_unsubscribe(out, id, filter);
    return out;
}
inline std::string connack_of(ConnectCode code, bool session_present = false) {
    std::string out;
    append_connack(out, code, session_present);
    return out;
}

/// Keeps each request as a line of text. Answers at once where `answers` says so, as a hub whose
/// store takes no time.
class RecordingHost : public SessionHost {
public:
    std::string& output() override { return sent; }
    bool takes_output() const override { return has_room; }
    void connect_requested(const ConnectRequest& request) override {
        add("connect", request.user.device, request.user.module);
        if (!request.password) lines.back() += " without password";
        if (answers) session->accept(session_present, restored, now);
    }
    void store_subscriptions() override {
        add("store", std::to_string(session->proposed().size()), "");
        if (answers) session->subscriptions_stored(true);
    }
    void subscriptions_changed() override { add("changed", "", ""); }
    void telemetry(const TelemetryPublish& publish) override {
        add("telemetry", publish.bag, as_text(publish.payload));
        if (publish.dup) lines.back() += " dup";
        if (publish.retain) lines.back() += " retain";
        tickets.push_back(publish.ticket);
        if (answers) session->acknowledge(publish.ticket);
    }
    void twin_get(std::string_view rid) override {
        add("get", rid, "");
        if (answers) session->send_twin_response(200, rid, std::nullopt, "{}");
    }
    void twin_patch(const TwinPatchPublish& publish) override {
        add("patch", publish.rid, as_text(publish.payload));
        if (publish.has_version) {
            lines.back() += publish.version ? " version=" + std::to_string(*publish.version) : " version=?";
        }
        tickets.push_back(publish.ticket);
        if (answers) {
            session->send_twin_response(204, publish.rid, 2, {});
            session->acknowledge(publish.ticket);
        }
    }
    void method_answered(std::uint16_t id, int status, std::string_view payload) override {
        add("answer", std::to_string(id) + " " + std::to_string(status), payload);
    }

    void cloud_message_acknowledged(const DeliveryTag& tag) override {
        add("acknowledged", std::to_string(tag[0]), "");
    }

    std::string take_sent() { return std::exchange(sent, {}); }
    std::vector<std::string> take_lines() { return std::exchange(lines, {}); }

    Session* session = nullptr;
    TimePoint now{};
    bool answers = true;
    bool has_room = true;
    bool session_present = false;
    std::vector<StoredFilter> restored;
    std::string sent;
    std::vector<std::string> lines;
    std::vector<Ticket> tickets;

private:
    void add(std::string word, std::string_view a, std::string_view b) {
        if (!a.empty()) word.append(" ").append(a);
        if (!b.empty()) word.append(" ").append(b);
        lines.push_back(std::move(word));
    }
};

/// A session with its host.
struct Talk {
    RecordingHost host;
    Session session{host, TimePoint{}};

    Talk() { host.session = &session; }
    void say(std::string_view bytes) { session.receive(as_bytes(bytes), host.now); }
    /// Past CONNACK, with nothing recorded.
    void open(const Connect& connect = connect_of()) {
        say(bytes_of(connect));
        host.take_sent();
        host.take_lines();
    }
};

}  // namespace carillon::mqtt::testing
