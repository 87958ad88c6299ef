#include "endpoint/amqp/hub_connection.hpp"

#include "base/log.hpp"
#include "core/hub/hub.hpp"
#include "endpoint/amqp/link_failure.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace carillon::amqp {

HubConnection::HubConnection(AmqpEndpoint& endpoint, std::unique_ptr<Channel> channel)
    : endpoint_(&endpoint),
      channel_(std::move(channel)),
      thread_(channel_->thread()),
      metrics_(endpoint.metrics_of(thread_.number())),
      wire_(*this, endpoint.settings(), Side::server, thread_.clock().now()),
      authenticator_(*this) {
    channel_->set_handler(*this);
}

HubConnection::~HubConnection() = default;

void HubConnection::start() {
    ++metrics_.connections_opened;
    arm();
}

Random& HubConnection::random() {
    return hub().shards().first().random();
}

// --- channel ---------------------------------------------------------------------------------------

void HubConnection::received(Bytes bytes) {
    const Scope scope(*this);
    metrics_.bytes_received += bytes.size();
    wire_.receive(bytes, thread_.clock().now());
    wake_waiting();
}

void HubConnection::drained() {
    const Scope scope(*this);
    flush();
    if (takes_output()) wire_.output_drained();
    wake_waiting();
}

void HubConnection::wait_for_output(LinkId link) {
    if (std::find(waiting_.begin(), waiting_.end(), link) == waiting_.end()) waiting_.push_back(link);
}

void HubConnection::wake_waiting() {
    if (waiting_.empty() || !takes_output()) return;
    for (const LinkId link : std::exchange(waiting_, {})) {
        if (LinkHandler* known = handler(link)) known->flowed();
    }
}

void HubConnection::ended(Channel&) {
    const Scope scope(*this);
    wire_.close(Errc::connection_closed, "peer ended the connection", {});
}

void HubConnection::shutting_down(Channel&) {
    const Scope scope(*this);
    constexpr const char* why = "server goes down";
    wire_.close(Errc::connection_closed, why,
                {.name = "amqp:connection:forced", .description = why, .info = {}});
}

void HubConnection::key_ended(Channel&) {
    const Scope scope(*this);
    constexpr const char* why = "the policy's key was renewed";
    wire_.close(Errc::iot_hub_unauthorized, why,
                {.name = "amqp:unauthorized-access", .description = why, .info = {}});
}

void HubConnection::closed(Errc reason) {
    const auto self = shared_from_this();
    is_over_ = true;
    wire_.close(reason, "connection lost", {});
    wind_up();
    leaving_.clear();
    channel_.reset();
    endpoint_->discharge(*this);
}

void HubConnection::abandon() {
    is_over_ = true;
    is_wound_up_ = true;
    handlers_.clear();
    leaving_.clear();
    hosted_.clear();
    channel_.reset();
    endpoint_ = nullptr;
}

void HubConnection::post(UniqueFunction<void(HubConnection&)> function) {
    thread_.post([self = shared_from_this(), function = std::move(function)]() mutable {
        if (self->is_wound_up_) return;
        const Scope scope(*self);
        function(*self);
    });
}

void HubConnection::after(Duration delay, UniqueFunction<void(HubConnection&)> function) {
    thread_.timers().at(thread_.clock().now() + delay,
                        [self = shared_from_this(), function = std::move(function)]() mutable {
                            if (self->is_wound_up_) return;
                            const Scope scope(*self);
                            function(*self);
                        });
}

void HubConnection::settle() {
    leaving_.clear();
    if (is_wound_up_) return;
    wire_.flush();
    flush();
    if (wire_.is_closed()) return wind_up();
    count();
    update_reading();
}

/// Has the thread's figures know what the connection has now.
void HubConnection::count() {
    const std::size_t sessions = is_wound_up_ ? 0 : wire_.session_count();
    const std::size_t links = is_wound_up_ ? 0 : handlers_.size();
    metrics_.sessions += static_cast<std::int64_t>(sessions) - static_cast<std::int64_t>(counted_sessions_);
    metrics_.links += static_cast<std::int64_t>(links) - static_cast<std::int64_t>(counted_links_);
    counted_sessions_ = sessions;
    counted_links_ = links;
}

/// Hands on what the channel takes; the rest waits here until the peer has drained that.
void HubConnection::flush() {
    std::size_t sent = 0;
    while (sent < output_.size() && channel_->unsent() < output_bytes_max) {
        const auto slice = std::string_view(output_).substr(sent, slice_bytes_max);
        if (!channel_->send(as_bytes(slice))) break;
        sent += slice.size();
    }
    output_.erase(0, sent);
    if (output_.empty()) output_ = std::string();  // An idle connection keeps no buffer.
    channel_->holds(output_.size());
}

