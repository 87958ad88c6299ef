#include "wire/mqtt/session.hpp"

#include "wire/mqtt/decode.hpp"
#include "wire/mqtt/encode.hpp"

#include <algorithm>
#include <vector>

namespace carillon::mqtt {

namespace {

constexpr std::uint8_t granted_qos_max = 1;
constexpr int twin_read_status = 200;  ///< Of a twin as it is; a write is answered with 204.

/// How long a client may be silent: one and a half times its keep-alive. [MQTT-3.1.2-24]
std::chrono::milliseconds silence_of(std::uint16_t keep_alive_s) {
    if (keep_alive_s == 0) return SessionLimits::silence_max;
    constexpr int ms_per_s_and_a_half = 1500;
    const std::chrono::milliseconds allowed{keep_alive_s * ms_per_s_and_a_half};
    return std::min<std::chrono::milliseconds>(allowed, SessionLimits::silence_max);
}

}  // namespace

/// A SUBSCRIBE or UNSUBSCRIBE that takes effect when it is stored.
struct Session::Proposal {
    Subscriptions subscriptions;
    std::uint16_t packet_id = 0;
    std::vector<std::uint8_t> codes;  ///< Of the SUBACK; empty for an UNSUBACK.
    bool is_changed = false;
    unsigned renewed = 0;  ///< The topics subscribed to, again or for the first time.
};

struct Session::Return {
    struct Notification {
        std::int64_t version = 0;
        std::string body;
    };
    TimePoint until;
    unsigned topics = 0;  ///< Those that wait still.
    std::vector<Notification> kept;
    std::size_t kept_bytes = 0;
};

struct Session::Deliveries {
    struct Delivery {
        std::uint16_t packet_id = 0;
        DeliveryTag tag{};
    };
    std::vector<Delivery> open;  ///< Bound: SessionLimits::deliveries_max.

