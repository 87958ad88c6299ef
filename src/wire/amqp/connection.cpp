#include "wire/amqp/connection.hpp"

#include "wire/amqp/connection_state.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

namespace carillon::amqp {

namespace {

constexpr std::string_view amqp_header("AMQP\x00\x01\x00\x00", 8);
constexpr std::size_t protocol_name_bytes = 4;
constexpr std::string_view sasl_header("AMQP\x03\x01\x00\x00", 8);

std::vector<std::string_view> offered_mechanisms(std::string_view extra) {
    std::vector<std::string_view> offered(std::begin(sasl_mechanisms), std::end(sasl_mechanisms));
    if (!extra.empty()) offered.push_back(extra);
    return offered;
}

/// A peer is silent when nothing came for twice what was announced. AMQP 1.0 §2.4.5
constexpr std::chrono::milliseconds silence_max{2 * ConnectionLimits::idle_timeout_ms};

}  // namespace

Connection::Connection(ConnectionHost& host, const ConnectionSettings& settings, Side side, TimePoint now)
    : host_(host), settings_(settings), last_heard_(now), side_(side) {}

Connection::~Connection() = default;

void Connection::start() {
    is_sasl_ = !settings_.mechanism.empty();
    out().append(is_sasl_ ? sasl_header : amqp_header);
    if (!is_sasl_) send_open();
}

// --- input -----------------------------------------------------------------------------------------

bool Connection::wants_input() const {
    if (stage_ == Stage::closed || stage_ == Stage::deciding || undecided_ != 0) return false;
    return in_hand_ < ConnectionLimits::in_hand_max && in_hand_bytes_ < ConnectionLimits::in_hand_bytes_max &&
           host_.takes_output();
}

void Connection::receive(Bytes input, TimePoint now) {
    if (is_closed()) return;
    if (is_authenticated_) {
        last_heard_ = now;
    } else {
        unauthenticated_bytes_ += input.size();
        if (unauthenticated_bytes_ > ConnectionLimits::unauthenticated_bytes_max) {
            return breach(condition::resource_limit_exceeded, "too much before authentication",
                          Errc::iot_hub_unauthorized);
        }
    }
    if (held_ != nullptr || !wants_input()) {
        hold(input);
    } else {
        is_processing_ = true;
        while (wants_input() && take(input)) continue;
        is_processing_ = false;
        if (!is_closed() && !input.empty()) hold(input);
    }
    flush();
}

void Connection::hold(Bytes input) {
    if (held_ == nullptr) held_ = std::make_unique<std::string>();
    if (held_->size() - held_from_ + input.size() > ConnectionLimits::held_bytes_max) {
        return breach(condition::resource_limit_exceeded, "more input than can wait",
                      Errc::message_too_large);
    }
    held_->append(as_text(input));
}

/// Goes on with what was held. Not reached from within `receive`, which looks by itself.
void Connection::resume() {
    if (is_processing_ || held_ == nullptr) return;
    is_processing_ = true;
    while (wants_input()) {
        Bytes rest = as_bytes(std::string_view(*held_).substr(held_from_));
        const bool is_taken = take(rest);
        held_from_ = held_->size() - rest.size();
        if (!is_taken) break;
    }
    is_processing_ = false;
    if (held_from_ < held_->size() && !is_closed()) return;
    held_.reset();
    held_from_ = 0;
}

/// Takes a header or a frame off the front of `input`; false if there is none.
bool Connection::take(Bytes& input) {
    if (stage_ == Stage::header) return take_header(input);
    const auto frame = framer_.next(input);
    if (!frame) {
        breach(condition::framing_error, "frame over the limit or with a header that cannot be",
               frame.error().code);
        return false;
    }
    if (!*frame) return false;
    handle(**frame);
    return true;
}

bool Connection::take_header(Bytes& input) {
    const std::size_t count = std::min(input.size(), header_.size() - header_bytes_);
    std::copy_n(input.begin(), count, header_.begin() + header_bytes_);
    header_bytes_ = static_cast<std::uint8_t>(header_bytes_ + count);
    input = input.subspan(count);
    const auto begins = amqp_header.substr(0, std::min(std::size_t{header_bytes_}, protocol_name_bytes));
    if (!as_text(header_).starts_with(begins)) {
        // Who speaks something else may be waiting to be spoken to.
        header_bytes_ = 0;
        header_received();
        return false;
    }
    if (header_bytes_ < header_.size()) return false;
    header_bytes_ = 0;
    header_received();
    return true;
}

void Connection::header_received() {
    const std::string_view header = as_text(header_);
    if (side_ == Side::client) {
        if (header != (is_sasl_ ? sasl_header : amqp_header)) {
            return close(Errc::malformed_packet, "the server speaks another protocol", {});
        }
        stage_ = is_sasl_ ? Stage::mechanisms : Stage::awaiting_open;
        return;
    }
    const bool is_sasl = header == sasl_header && !is_sasl_done_;
    if (!is_sasl && header != amqp_header) {
        // AMQP 1.0 §2.2: the peer learns what it could have said.
        out().append(is_sasl_done_ ? amqp_header : sasl_header);
        return close(Errc::malformed_packet, "not the header of a protocol spoken here", {});
    }
    out().append(header);
    if (is_sasl) {
        append_sasl_mechanisms(out(), offered_mechanisms(settings_.mechanism));
        is_sasl_ = true;
    }
    stage_ = is_sasl ? Stage::init : Stage::awaiting_open;
}

void Connection::handle(const Frame& frame) {
    switch (stage_) {
        case Stage::mechanisms:
        case Stage::init:
        case Stage::response:
        case Stage::outcome:
            if (frame.type != sasl_frame) {
                return breach(condition::framing_error, "SASL is not over");
            }
            return handle_sasl(frame.body);
        case Stage::awaiting_open:
        case Stage::open:
            if (frame.type != amqp_frame) return breach(condition::framing_error, "not a frame of AMQP");
            if (frame.body.empty()) return;  // A heartbeat.
            return handle_amqp(frame);
        default:
            return;
    }
}

void Connection::handle_sasl(Bytes body) {
    const auto performative = decode_sasl(body);
    if (!performative) return close(Errc::malformed_packet, "malformed SASL frame", {});
    if (const auto* init = std::get_if<SaslInit>(&*performative); init != nullptr && stage_ == Stage::init) {
        stage_ = Stage::deciding;
        return host_.sasl_requested(*init);
    }
    if (const auto* response = std::get_if<SaslResponse>(&*performative);
        response != nullptr && stage_ == Stage::response) {
        stage_ = Stage::deciding;
        return host_.sasl_responded(response->response);
    }
    if (const auto* offer = std::get_if<SaslMechanisms>(&*performative);
        offer != nullptr && stage_ == Stage::mechanisms) {
        if (!offer->has(settings_.mechanism)) {
            return close(Errc::iot_hub_unauthorized, "the server does not offer the mechanism", {});
        }
        append_sasl_init(out(), {.mechanism = settings_.mechanism,
                                 .initial_response = as_bytes(settings_.initial_response),
                                 .hostname = settings_.hostname});
        stage_ = Stage::outcome;
        return;
    }
    if (const auto* outcome = std::get_if<SaslOutcome>(&*performative);
        outcome != nullptr && stage_ == Stage::outcome) {
        if (outcome->code != SaslCode::ok) return close(Errc::iot_hub_unauthorized, "refused by SASL", {});
        is_sasl_ = false;
        stage_ = Stage::header;
        out().append(amqp_header);
        return send_open();
    }
    close(Errc::malformed_packet, "a SASL frame out of turn", {});
}

void Connection::sasl_challenge(Bytes challenge) {
    if (stage_ != Stage::deciding) return;
    append_sasl_challenge(out(), challenge);
    stage_ = Stage::response;
    resume();
}

void Connection::sasl_decided(SaslCode code) {
    if (stage_ != Stage::deciding) return;
    append_sasl_outcome(out(), code);
    if (code != SaslCode::ok) return close(Errc::iot_hub_unauthorized, "refused by SASL", {});
    is_sasl_done_ = true;
    stage_ = Stage::header;
    resume();
}

void Connection::handle_amqp(const Frame& frame) {
    const auto performative = decode_performative(frame.body);
    if (!performative) return breach(condition::decode_error, "malformed performative");
    if (const auto* open = std::get_if<Open>(&*performative)) {
        if (stage_ != Stage::awaiting_open) return breach(condition::not_allowed, "a second open");
        return handle_open(*open);
    }
    if (std::holds_alternative<Close>(*performative)) {
        return close(Errc::connection_closed, "peer closed", {});
    }
    if (stage_ == Stage::awaiting_open)
        return breach(condition::not_allowed, "the first frame is not an open");
    if (const auto* begin = std::get_if<Begin>(&*performative)) return handle_begin(frame.channel, *begin);

    Session* session = find_session(frame.channel);
    if (session == nullptr) return breach(condition::not_allowed, "a frame outside any session");
    if (std::holds_alternative<End>(*performative)) return handle_end(*session);
    if (session->is_ending) return;  // AMQP 1.0 §2.5.4: what was on its way is discarded.
    if (const auto* attach = std::get_if<Attach>(&*performative))
        return handle_attach(*session, *attach, frame.body);
    if (const auto* flow = std::get_if<Flow>(&*performative)) return handle_flow(*session, *flow);
    if (const auto* transfer = std::get_if<Transfer>(&*performative))
        return handle_transfer(*session, *transfer);
    if (const auto* disposition = std::get_if<Disposition>(&*performative)) {
        return handle_disposition(*session, *disposition);
    }
    if (const auto* detach = std::get_if<Detach>(&*performative)) return handle_detach(*session, *detach);
}

void Connection::handle_open(const Open& open) {
    stage_ = Stage::open;
    if (open.max_frame_size < frame_bytes_min) {
        return breach(condition::not_allowed, "max-frame-size below 512");
    }
    peer_frame_bytes_max_ = std::min(open.max_frame_size, ConnectionLimits::frame_bytes_max);
    const std::uint32_t idle_timeout_ms = open.idle_timeout_ms.value_or(0);
    if (idle_timeout_ms != 0) {
        if (idle_timeout_ms < ConnectionLimits::peer_idle_timeout_min_ms) {
            return breach(condition::not_allowed, "idle-time-out too short");
        }
        // Looked at so often that two looks, between which something may just have been sent, are half of it.
        check_every_ = std::chrono::milliseconds(idle_timeout_ms / 4);
        check_due_ = last_heard_ + check_every_;
    }
    if (!is_open_sent_) send_open();
    host_.opened(open);
}

void Connection::send_open() {
    Open open;
    open.container_id = settings_.container_id;
    open.hostname = settings_.hostname;
    open.max_frame_size = ConnectionLimits::frame_bytes_max;
    open.channel_max = ConnectionLimits::channel_max;
    open.idle_timeout_ms = ConnectionLimits::idle_timeout_ms;
    append_open(out(), open);
    is_open_sent_ = true;
}

// --- end -------------------------------------------------------------------------------------------

void Connection::breach(const char* condition, const char* detail, Errc reason) {
    close(reason, detail, {.name = condition, .description = detail, .info = {}});
}

void Connection::close(Errc reason, const char* detail, const Condition& error) {
    if (is_closed()) return;
    const bool speaks_amqp = stage_ == Stage::awaiting_open || stage_ == Stage::open;
    if (speaks_amqp) {
        // AMQP 1.0 §2.4.3: an open comes before a close.
        if (!is_open_sent_) send_open();
        append_close(out(), error);
    }
    flush();
    stage_ = Stage::closed;
    close_reason_ = reason;
    close_detail_ = detail;
    undecided_ = 0;
    asked_.reset();
}

// --- time ------------------------------------------------------------------------------------------

void Connection::authenticated(TimePoint now) {
    is_authenticated_ = true;
    last_heard_ = now;
}

TimePoint Connection::deadline() const {
    if (!is_authenticated_) return last_heard_ + ConnectionLimits::authentication_max;
    const TimePoint silent = last_heard_ + silence_max;
    return check_every_ == Duration{} ? silent : std::min(silent, check_due_);
}

void Connection::tick(TimePoint now) {
    if (is_closed()) return;
    if (!is_authenticated_ && now >= last_heard_ + ConnectionLimits::authentication_max) {
        return breach(condition::unauthorized_access, "not authenticated in time",
                      Errc::iot_hub_unauthorized);
    }
    if (is_authenticated_ && now >= last_heard_ + silence_max) {
        return breach(condition::resource_limit_exceeded, "nothing received within the idle time-out",
                      Errc::device_connection_closed_remotely);
    }
    if (check_every_ == Duration{} || now < check_due_) return;
    check_due_ = now + check_every_;
    if (!has_sent_) append_heartbeat(out());
    has_sent_ = false;
}

// --- output ----------------------------------------------------------------------------------------

/// Everything is appended through this, so that nothing overtakes an acknowledgement.
std::string& Connection::out() {
    flush();
    has_sent_ = true;
    return host_.output();
}

void Connection::flush() {
    if (accepting_ == nullptr) return;
    const Session& session = *std::exchange(accepting_, nullptr);
    Disposition disposition;
    disposition.first = accepted_first_;
    if (accepted_last_ != accepted_first_) disposition.last = accepted_last_;
    disposition.settled = true;
    disposition.state.outcome = Outcome::accepted;
    has_sent_ = true;
    append_disposition(host_.output(), session.channel, disposition);
}

}  // namespace carillon::amqp
