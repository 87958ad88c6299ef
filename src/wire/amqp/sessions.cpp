#include "wire/amqp/connection.hpp"
#include "wire/amqp/connection_state.hpp"

#include <algorithm>

namespace carillon::amqp {

// --- begin and end ---------------------------------------------------------------------------------

Connection::Session* Connection::find_session(std::uint16_t remote_channel) const {
    if (Session* session = sessions_.find(remote_channel);
        session != nullptr && session->is_mapped && session->remote_channel == remote_channel) {
        return session;
    }
    if (side_ == Side::server) return nullptr;
    for (const auto& entry : sessions_) {
        if (entry.second->is_mapped && entry.second->remote_channel == remote_channel)
            return entry.second.get();
    }
    return nullptr;
}

void Connection::handle_begin(std::uint16_t channel, const Begin& begin) {
    Session* session = nullptr;
    if (side_ == Side::server) {
        if (begin.remote_channel)
            return breach(condition::not_allowed, "the answer to a session that was not begun");
        if (channel > ConnectionLimits::channel_max)
            return breach(condition::not_allowed, "channel over channel-max");
        if (sessions_.find(channel) != nullptr) return breach(condition::not_allowed, "channel is in use");
        const std::size_t limit = is_authenticated_ ? ConnectionLimits::sessions_max
                                                    : ConnectionLimits::unauthenticated_sessions_max;
        if (sessions_.size() >= limit) return breach(condition::resource_limit_exceeded, "too many sessions");
        session = &sessions_.insert(channel, std::make_unique<Session>());
        session->channel = channel;
    } else {
        if (!begin.remote_channel) return breach(condition::not_allowed, "a server begins no session");
        session = sessions_.find(*begin.remote_channel);
        if (session == nullptr || session->is_mapped || find_session(channel) != nullptr) {
            return breach(condition::not_allowed, "the answer to a session that was not begun");
        }
    }
    session->remote_channel = channel;
    session->is_mapped = true;
    session->next_incoming_id = begin.next_outgoing_id;
    session->outgoing_window = begin.incoming_window;
    if (side_ == Side::client) return pump(*session);

    Begin answer;
    answer.remote_channel = channel;
    answer.next_outgoing_id = session->next_outgoing_id;
    answer.incoming_window = ConnectionLimits::incoming_window;
    answer.outgoing_window = begin.incoming_window;
    answer.handle_max = ConnectionLimits::handle_max;
    append_begin(out(), channel, answer);
}

std::optional<SessionId> Connection::begin() {
    if (!is_open() || sessions_.size() >= ConnectionLimits::sessions_max) return std::nullopt;
    std::uint16_t channel = 0;
    for (const auto& entry : sessions_) {
        if (entry.first != channel) break;
        ++channel;
    }
    Session& session = sessions_.insert(channel, std::make_unique<Session>());
    session.channel = channel;
    Begin begin;
    begin.next_outgoing_id = session.next_outgoing_id;
    begin.incoming_window = ConnectionLimits::incoming_window;
    begin.outgoing_window = ConnectionLimits::incoming_window;
    begin.handle_max = ConnectionLimits::handle_max;
    append_begin(out(), channel, begin);
    return channel;
}

void Connection::handle_end(Session& session) {
    if (!session.is_ending) append_end(out(), session.channel, {});
    const std::uint16_t channel = session.channel;
    session.is_ending = true;
    drop_links(session, {});
    if (accepting_ == &session) accepting_ = nullptr;
    sessions_.erase(channel);
}

void Connection::end(SessionId id) {
    Session* session = sessions_.find(id);
    if (session != nullptr && !session->is_ending) end_session(*session, {});
}

void Connection::breach_session(Session& session, const char* condition, const char* detail) {
    end_session(session, {.name = condition, .description = detail, .info = {}});
}

void Connection::end_session(Session& session, const Condition& error) {
    append_end(out(), session.channel, error);
    session.is_ending = true;
    drop_links(session, error);
}

/// The host hears of each link once none is left.
void Connection::drop_links(Session& session, const Condition& error) {
    std::vector<LinkId> gone;
    std::vector<LinkId> told;
    for (const auto& entry : links_) {
        Link& link = *entry.second;
        if (link.session != &session) continue;
        gone.push_back(link.id);
        // A link that is detaching is not the host's any more.
        if (link.stage != Link::Stage::detaching) told.push_back(link.id);
        forget_contents(link);
    }
    session.links.clear();
    session.asked.reset();
    session.sent.reset();
    session.unconfirmed.reset();
    for (const LinkId id : gone) {
        links_.erase(id);
        if (undecided_ == id) {
            undecided_ = 0;
            asked_.reset();
        }
    }
    for (const LinkId id : told) {
        if (!is_closed()) host_.detached(id, error);
    }
}

// --- flow ------------------------------------------------------------------------------------------

void Connection::handle_flow(Session& session, const Flow& flow) {
    // AMQP 1.0 §2.5.6. A peer that has not seen our begin counts from its beginning.
    const std::uint32_t seen = flow.next_incoming_id.value_or(1);
    const std::uint32_t on_their_way = session.next_outgoing_id - seen;
    session.outgoing_window = on_their_way < flow.incoming_window ? flow.incoming_window - on_their_way : 0;
    if (flow.handle) return handle_link_flow(session, flow);
    pump(session);
    if (flow.echo && !session.is_ending) send_flow(session, nullptr, false);
}

void Connection::handle_link_flow(Session& session, const Flow& flow) {
    Link* link = session.find(*flow.handle);
    if (link == nullptr)
        return breach_session(session, condition::unattached_handle, "flow for a link that is not there");
    if (link->stage != Link::Stage::attached) return;
    const LinkId id = link->id;
    if (link->role == LinkRole::sender) {
        // AMQP 1.0 §2.6.7. What was sent meanwhile is taken off.
        const std::uint32_t sent = link->delivery_count - flow.delivery_count.value_or(0);
        if (flow.link_credit) link->credit = sent < *flow.link_credit ? *flow.link_credit - sent : 0;
        pump(session);
    } else if (flow.delivery_count && is_before(link->delivery_count, *flow.delivery_count)) {
        // The sender has given up some of its credit.
        const std::uint32_t given_up = *flow.delivery_count - link->delivery_count;
        link->credit = given_up < link->credit ? link->credit - given_up : 0;
        link->delivery_count = *flow.delivery_count;
    }
    host_.flowed(id);
    link = links_.find(id);
    if (is_closed() || link == nullptr || link->stage != Link::Stage::attached) return;
    if (link->role == LinkRole::receiver) {
        replenish(session, *link);
        if (flow.echo) send_flow(session, link, false);
        return;
    }
    link->drains = flow.drain;
    if (flow.drain) return finish_drain(*link);
    if (flow.echo) send_flow(session, link, false);
}

void Connection::send_flow(Session& session, Link* link, bool drain) {
    session.incoming_window = ConnectionLimits::incoming_window;
    Flow flow;
    flow.next_incoming_id = session.next_incoming_id;
    flow.incoming_window = session.incoming_window;
    flow.next_outgoing_id = session.next_outgoing_id;
    flow.outgoing_window = ConnectionLimits::incoming_window;
    if (link != nullptr) {
        flow.handle = link->handle;
        flow.delivery_count = link->delivery_count;
        flow.link_credit = link->credit;
        flow.available = 0;
        flow.drain = drain;
    }
    append_flow(out(), session.channel, flow);
}

std::uint32_t Connection::credit(LinkId id) const {
    const Link* link = links_.find(id);
    if (link == nullptr || link->stage != Link::Stage::attached) return 0;
    return link->credit;
}

// --- dispositions ----------------------------------------------------------------------------------

void Connection::handle_disposition(Session& session, const Disposition& disposition) {
    if (disposition.role == LinkRole::sender) return handle_confirmations(session, disposition);
    if (session.sent == nullptr) return;
    // A range may name any number of deliveries; those are looked at that are there.
    std::vector<Disposal> told;
    const std::uint32_t last = disposition.last.value_or(disposition.first);
    const bool is_terminal =
        disposition.state.outcome != Outcome::none && disposition.state.outcome != Outcome::received;
    if (!disposition.settled && !is_terminal) return;
    const auto first =
        std::lower_bound(session.sent->begin(), session.sent->end(), disposition.first,
                         [](const Unsettled& sent, std::uint32_t id) { return is_before(sent.id, id); });
    for (auto it = first; it != session.sent->end() && !is_before(last, it->id); ++it) {
        if (it->is_done) continue;
        it->is_done = disposition.settled;
        told.push_back({.link = it->link,
                        .id = it->id,
                        .cookie = it->cookie,
                        .state = disposition.state,
                        .settled = disposition.settled});
    }
    while (!session.sent->empty() && session.sent->front().is_done) session.sent->pop_front();
    if (session.sent->empty()) session.sent.reset();
    if (!session.waiting.empty()) pump(session);
    for (const Disposal& disposal : told) {
        if (is_closed()) return;
        if (links_.find(disposal.link) != nullptr) host_.disposed(disposal);
    }
}

void Connection::settle(const Disposal& disposal, const DeliveryState& state) {
    const Link* link = links_.find(disposal.link);
    if (is_closed() || link == nullptr || disposal.settled) return;
    Session& session = *link->session;
    if (session.sent == nullptr) return;
    const auto it =
        std::lower_bound(session.sent->begin(), session.sent->end(), disposal.id,
                         [](const Unsettled& sent, std::uint32_t id) { return is_before(sent.id, id); });
    if (it == session.sent->end() || it->id != disposal.id || it->is_done) return;
    it->is_done = true;
    while (!session.sent->empty() && session.sent->front().is_done) session.sent->pop_front();
    if (session.sent->empty()) session.sent.reset();
    Disposition answer;
    answer.role = LinkRole::sender;
    answer.first = disposal.id;
    answer.settled = true;
    answer.state = state;
    append_disposition(out(), session.channel, answer);
    if (!session.waiting.empty()) pump(session);
}

void Connection::handle_confirmations(Session& session, const Disposition& disposition) {
    if (session.unconfirmed == nullptr || !disposition.settled) return;
    const std::uint32_t last = disposition.last.value_or(disposition.first);
    std::vector<Unsettled> told;
    for (Unsettled& waiting : *session.unconfirmed) {
        if (waiting.is_done || is_before(waiting.id, disposition.first) || is_before(last, waiting.id))
            continue;
        waiting.is_done = true;
        told.push_back(waiting);
    }
    while (!session.unconfirmed->empty() && session.unconfirmed->front().is_done)
        session.unconfirmed->pop_front();
    if (session.unconfirmed->empty()) session.unconfirmed.reset();
    for (const Unsettled& delivery : told) {
        if (is_closed()) return;
        if (links_.find(delivery.link) != nullptr)
            host_.confirmed(delivery.link, delivery.id, disposition.state);
    }
}

void Connection::dispose(const Receipt& receipt, const DeliveryState& state) {
    Link* link = links_.find(receipt.link);
    if (link == nullptr || is_closed()) return;
    CARILLON_ASSERT(link->in_hand > 0 || link->stage == Link::Stage::detaching);
    if (link->stage == Link::Stage::detaching) return;
    --link->in_hand;
    link->in_hand_bytes -= receipt.bytes;
    --in_hand_;
    in_hand_bytes_ -= receipt.bytes;
    Session& session = *link->session;
    if (receipt.settled) return resume();
    if (!link->confirms && state.outcome == Outcome::accepted) {
        note_accepted(session, receipt.id);
        return resume();
    }
    if (link->confirms) {
        if (session.unconfirmed == nullptr) session.unconfirmed = std::make_unique<std::deque<Unsettled>>();
        if (session.unconfirmed->size() >= ConnectionLimits::unsettled_max) {
            breach_link(*link, condition::resource_limit_exceeded, "too many deliveries were not settled");
            return resume();
        }
        session.unconfirmed->push_back({.id = receipt.id, .link = receipt.link});
    }
    Disposition disposition;
    disposition.first = receipt.id;
    disposition.settled = !link->confirms;
    disposition.state = state;
    append_disposition(out(), session.channel, disposition);
    resume();
}

/// Gathers acceptances of deliveries that follow each other into one disposition.
void Connection::note_accepted(Session& session, std::uint32_t delivery) {
    if (accepting_ == &session && delivery == accepted_last_ + 1) {
        accepted_last_ = delivery;
        return;
    }
    flush();
    accepting_ = &session;
    accepted_first_ = delivery;
    accepted_last_ = delivery;
}

}  // namespace carillon::amqp