void HubConnection::update_reading() {
    const bool wants_input = wire_.wants_input();
    if (wants_input != is_reading_) {
        is_reading_ = wants_input;
        if (wants_input) {
            channel_->resume_reading();
        } else {
            channel_->pause_reading();
        }
    }
    const bool is_full = channel_->unsent() + output_.size() >= output_bytes_max;
    is_congested_.store(is_full || channel_->is_congested(), std::memory_order_relaxed);
    // Output leaves at the end of this turn. If the peer takes it all, nobody says `drained`.
    if (!is_full || recheck_asked_) return;
    recheck_asked_ = true;
    post([](HubConnection& self) {
        self.recheck_asked_ = false;
        if (!self.channel_->is_congested()) self.drained();
    });
}

/// The one way down. Runs once.
void HubConnection::wind_up() {
    if (is_wound_up_) return;
    is_wound_up_ = true;
    ++metrics_.connections_closed;
    count();
    log.debug("amqp connection ended peer={} code={} why=\"{}\"", channel_->peer_address(),
              errc_name(wire_.close_reason()), wire_.close_detail());
    if (timer_) thread_.timers().cancel(timer_);
    for (auto& [link, handler] : std::exchange(handlers_, {})) leaving_.push_back(std::move(handler));
    leaving_.clear();
    hosted_.clear();
    if (is_over_) return;
    // A peer that does not read would keep its successor waiting.
    if (channel_->is_congested() || !output_.empty()) {
        channel_->abort(wire_.close_reason());
    } else {
        channel_->close(wire_.close_reason());
    }
}

bool HubConnection::takes_output() const {
    return holds_ == 0 && channel_->unsent() + output_.size() < output_bytes_max;
}

// --- time ------------------------------------------------------------------------------------------

TimePoint HubConnection::deadline() const {
    constexpr std::chrono::hours look_again{1};
    std::optional<WallTime> end = authenticator_.wallet().next_end();
    for (const auto& [key, device] : hosted_) {
        if (device->token_end() && (!end || *device->token_end() < *end)) end = device->token_end();
    }
    const TimePoint wire = wire_.deadline();
    if (!end) return wire;
    const TimePoint now = thread_.clock().now();
    const std::int64_t left_s = end->unix_s() - wall_now().unix_s() + 1;
    const auto capped = std::clamp<std::int64_t>(left_s, 0, std::chrono::seconds(look_again).count());
    return std::min(wire, now + std::chrono::seconds(capped));
}

void HubConnection::arm() {
    if (is_wound_up_) return;
    if (timer_) thread_.timers().cancel(timer_);
    timer_ = thread_.timers().at(deadline(), [this] { timer_fired(); });
}

void HubConnection::timer_fired() {
    timer_ = {};
    const Scope scope(*this);
    wire_.tick(thread_.clock().now());
    if (!wire_.is_closed()) look_at_tokens();
    if (!wire_.is_closed()) arm();
}

/// Ends what stood on a token whose time is over and for which no newer one was shown.
void HubConnection::look_at_tokens() {
    const WallTime now = wall_now();
    const Error ended{Errc::iot_hub_unauthorized_access, "The token has expired."};
    had_tokens_ = had_tokens_ || !authenticator_.wallet().is_empty();
    if (authenticator_.wallet().drop_expired(now)) {
        std::vector<LinkId> lost;
        for (const auto& [link, handler] : handlers_) {
            if (!handler->is_still_allowed()) lost.push_back(link);
        }
        for (const LinkId link : lost) detach(link, ended);
    }
    for (const auto& [key, device] : hosted_) {
        if (device->token_end() && *device->token_end() < now) device->token_ended();
    }
    if (had_tokens_ && authenticator_.wallet().is_empty() && hosted_.empty()) {
        constexpr const char* why = "every token has expired";
        wire_.close(Errc::iot_hub_unauthorized, why,
                    {.name = "amqp:unauthorized-access", .description = why, .info = {}});
    }
}

// --- authentication --------------------------------------------------------------------------------

void HubConnection::authenticated(KeyTag key) {
    if (!wire_.is_authenticated()) {
        wire_.authenticated(thread_.clock().now());
        channel_->authenticated();
    }
    if (key != KeyTag::none) channel_->stand_on(key);
    arm();
}

void HubConnection::release_input() {
    if (--holds_ > 0) return;
    wire_.output_drained();
    wake_waiting();
}

