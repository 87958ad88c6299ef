#include "wire/amqp/connection.hpp"
#include "wire/amqp/connection_state.hpp"

#include <algorithm>

namespace carillon::amqp {

// --- attach ----------------------------------------------------------------------------------------

Connection::Link& Connection::add_link(Session& session, std::uint32_t handle, LinkRole role) {
    const LinkId id = ++last_link_;
    Link& link = links_.insert(id, std::make_unique<Link>());
    link.session = &session;
    link.id = id;
    link.handle = handle;
    link.role = role;
    return link;
}

void Connection::handle_attach(Session& session, const Attach& attach, Bytes body) {
    if (side_ == Side::client) return handle_attached(session, attach);
    if (attach.handle > ConnectionLimits::handle_max) {
        return breach(condition::not_allowed, "handle over handle-max");
    }
    if (session.find(attach.handle) != nullptr) {
        return breach_session(session, condition::handle_in_use, "handle is in use");
    }
    const std::size_t limit =
        is_authenticated_ ? ConnectionLimits::links_max : ConnectionLimits::unauthenticated_links_max;
    if (links_.size() >= limit) return breach(condition::resource_limit_exceeded, "too many links");
    const LinkRole role = attach.role == LinkRole::sender ? LinkRole::receiver : LinkRole::sender;
    Link& link = add_link(session, attach.handle, role);
    link.remote_handle = attach.handle;
    // What the server receives it settles at once, as the service does, though the sender has asked for mode
    // second: uamqp asks for it and waits for a disposition that is settled. Source: azure-uamqp-c: link.c;
    // azure-iot-sdk-c#2233, frames of the service.
    link.confirms = role == LinkRole::sender && attach.receiver_mode == ReceiverSettleMode::second;
    if (role == LinkRole::receiver) link.delivery_count = attach.initial_delivery_count.value_or(0);
    if (role == LinkRole::sender) link.peer_message_bytes_max = attach.max_message_size.value_or(0);
    session.insert(link);
    undecided_ = link.id;
    requested_ = &attach;
    host_.link_requested(undecided_, attach);
    requested_ = nullptr;
    // Kept for the answer, of which there is at most one to come.
    if (undecided_ != 0) asked_ = std::make_unique<std::string>(as_text(body));
}

void Connection::accept_link(LinkId id, const LinkTerms& terms) {
    Link* link = links_.find(id);
    if (id != undecided_ || link == nullptr) return;
    const std::unique_ptr<std::string> frame = std::move(asked_);
    undecided_ = 0;
    if (requested_ != nullptr) {
        answer_attach(*link, *requested_, true);
    } else {
        answer_attach(*link, std::get<Attach>(*decode_performative(as_bytes(*frame))), true);
    }
    if (is_closed()) return;
    link->stage = Link::Stage::attached;
    if (link->role == LinkRole::receiver) {
        link->window = terms.credit;
        replenish(*link->session, *link);
    }
    resume();
}

void Connection::refuse_link(LinkId id, const Condition& error) {
    Link* link = links_.find(id);
    if (link == nullptr || is_closed()) return;
    if (side_ == Side::server && link->asked != nullptr) {
        refuse_postponed(*link);
        if (!is_closed()) start_detach(*link, error);
        return;
    }
    if (id != undecided_) return;
    const std::unique_ptr<std::string> frame = std::move(asked_);
    undecided_ = 0;
    if (requested_ != nullptr) {
        answer_attach(*link, *requested_, false);
    } else {
        answer_attach(*link, std::get<Attach>(*decode_performative(as_bytes(*frame))), false);
    }
    if (is_closed()) return;
    start_detach(*link, error);
    resume();
}

bool Connection::postpone_link(LinkId id) {
    Link* link = links_.find(id);
    const bool may = link != nullptr && id == undecided_ && requested_ == nullptr && is_authenticated_ &&
                     postponed_ < ConnectionLimits::postponed_links_max;
    if (!may) return false;
    link->asked = std::move(asked_);
    undecided_ = 0;
    ++postponed_;
    resume();
    return true;
}

/// Answers the attach of a link that is not to be.
void Connection::refuse_postponed(Link& link) {
    const std::string frame = *link.asked;
    forget_asked(link);
    answer_attach(link, std::get<Attach>(*decode_performative(as_bytes(frame))), false);
}

/// The link waits for no answer, or nobody for its.
void Connection::forget_asked(Link& link) {
    if (link.asked == nullptr) return;
    if (side_ == Side::server) {
        --postponed_;
    } else {
        auto& asked = *link.session->asked;
        const auto [first, end] = asked.equal_range(*link.asked);
        const auto place =
            std::find_if(first, end, [&link](const auto& entry) { return entry.second == &link; });
        if (place != end) asked.erase(place);
        if (asked.empty()) link.session->asked.reset();
    }
    link.asked.reset();
}

void Connection::answer_attach(Link& link, const Attach& asked, bool is_accepted) {
    Attach answer;
    answer.name = asked.name;
    answer.handle = link.handle;
    answer.role = link.role;
    answer.sender_mode = asked.sender_mode;
    answer.receiver_mode = asked.receiver_mode;
    if (is_accepted) {
        answer.source = asked.source;
        answer.target = asked.target;
    }
    if (link.role == LinkRole::sender) answer.initial_delivery_count = 0;
    if (link.role == LinkRole::receiver) answer.max_message_size = ConnectionLimits::message_bytes_max;
    answer.properties = asked.properties;
    std::string& output = out();
    const std::size_t begin = output.size();
    append_attach(output, link.session->channel, answer);
    if (output.size() - begin <= peer_frame_bytes_max_) return;
    // What it said in one frame of ours does not fit into one of its own.
    output.resize(begin);
    breach(condition::frame_size_too_small, "the answer to an attach is over max-frame-size");
}

std::optional<LinkId> Connection::attach(SessionId session_id, const Attach& attach, const LinkTerms& terms) {
    Session* session = sessions_.find(session_id);
    if (!is_open() || session == nullptr || session->is_ending) return std::nullopt;
    if (links_.size() >= ConnectionLimits::links_max) return std::nullopt;
    const std::uint32_t handle =
        session->free_handles.empty() ? session->next_handle++ : session->free_handles.back();
    if (!session->free_handles.empty()) session->free_handles.pop_back();
    Link& link = add_link(*session, handle, attach.role);
    link.window = terms.credit;
    link.confirms = attach.receiver_mode == ReceiverSettleMode::second;
    link.asked = std::make_unique<std::string>(attach.name);
    if (session->asked == nullptr)
        session->asked = std::make_unique<std::unordered_multimap<std::string, Link*>>();
    session->asked->emplace(*link.asked, &link);
    Attach asked = attach;
    asked.handle = handle;
    if (link.role == LinkRole::sender) asked.initial_delivery_count = 0;
    append_attach(out(), session->channel, asked);
    return link.id;
}

void Connection::handle_attached(Session& session, const Attach& attach) {
    Link* found = nullptr;
    if (session.asked != nullptr) {
        const auto [first, end] = session.asked->equal_range(std::string(attach.name));
        const auto place = std::find_if(
            first, end, [&attach](const auto& entry) { return entry.second->role != attach.role; });
        if (place != end) found = place->second;
    }
    if (found == nullptr) return breach_session(session, condition::not_allowed, "the answer to no attach");
    if (session.find(attach.handle) != nullptr) {
        return breach_session(session, condition::handle_in_use, "handle is in use");
    }
    Link& link = *found;
    forget_asked(link);
    link.remote_handle = attach.handle;
    session.insert(link);
    if (link.stage == Link::Stage::detaching) return;
    link.stage = Link::Stage::attached;
    const bool is_refused =
        link.role == LinkRole::sender ? !attach.target.is_present : !attach.source.is_present;
    if (link.role == LinkRole::sender) {
        link.peer_message_bytes_max = attach.max_message_size.value_or(0);
    } else {
        link.delivery_count = attach.initial_delivery_count.value_or(0);
        if (!is_refused) replenish(session, link);
    }
    host_.attached(link.id, attach);
}

// --- detach ----------------------------------------------------------------------------------------

void Connection::handle_detach(Session& session, const Detach& detach) {
    Link* link = session.find(detach.handle);
    if (link == nullptr)
        return breach_session(session, condition::unattached_handle, "detach of a link that is not there");
    const LinkId id = link->id;
    const bool was_ours = link->stage != Link::Stage::detaching;
    if (side_ == Side::server && link->asked != nullptr) {
        // Nobody waits any more for the link to be refused. AMQP 1.0 §2.6.4: an attach comes before a detach.
        refuse_postponed(*link);
        if (is_closed()) return;
    }
    if (was_ours) {
        Detach answer;
        answer.handle = link->handle;
        answer.closed = detach.closed;
        append_detach(out(), session.channel, answer);
    }
    drop(*link);
    if (was_ours) host_.detached(id, detach.error);
}

void Connection::detach(LinkId id, const Condition& error) {
    Link* link = links_.find(id);
    if (link == nullptr || is_closed() || link->stage == Link::Stage::detaching) return;
    const bool is_postponed = side_ == Side::server && link->asked != nullptr;
    if (id == undecided_ || is_postponed) return refuse_link(id, error);
    start_detach(*link, error);
    resume();
}

/// Says detach; the link stays known until the peer says the same, and what comes for it meanwhile is
/// discarded.
void Connection::start_detach(Link& link, const Condition& error) {
    link.stage = Link::Stage::detaching;
    forget_contents(link);
    Detach detach;
    detach.handle = link.handle;
    detach.closed = true;
    detach.error = error;
    append_detach(out(), link.session->channel, detach);
}

void Connection::breach_link(Link& link, const char* condition, const char* detail) {
    const Condition error{.name = condition, .description = detail, .info = {}};
    const LinkId id = link.id;
    start_detach(link, error);
    host_.detached(id, error);
}

/// Gives back what a link held of the connection's limits.
void Connection::forget_contents(Link& link) {
    if (side_ == Side::server) forget_asked(link);
    if (link.partial) partial_bytes_ -= link.partial->message.size();
    link.partial.reset();
    if (link.queue) {
        for (const Queued& queued : *link.queue) queued_bytes_ -= queued.message.size();
        std::erase(link.session->waiting, &link);
    }
    link.queue.reset();
    in_hand_ -= link.in_hand;
    in_hand_bytes_ -= link.in_hand_bytes;
    link.in_hand = 0;
    link.in_hand_bytes = 0;
    link.credit = 0;
    const auto settle_all = [&link](const std::unique_ptr<std::deque<Unsettled>>& deliveries) {
        if (deliveries == nullptr) return;
        std::erase_if(*deliveries, [&link](const Unsettled& delivery) { return delivery.link == link.id; });
    };
    settle_all(link.session->sent);
    settle_all(link.session->unconfirmed);
}

void Connection::drop(Link& link) {
    forget_contents(link);
    forget_asked(link);
    link.session->erase(link);
    if (side_ == Side::client) link.session->free_handles.push_back(link.handle);
    if (undecided_ == link.id) {
        undecided_ = 0;
        asked_.reset();
    }
    links_.erase(link.id);
}

// --- messages from the peer ------------------------------------------------------------------------

void Connection::handle_transfer(Session& session, const Transfer& transfer) {
    if (session.incoming_window == 0) {
        return breach_session(session, condition::window_violation, "more transfers than the window allows");
    }
    --session.incoming_window;
    ++session.next_incoming_id;
    Link* link = session.find(transfer.handle);
    if (link == nullptr) {
        return breach_session(session, condition::unattached_handle, "transfer to a link that is not there");
    }
    if (link->role == LinkRole::sender) return breach(condition::not_allowed, "transfer to a sender");
    if (link->stage != Link::Stage::attached) return replenish(session, *link);

    const bool is_first = link->partial == nullptr;
    if (is_first) {
        if (!transfer.delivery_id) return breach(condition::not_allowed, "transfer without delivery-id");
        if (link->credit == 0) {
            return breach_link(*link, condition::transfer_limit_exceeded,
                               "more deliveries than the credit allows");
        }
        --link->credit;
        ++link->delivery_count;
    } else if (transfer.delivery_id && *transfer.delivery_id != link->partial->id) {
        return breach(condition::not_allowed, "a delivery within another");
    }
    if (transfer.aborted) {
        if (link->partial) partial_bytes_ -= link->partial->message.size();
        link->partial.reset();
        return replenish(session, *link);
    }
    if (is_first && !transfer.more) return deliver(session, *link, transfer, transfer.payload);
    take_partial(session, *link, transfer, is_first);
}

void Connection::take_partial(Session& session, Link& link, const Transfer& transfer, bool is_first) {
    if (is_first) {
        link.partial = std::make_unique<Partial>();
        link.partial->id = *transfer.delivery_id;
        link.partial->format = transfer.message_format.value_or(0);
        link.partial->tag = as_text(transfer.delivery_tag.value_or(Bytes()));
    }
    Partial& partial = *link.partial;
    partial.settled = partial.settled || transfer.settled.value_or(false);
    if (partial.message.size() + transfer.payload.size() > ConnectionLimits::message_bytes_max) {
        return breach_link(link, condition::message_size_exceeded, "message over max-message-size");
    }
    if (partial_bytes_ + transfer.payload.size() > ConnectionLimits::partial_bytes_max) {
        return breach(condition::resource_limit_exceeded, "too many bytes of messages that are not complete");
    }
    partial.message.append(as_text(transfer.payload));
    partial_bytes_ += transfer.payload.size();
    if (transfer.more) return replenish(session, link);

    const std::unique_ptr<Partial> whole = std::move(link.partial);
    partial_bytes_ -= whole->message.size();
    Transfer last = transfer;
    last.delivery_id = whole->id;
    last.delivery_tag = as_bytes(whole->tag);
    last.message_format = whole->format;
    last.settled = whole->settled;
    deliver(session, link, last, as_bytes(whole->message));
}

void Connection::deliver(Session& session, Link& link, const Transfer& last, Bytes message) {
    Delivery delivery;
    delivery.receipt = {.link = link.id,
                        .id = *last.delivery_id,
                        .bytes = static_cast<std::uint32_t>(message.size()),
                        .settled = last.settled.value_or(false)};
    delivery.format = last.message_format.value_or(0);
    delivery.tag = last.delivery_tag.value_or(Bytes());
    delivery.message = message;
    ++link.in_hand;
    link.in_hand_bytes += delivery.receipt.bytes;
    ++in_hand_;
    in_hand_bytes_ += delivery.receipt.bytes;
    replenish(session, link);
    host_.delivered(delivery);
}

/// Keeps the peer supplied with window and credit: tells it when half is used.
/// Source: azure-iot-sdk-node#1089, where a client stalls although it has credit.
void Connection::replenish(Session& session, Link& link) {
    const bool window_is_low = session.incoming_window <= ConnectionLimits::incoming_window / 2;
    const bool supplies = link.stage == Link::Stage::attached && link.role == LinkRole::receiver;
    if (supplies && link.window > 0 && link.credit <= link.window / 2) {
        link.credit = link.window;
        return send_flow(session, &link, false);
    }
    if (window_is_low) send_flow(session, nullptr, false);
}

void Connection::grant(LinkId id, std::uint32_t credit, bool drain) {
    Link* link = links_.find(id);
    if (link == nullptr || is_closed() || link->role != LinkRole::receiver ||
        link->stage != Link::Stage::attached)
        return;
    link->credit = credit;
    send_flow(*link->session, link, drain);
}

// --- messages to the peer --------------------------------------------------------------------------

bool Connection::send(LinkId id, const Outgoing& outgoing, Bytes message) {
    Link* link = links_.find(id);
    if (is_closed() || link == nullptr || link->stage != Link::Stage::attached ||
        link->role != LinkRole::sender)
        return false;
    if (link->peer_message_bytes_max != 0 && message.size() > link->peer_message_bytes_max) return false;
    if (queued_bytes_ + message.size() > ConnectionLimits::queued_bytes_max) return false;
    if (link->queue && link->queue->size() >= ConnectionLimits::queued_max) return false;
    CARILLON_ASSERT(!outgoing.tag.empty() && outgoing.tag.size() <= Transfer::tag_bytes_max);
    Sending sending{.cookie = outgoing.cookie, .format = outgoing.format, .settled = outgoing.settled};
    if (!link->queue) {
        // Most leave at once, and are not copied.
        if (send_part(*link, sending, outgoing.tag, message)) {
            if (link->drains) finish_drain(*link);
            return true;
        }
        link->queue = std::make_unique<std::deque<Queued>>();
        link->session->waiting.push_back(link);
    }
    link->queue->push_back({.tag = std::string(as_text(outgoing.tag)),
                            .message = std::string(as_text(message)),
                            .sending = sending});
    queued_bytes_ += message.size();
    pump(*link);
    return true;
}

void Connection::pump(Session& session) {
    const std::vector<Link*> waiting = session.waiting;
    for (Link* link : waiting) {
        if (session.outgoing_window == 0) return;
        pump(*link);
    }
}

/// Sends what credit and window allow.
void Connection::pump(Link& link) {
    if (link.queue == nullptr || link.stage != Link::Stage::attached) return;
    while (!link.queue->empty()) {
        Queued& first = link.queue->front();
        if (!send_part(link, first.sending, as_bytes(first.tag), as_bytes(first.message))) return;
        queued_bytes_ -= first.message.size();
        link.queue->pop_front();
    }
    link.queue.reset();
    std::erase(link.session->waiting, &link);
    if (link.drains) finish_drain(link);
}

/// Gives up the credit that a draining peer's messages did not use. AMQP 1.0 §2.6.7
void Connection::finish_drain(Link& link) {
    if (link.queue != nullptr) return;
    link.drains = false;
    link.delivery_count += link.credit;
    link.credit = 0;
    send_flow(*link.session, &link, true);
}

/// True if all of the message has been sent.
bool Connection::send_part(Link& link, Sending& sending, Bytes tag, Bytes message) {
    Session& session = *link.session;
    if (!sending.has_begun) {
        if (link.credit == 0 || session.outgoing_window == 0) return false;
        if (!sending.settled) {
            if (session.sent == nullptr) session.sent = std::make_unique<std::deque<Unsettled>>();
            if (session.sent->size() >= ConnectionLimits::unsettled_max) return false;
            session.sent->push_back(
                {.id = session.next_delivery_id, .link = link.id, .cookie = sending.cookie});
        }
        sending.has_begun = true;
        sending.id = session.next_delivery_id++;
        --link.credit;
        ++link.delivery_count;
    }
    bool is_first = sending.sent == 0;
    while (session.outgoing_window > 0) {
        Transfer transfer;
        transfer.handle = link.handle;
        transfer.delivery_id = sending.id;
        if (is_first) {
            transfer.delivery_tag = tag;
            transfer.message_format = sending.format;
        }
        transfer.settled = sending.settled;
        Bytes rest = message.subspan(sending.sent);
        append_transfer(out(), session.channel, transfer, rest, peer_frame_bytes_max_);
        sending.sent = message.size() - rest.size();
        is_first = false;
        --session.outgoing_window;
        ++session.next_outgoing_id;
        if (rest.empty()) return true;
    }
    return false;
}

}  // namespace carillon::amqp