    auto find(std::uint16_t packet_id) {
        return std::find_if(open.begin(), open.end(), [packet_id](const Delivery& delivery) {
            return delivery.packet_id == packet_id;
        });
    }
};

Session::Session(SessionHost& host, TimePoint now) : host_(host), last_heard_(now) {}
Session::~Session() = default;

// --- input -----------------------------------------------------------------------------------------

bool Session::wants_input() const {
    if (stage_ == Stage::awaiting_connect) return true;
    return stage_ == Stage::running && unacknowledged() < SessionLimits::window_max && host_.takes_output();
}

void Session::receive(Bytes input, TimePoint now) {
    if (is_closed()) return;
    // Before CONNECT is answered the deadline stands.
    if (is_running()) last_heard_ = now;
    if (held_ == nullptr && wants_input()) return process(input);
    if (held_ == nullptr) held_ = std::make_unique<std::string>();
    if (held_->size() - held_from_ + input.size() > SessionLimits::held_bytes_max) {
        return close(Errc::message_too_large, "more input than can wait");
    }
    held_->append(as_text(input));
}

void Session::process(Bytes input) {
    // A stranger to MQTT is told by its first byte: what looks like a long packet may never end.
    if (stage_ == Stage::awaiting_connect && framer_.pending() == 0 && !input.empty() &&
        input[0] >> 4 != static_cast<int>(PacketType::connect)) {
        return close(Errc::malformed_packet, "first packet is not a CONNECT");  // [MQTT-3.1.0-1]
    }
    is_processing_ = true;
    while (wants_input()) {
        const auto packet = framer_.next(input);
        if (!packet) {
            close(packet.error().code, packet.error().code == Errc::message_too_large
                                           ? "packet over the size limit"
                                           : "malformed fixed header");
            break;
        }
        if (!*packet) break;
        handle(**packet);
    }
    is_processing_ = false;
    if (is_closed() || input.empty()) return;
    // The session was stalled by one of the packets: keep what follows it.
    if (held_ == nullptr) held_ = std::make_unique<std::string>();
    held_->append(as_text(input));
}

/// Goes on with what was held. Not reached from within `process`, which looks by itself.
void Session::resume() {
    if (is_processing_ || held_ == nullptr) return;
    is_processing_ = true;
    while (wants_input()) {
        Bytes rest = as_bytes(std::string_view(*held_).substr(held_from_));
        const auto packet = framer_.next(rest);
        if (!packet) {
            close(packet.error().code, "malformed or over-long packet");
            break;
        }
        held_from_ = held_->size() - rest.size();
        if (!*packet) break;
        handle(**packet);
    }
    is_processing_ = false;
    if (held_from_ < held_->size() && !is_closed()) return;
    held_.reset();
    held_from_ = 0;
}

TimePoint Session::silence_end() const {
    return last_heard_ + (is_running() ? silence_of(keep_alive_s_) : SessionLimits::authentication_max);
}

TimePoint Session::deadline() const {
    return return_ ? std::min(return_->until, silence_end()) : silence_end();
}

void Session::tick(TimePoint now) {
    if (is_closed()) return;
    if (return_ && now >= return_->until) end_return();
    if (now < silence_end()) return;
    close(is_running() ? Errc::device_connection_closed_remotely : Errc::iot_hub_unauthorized,
          is_running() ? "keep-alive expired" : "not authenticated in time");
}

// --- packets ---------------------------------------------------------------------------------------

void Session::handle(const Packet& packet) {
    if (stage_ == Stage::awaiting_connect) {
        if (!packet.is(PacketType::connect)) {
            return close(Errc::malformed_packet, "first packet is not a CONNECT");  // [MQTT-3.1.0-1]
        }
        return handle_connect(packet);
    }
    switch (static_cast<PacketType>(packet.type_bits())) {
        case PacketType::publish:
            return handle_publish(packet);
        case PacketType::puback:
            return handle_puback(packet);
        case PacketType::subscribe:
            return handle_subscribe(packet);
        case PacketType::unsubscribe:
            return handle_unsubscribe(packet);
        case PacketType::pingreq:
            if (!decode_empty(packet)) return close(Errc::malformed_packet, "malformed PINGREQ");
            append_pingresp(host_.output());
            return end_return();
        case PacketType::disconnect:
            return handle_disconnect(packet);
        default:
            // A second CONNECT [MQTT-3.1.0-2], what only a server sends, and all of QoS 2.
            return close(Errc::malformed_packet, "a packet no device may send");
    }
}

void Session::handle_connect(const Packet& packet) {
    const auto connect = decode_connect(packet);
    if (!connect) return close(Errc::malformed_packet, "malformed CONNECT");
    const bool is_older = connect->protocol_name == "MQIsdp";
    if (!is_older && connect->protocol_name != "MQTT") {
        return close(Errc::malformed_packet, "protocol name is not MQTT");  // [MQTT-3.1.2-1]
    }
    if (is_older || connect->protocol_level != 4) {
        return refuse(ConnectCode::unacceptable_protocol_version, Errc::invalid_protocol_version);
    }
    if (!connect->user_name) return refuse(ConnectCode::not_authorized, Errc::iot_hub_unauthorized);
    const auto user = parse_user_name(*connect->user_name, connect->client_id);
    if (!user) return refuse(ConnectCode::not_authorized, user.error().code);

    client_id_ = connect->client_id;
    clean_session_ = connect->clean_session;
    if (connect->will && !keep_will(*connect->will)) {
        return refuse(ConnectCode::not_authorized, Errc::iot_hub_unauthorized);
    }
    keep_alive_s_ = connect->keep_alive_s;
    stage_ = Stage::authenticating;
    ConnectRequest request{.user = *user,
                           .password = connect->password,
                           .clean_session = connect->clean_session,
                           .keep_alive_s = connect->keep_alive_s};
    if (request.password && request.password->empty()) request.password.reset();
    host_.connect_requested(request);
}

/// False if the will is not for this identity's own telemetry.
bool Session::keep_will(const Will& will) {
    const auto topic = parse_publish_topic(will.topic, identity());
    if (!topic || topic->kind != TopicKind::telemetry) return false;
    will_ = std::make_unique<StoredWill>(StoredWill{.bag = std::string(topic->bag),
                                                    .payload = std::string(as_text(will.payload)),
                                                    .retain = will.retain});
    return true;
}

void Session::handle_publish(const Packet& packet) {
    const auto publish = decode_publish(packet);
    if (!publish) return close(Errc::malformed_packet, "malformed PUBLISH");
    if (publish->qos == 2) return close(Errc::feature_not_supported, "PUBLISH of QoS 2");
    const auto topic = parse_publish_topic(publish->topic, identity());
    if (!topic) return close(Errc::iot_hub_unauthorized_access, "not a topic of this identity");
    if (topic->kind != TopicKind::twin_get) end_return();
    if (is_closed()) return;
    switch (topic->kind) {
        case TopicKind::telemetry:
            return handle_telemetry(*publish, topic->bag);
        case TopicKind::method_response:
            return handle_method_response(*publish, *topic);
        case TopicKind::twin_get:
            return handle_twin_get(*publish, *topic);
        case TopicKind::twin_patch:
            return handle_twin_patch(*publish, *topic);
    }
}

void Session::handle_telemetry(const Publish& publish, std::string_view bag) {
    if (publish.payload.size() > PacketLimits::payload_bytes_max) {
        return close(Errc::message_too_large, "message over 256 KB");
    }
    const Ticket ticket = open_ticket(publish);
    const TelemetryPublish telemetry{.bag = bag,
                                     .payload = publish.payload,
                                     .dup = publish.dup,
                                     .retain = publish.retain,
                                     .ticket = ticket};
    host_.telemetry(telemetry);
}

void Session::handle_twin_get(const Publish& publish, const PublishTopic& topic) {
    if (topic.rid.empty()) return close(Errc::generic_bad_request, "twin GET without $rid");
    const Ticket ticket = open_ticket(publish);
    host_.twin_get(topic.rid);
    acknowledge(ticket);
}

void Session::handle_twin_patch(const Publish& publish, const PublishTopic& topic) {
    const Ticket ticket = open_ticket(publish);
    const TwinPatchPublish patch{.rid = topic.rid,
                                 .has_version = topic.has_version,
                                 .version = topic.version,
                                 .payload = publish.payload,
                                 .ticket = ticket};
    host_.twin_patch(patch);
}

void Session::handle_method_response(const Publish& publish, const PublishTopic& topic) {
    // Request ids are decimal without leading zeros; any other is none of ours, which is not a breach.
    std::uint32_t request_id = 0;
    const bool is_decimal = !topic.rid.empty() && topic.rid.size() <= 5 && topic.rid[0] != '0' &&
                            std::all_of(topic.rid.begin(), topic.rid.end(), [&request_id](char c) {
                                request_id = request_id * 10 + static_cast<std::uint32_t>(c - '0');
                                return c >= '0' && c <= '9';
                            });
    if (topic.status && is_decimal && request_id <= 0xFFFF) {
        host_.method_answered(static_cast<std::uint16_t>(request_id), *topic.status,
                              as_text(publish.payload));
    }
    if (publish.qos > 0 && !is_closed()) acknowledge(open_ticket(publish));
}

/// An unknown packet id is not a breach: a message may have been purged, or come to an end otherwise.
void Session::handle_puback(const Packet& packet) {
    const auto packet_id = decode_puback(packet);
    if (!packet_id) return close(Errc::malformed_packet, "malformed PUBACK");
    if (deliveries_ == nullptr) return;
    const auto found = deliveries_->find(*packet_id);
    if (found == deliveries_->open.end()) return;
    const DeliveryTag tag = found->tag;
    deliveries_->open.erase(found);
    if (deliveries_->open.empty()) deliveries_.reset();
    host_.cloud_message_acknowledged(tag);
}

void Session::handle_subscribe(const Packet& packet) {
    FilterList list;
    if (!decode_subscribe(packet, list)) return close(Errc::malformed_packet, "malformed SUBSCRIBE");
    auto proposal = std::make_unique<Proposal>();
    proposal->subscriptions = subscriptions_.copy();
    proposal->packet_id = list.packet_id;
    for (const FilterList::Entry& entry : list.filters()) {
        const auto kind = parse_filter(entry.filter, identity());
        // Not a SUBACK of 0x80: mqtt.js reports success all the same and the error would go unseen.
        if (!kind) return close(Errc::iot_hub_unauthorized_access, "not a topic filter of this identity");
        const std::uint8_t qos = std::min(entry.qos, granted_qos_max);
        const auto outcome = proposal->subscriptions.add(entry.filter, *kind, qos, identity());
        if (outcome == Subscriptions::Outcome::full) {
            return close(Errc::generic_bad_request, "too many subscriptions");
        }
        proposal->is_changed |= outcome == Subscriptions::Outcome::changed;
        proposal->codes.push_back(qos);
        proposal->renewed |= topic_of(*kind);
    }
    propose(std::move(proposal));
}

void Session::handle_unsubscribe(const Packet& packet) {
    FilterList list;
    if (!decode_unsubscribe(packet, list)) return close(Errc::malformed_packet, "malformed UNSUBSCRIBE");
    auto proposal = std::make_unique<Proposal>();
    proposal->subscriptions = subscriptions_.copy();
    proposal->packet_id = list.packet_id;
    for (const FilterList::Entry& entry : list.filters()) {
        proposal->is_changed |= proposal->subscriptions.remove(entry.filter, identity());
    }
    propose(std::move(proposal));
}

void Session::handle_disconnect(const Packet& packet) {
    if (!decode_empty(packet)) return close(Errc::malformed_packet, "malformed DISCONNECT");
    is_disconnected_ = true;
    will_.reset();  // [MQTT-3.1.2-10]
    close(Errc::connection_closed, "client disconnected");
}

// --- subscriptions ---------------------------------------------------------------------------------

void Session::propose(std::unique_ptr<Proposal> proposal) {
    proposal_ = std::move(proposal);
    if (!proposal_->is_changed || clean_session_) return settle();
    stage_ = Stage::storing;
    host_.store_subscriptions();
}

const Subscriptions& Session::proposed() const {
    return proposal_ ? proposal_->subscriptions : subscriptions_;
}

void Session::subscriptions_stored(bool is_stored) {
    if (stage_ != Stage::storing) return;
    if (!is_stored) return close(Errc::service_unavailable, "subscriptions could not be stored");
    stage_ = Stage::running;
    settle();
    resume();
}

/// Puts the proposal into effect and answers it.
void Session::settle() {
    const std::unique_ptr<Proposal> proposal = std::move(proposal_);
    subscriptions_ = std::move(proposal->subscriptions);
    if (proposal->codes.empty()) {
        append_unsuback(host_.output(), proposal->packet_id);
    } else {
        append_suback(host_.output(), proposal->packet_id, proposal->codes);
    }
    const bool is_there = returned(proposal->renewed);
    if (proposal->is_changed || is_there) host_.subscriptions_changed();
}

// --- a device that returns -------------------------------------------------------------------------

unsigned Session::topic_of(FilterKind kind) {
    switch (kind) {
        case FilterKind::methods:
        case FilterKind::method_named:
            return static_cast<unsigned>(Topic::methods);
        case FilterKind::desired:
            return static_cast<unsigned>(Topic::desired);
        case FilterKind::c2d:
        case FilterKind::module_inputs:
            return static_cast<unsigned>(Topic::cloud_messages);
        default:
            return 0;
    }
}

bool Session::is_returning_for(Topic topic) const {
    return return_ != nullptr && (return_->topics & static_cast<unsigned>(topic)) != 0;
}

/// The device is there for `topics`. True if it takes from now on what the host is to be told of.
bool Session::returned(unsigned topics) {
    if (return_ == nullptr) return false;
    const unsigned told =
        static_cast<unsigned>(Topic::methods) | static_cast<unsigned>(Topic::cloud_messages);
    const unsigned waited = return_->topics & told;
    return_->topics &= ~topics;
    if (!is_returning_for(Topic::desired)) deliver_kept();
    const unsigned waits = return_->topics & told;
    if (return_->topics == 0) return_.reset();
    return waits != waited;
}

/// The device is there for all, as it does what a program does once it has begun.
void Session::end_return() {
    if (return_ != nullptr && returned(return_->topics)) host_.subscriptions_changed();
}

void Session::drop_kept() {
    return_->kept.clear();
    return_->kept_bytes = 0;
}

void Session::deliver_kept() {
    for (const auto& notification : return_->kept) {
        if (takes_desired()) {
            append_desired_notification(host_.output(), notification.version, notification.body);
        }
    }
    drop_kept();
}

// --- answers ---------------------------------------------------------------------------------------

void Session::accept(bool session_present, const std::vector<StoredFilter>& restored, TimePoint now) {
    if (stage_ != Stage::authenticating) return;
    last_heard_ = now;
    for (const StoredFilter& stored : restored) {
        const auto kind = parse_filter(stored.filter, identity());
        if (kind) subscriptions_.add(stored.filter, *kind, std::min(stored.qos, granted_qos_max), identity());
    }
    append_connack(host_.output(), ConnectCode::accepted, session_present);
    framer_.set_limit(PacketLimits::packet_bytes_max);
    stage_ = Stage::running;
    unsigned topics = 0;
    for (const StoredFilter& filter : subscriptions_.stored(identity())) {
        topics |= topic_of(*parse_filter(filter.filter, identity()));
    }
    if (topics != 0) {
        return_ = std::make_unique<Return>();
        return_->until = now + SessionLimits::return_max;
        return_->topics = topics;
    }
    resume();
}

void Session::refuse(ConnectCode code, Errc reason) {
    if (is_closed() || is_running()) return;
    append_connack(host_.output(), code, false);
    will_.reset();
    close(reason, "CONNECT refused");
}

Ticket Session::open_ticket(const Publish& publish) {
    window_[next_ticket_ % window_.size()] = InFlight{.packet_id = publish.packet_id, .is_durable = false};
    return next_ticket_++;
}

void Session::acknowledge(Ticket ticket) {
    const auto position = static_cast<Ticket>(ticket - first_ticket_);
    if (is_closed() || position >= unacknowledged()) return;
    window_[ticket % window_.size()].is_durable = true;
    while (first_ticket_ != next_ticket_ && window_[first_ticket_ % window_.size()].is_durable) {
        const std::uint16_t packet_id = window_[first_ticket_ % window_.size()].packet_id;
        if (packet_id != 0) append_puback(host_.output(), packet_id);
        ++first_ticket_;
    }
    resume();
}

void Session::send_twin_response(int status, std::string_view rid, std::optional<std::int64_t> version,
                                 std::string_view body) {
    if (!is_running() || rid.empty() || !subscriptions_.has(FilterKind::twin_responses)) return;
    append_twin_response(host_.output(), status, rid, version, body);
    if (return_ && status == twin_read_status) drop_kept();  // It is all in this answer.
}

void Session::send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) {
    if (is_running()) append_method_request(host_.output(), request_id, name, payload);
}