void HubConnection::sasl_requested(const SaslInit& init) {
    authenticator_.log_in(init, [](HubConnection& self, const Result<>& proved) {
        if (!proved) ++self.metrics_.connections_refused;
        self.wire_.sasl_decided(proved ? SaslCode::ok : SaslCode::auth);
    });
}

void HubConnection::opened(const Open& open) {
    log.debug("amqp connection opened peer={} container={} host={}", peer_address(), open.container_id,
              open.hostname);
    arm();  // Heartbeats may be wanted.
}

// --- links -----------------------------------------------------------------------------------------

void HubConnection::link_requested(LinkId link, const Attach& attach) {
    // A client may ask anew right behind its DETACH, and finds no link of the kind there. The wire calls
    // this, so no handler is within a call of its own.
    leaving_.clear();
    open_link(*this, {.id = link, .attach = attach, .address = parse_link_address(attach)});
}

void HubConnection::accept(LinkId link, std::unique_ptr<LinkHandler> handler, std::uint32_t credit) {
    ++metrics_.links_attached;
    handlers_.emplace(link, std::move(handler));
    wire_.accept_link(link, {.credit = credit});
}

void HubConnection::refuse(LinkId link, const Error& error) {
    log.debug("amqp link refused peer={} code={} why=\"{}\"", peer_address(), errc_name(error.code),
              error.detail);
    ++metrics_.links_refused;
    wire_.refuse_link(link, LinkFailure(error, wall_now(), random()).condition());
}

void HubConnection::refuse(LinkId link, const Condition& error) {
    log.debug("amqp link refused peer={} condition={} why=\"{}\"", peer_address(), error.name,
              error.description);
    ++metrics_.links_refused;
    wire_.refuse_link(link, error);
}

void HubConnection::detach(LinkId link, const Error& error) {
    detach(link, LinkFailure(error, wall_now(), random()).condition());
}

void HubConnection::detach(LinkId link, const Condition& error) {
    forget(link);
    wire_.detach(link, error);
}

void HubConnection::detached(LinkId link, const Condition&) {
    forget(link);
}

void HubConnection::forget(LinkId link) {
    const auto found = handlers_.find(link);
    if (found == handlers_.end()) return;
    leaving_.push_back(std::move(found->second));
    handlers_.erase(found);
}

LinkHandler* HubConnection::handler(LinkId link) const {
    const auto found = handlers_.find(link);
    return found == handlers_.end() ? nullptr : found->second.get();
}

void HubConnection::delivered(const Delivery& delivery) {
    ++metrics_.transfers_received;
    if (LinkHandler* known = handler(delivery.receipt.link)) known->delivered(delivery);
}

void HubConnection::disposed(const Disposal& disposal) {
    if (LinkHandler* known = handler(disposal.link)) known->disposed(disposal);
}

void HubConnection::flowed(LinkId link) {
    if (LinkHandler* known = handler(link)) known->flowed();
}

void HubConnection::dispose(const Receipt& receipt, const Result<>& result) {
    DeliveryState state;
    state.outcome = result ? Outcome::accepted : Outcome::rejected;
    if (result) return wire_.dispose(receipt, state);
    ++metrics_.deliveries_rejected;
    const LinkFailure failure(result.error(), wall_now(), random());
    state.condition = failure.condition();
    wire_.dispose(receipt, state);
}

bool HubConnection::send(LinkId link, bool settled, Bytes message) {
    // Unlike any other of the connection; clients of the service expect 16 bytes.
    std::array<std::uint8_t, 16> tag{};
    ++last_tag_;
    for (std::size_t i = 0; i < sizeof last_tag_; ++i) {
        tag[tag.size() - 1 - i] = static_cast<std::uint8_t>(last_tag_ >> (8 * i));
    }
    if (!wire_.send(link, {.tag = tag, .settled = settled}, message)) return false;
    ++metrics_.transfers_sent;
    return true;
}

// --- devices ---------------------------------------------------------------------------------------

HostedDevice& HubConnection::host(const IdentityKey& key) {
    std::unique_ptr<HostedDevice>& device = hosted_[key];
    if (device == nullptr) device = std::make_unique<HostedDevice>(*this, key);
    return *device;
}

HostedDevice* HubConnection::hosted(const IdentityKey& key) const {
    const auto found = hosted_.find(key);
    return found == hosted_.end() ? nullptr : found->second.get();
}

void HubConnection::retire(HostedDevice& device) {
    const auto found = hosted_.find(device.key());
    if (found != hosted_.end() && found->second.get() == &device) hosted_.erase(found);
}

}  // namespace carillon::amqp
