#pragma once

// Hosts that record what a connection asks of them, and two connections that talk to each other; no part of
// the product.

#include "wire/amqp/connection.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/message.hpp"
#include "wire/amqp/testing.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

namespace carillon::amqp::testing {

inline std::string_view name_of(Outcome outcome) {
    constexpr std::string_view names[] = {"none", "received", "accepted", "rejected", "released", "modified"};
    return names[static_cast<std::size_t>(outcome)];
}

/// A message of one data section.
inline std::string message_of(std::string_view content) {
    std::string message;
    append_data(message, as_bytes(content));
    return message;
}

/// Writes down what it is asked, one line a call, and answers as its members say.
class RecordingHost final : public ConnectionHost {
public:
    std::string& output() override { return sent; }
    bool takes_output() const override { return has_room; }
    void sasl_requested(const SaslInit& init) override {
        note("sasl {} {}", init.mechanism, as_text(init.initial_response.value_or(Bytes())));
        if (decides) connection->sasl_decided(sasl_answer);
    }
    void opened(const Open& open) override { note("open {} {}", open.container_id, open.hostname); }
    void link_requested(LinkId link, const Attach& attach) override {
        const Terminus& terminus = attach.role == LinkRole::sender ? attach.target : attach.source;
        note("link {} {} {}", link, attach.role == LinkRole::sender ? "to" : "from",
             terminus.address.value_or("?"));
        if (decides) connection->accept_link(link, {.credit = credit});
    }
    void attached(LinkId link, const Attach& attach) override {
        note("attached {} {}{}", link, attach.name,
             attach.source.is_present || attach.target.is_present ? "" : " refused");
    }
    void delivered(const Delivery& delivery) override {
        receipts.push_back(delivery.receipt);
        std::string content(as_text(delivery.message));
        if (const auto message = decode_message(delivery.message)) content = message->content();
        note("message {} {} {}{}", delivery.receipt.link, delivery.receipt.id, content,
             delivery.receipt.settled ? " settled" : "");
        if (disposes) dispose_all();
    }
    void disposed(const Disposal& disposal) override {
        disposals.push_back(disposal);
        disposals.back().state.condition = {};
        note("disposed {} {} {}{}", disposal.link, disposal.cookie, name_of(disposal.state.outcome),
             disposal.settled ? "" : " unsettled");
    }
    void confirmed(LinkId link, std::uint32_t delivery, const DeliveryState& state) override {
        note("confirmed {} {} {}", link, delivery, name_of(state.outcome));
    }
    void flowed(LinkId link) override { note("flow {} {}", link, connection->credit(link)); }
    void detached(LinkId link, const Condition& error) override {
        note("detached {}{}{}", link, error.name.empty() ? "" : " ", error.name);
    }

    void dispose_all() {
        DeliveryState state;
        state.outcome = outcome;
        for (const Receipt& receipt : std::exchange(receipts, {})) connection->dispose(receipt, state);
    }
    /// What was written down since the last call.
    std::vector<std::string> take_log() { return std::exchange(log, {}); }

    Connection* connection = nullptr;
    std::string sent;
    bool has_room = true;
    bool decides = true;
    bool disposes = true;
    SaslCode sasl_answer = SaslCode::ok;
    std::uint32_t credit = 100;
    Outcome outcome = Outcome::accepted;
    std::vector<std::string> log;
    std::vector<Receipt> receipts;
    std::vector<Disposal> disposals;

private:
    template <class... Args>
    void note(fmt::format_string<Args...> text, Args&&... args) {
        log.push_back(fmt::format(text, std::forward<Args>(args)...));
    }
};

/// A connection with its host.
struct Peer {
    explicit Peer(Side side, std::string_view mechanism = {})
        : settings{.container_id = side == Side::server ? "hub" : "device",
                   .hostname = "hub.example.net",
                   .mechanism = mechanism,
                   .initial_response = {}},
          connection(host, settings, side, TimePoint{}) {
        host.connection = &connection;
    }
    ConnectionSettings settings;
    RecordingHost host;
    Connection connection;
};

/// A client and a server, and the wire between them.
struct Pair {
    explicit Pair(std::string_view mechanism = {}) : client(Side::client, mechanism) {}

    /// Carries bytes back and forth, `piece` at a time, until nobody says anything more.
    void run(std::size_t piece = 1U << 20U) {
        while (true) {
            client.connection.flush();
            server.connection.flush();
            const bool is_quiet = client.host.sent.empty() && server.host.sent.empty();
            if (is_quiet) return;
            carry(client, server, piece);
            carry(server, client, piece);
        }
    }
    /// The client's session, with both open and the server's client authenticated.
    SessionId open() {
        client.connection.start();
        run();
        server.connection.authenticated(now);
        client.connection.authenticated(now);
        const auto session = client.connection.begin();
        run();
        client.host.take_log();
        server.host.take_log();
        return session.value_or(0);
    }
    LinkId link(SessionId session, std::string_view name, LinkRole role, std::string_view address) {
        const auto link = client.connection.attach(session, attach_of(name, role, address), {.credit = 10});
        run();
        client.host.take_log();
        server.host.take_log();
        return link.value_or(0);
    }

    Peer client;
    Peer server{Side::server};
    TimePoint now{};

private:
    void carry(Peer& from, Peer& to, std::size_t piece) {
        const std::string bytes = std::exchange(from.host.sent, {});
        for (std::size_t i = 0; i < bytes.size(); i += piece) {
            to.connection.receive(as_bytes(std::string_view(bytes).substr(i, piece)), now);
        }
    }
};

}  // namespace carillon::amqp::testing