void Session::send_desired(std::int64_t version, std::string_view body) {
    if (!takes_desired()) return;
    if (!is_returning_for(Topic::desired)) return append_desired_notification(host_.output(), version, body);
    return_->kept.push_back({.version = version, .body = std::string(body)});
    return_->kept_bytes += body.size();
    if (return_->kept_bytes > SessionLimits::kept_bytes_max) deliver_kept();
}

std::size_t Session::cloud_message_room() const {
    const bool takes_any =
        subscriptions_.has(FilterKind::c2d) || subscriptions_.has(FilterKind::module_inputs);
    if (!is_running() || !takes_any || is_returning_for(Topic::cloud_messages)) return 0;
    return SessionLimits::deliveries_max - (deliveries_ ? deliveries_->open.size() : 0);
}

bool Session::send_cloud_message(std::string_view topic, Bytes payload, bool dup, const DeliveryTag& tag,
                                 std::string_view input) {
    Publish publish;
    publish.topic = topic;
    publish.payload = payload;
    publish.qos = cloud_message_qos(input).value_or(0);
    if (publish.qos > 0) {
        if (deliveries_ == nullptr) deliveries_ = std::make_unique<Deliveries>();
        do {
            if (++last_packet_id_ == 0) ++last_packet_id_;  // [MQTT-2.3.1-1]
        } while (deliveries_->find(last_packet_id_) != deliveries_->open.end());
        publish.packet_id = last_packet_id_;
        publish.dup = dup;
        deliveries_->open.push_back({.packet_id = publish.packet_id, .tag = tag});
    }
    append_publish(host_.output(), publish);
    return publish.qos > 0;
}

void Session::close(Errc reason, const char* detail) {
    if (is_closed()) return;
    if (!is_running()) will_.reset();  // It was never accepted.
    stage_ = Stage::closed;
    close_reason_ = reason;
    close_detail_ = detail;
    proposal_.reset();
}

std::unique_ptr<StoredWill> Session::take_will() {
    return std::move(will_);
}

}  // namespace carillon::mqtt
