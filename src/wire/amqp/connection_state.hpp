#pragma once

// What a connection keeps of a session and of a link; for its own sources only.

#include "wire/amqp/connection.hpp"

#include <deque>
#include <string>
#include <unordered_map>

namespace carillon::amqp {

/// Whether `a` is before `b` in the serial numbers of RFC 1982, which delivery ids and counts are.
inline bool is_before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

/// A message whose last frame has not come.
struct Connection::Partial {
    std::string message;
    std::string tag;
    std::uint32_t id = 0;
    std::uint32_t format = 0;
    bool settled = false;
};

/// How far a message that is sent has come.
struct Connection::Sending {
    std::uint64_t cookie = 0;
    std::uint32_t format = 0;
    bool settled = false;
    std::uint32_t id = 0;  ///< Once it has begun.
    bool has_begun = false;
    std::size_t sent = 0;  ///< How much of it.
};

/// A message that waits to be sent, or for the rest of it to be.
struct Connection::Queued {
    std::string tag;
    std::string message;
    Sending sending;
};

/// A delivery of ours that the peer has not settled, or one of its own that it has yet to confirm.
struct Connection::Unsettled {
    std::uint32_t id = 0;
    LinkId link = 0;
    std::uint64_t cookie = 0;
    bool is_done = false;
};

struct Connection::Link {
    enum class Stage : std::uint8_t { undecided, attached, detaching };

    Session* session = nullptr;
    LinkId id = 0;
    std::uint32_t handle = 0;         ///< Ours, in what is sent.
    std::uint32_t remote_handle = 0;  ///< The peer's, in what is received.
    std::uint32_t delivery_count = 0;
    std::uint32_t credit = 0;  ///< Left to the sender.
    std::uint32_t window = 0;  ///< See `LinkTerms`.
    std::uint32_t in_hand = 0;
    std::uint32_t in_hand_bytes = 0;
    std::uint64_t peer_message_bytes_max = 0;  ///< 0: any.
    std::unique_ptr<Partial> partial;
    std::unique_ptr<std::deque<Queued>> queue;
    /// A client's: its name, until it is answered. A server's: the attach, while its refusal is postponed.
    std::unique_ptr<std::string> asked;
    LinkRole role = LinkRole::receiver;  ///< Ours.
    Stage stage = Stage::undecided;
    bool confirms = false;  ///< Receiver settle mode second.
    bool drains = false;    ///< The peer wants its credit used up.
};

struct Connection::Session {
    std::uint16_t channel = 0;  ///< Ours, in what is sent.
    std::uint32_t remote_channel = 0;
    std::uint32_t next_incoming_id = 0;
    std::uint32_t incoming_window = ConnectionLimits::incoming_window;  ///< Left to the peer.
    std::uint32_t next_outgoing_id = 1;
    std::uint32_t outgoing_window = 0;  ///< Left to us.
    std::uint32_t next_delivery_id = 0;
    std::uint32_t next_handle = 0;                       ///< A client's; above those in use.
    std::vector<std::uint32_t> free_handles;             ///< A client's, below it.
    std::vector<std::pair<std::uint32_t, Link*>> links;  ///< By the peer's handle, sorted.
    std::vector<Link*> waiting;                          ///< Those with a queue.
    /// A client's links that are not answered, by name. Bound: ConnectionLimits::links_max.
    std::unique_ptr<std::unordered_multimap<std::string, Link*>> asked;
    std::unique_ptr<std::deque<Unsettled>> sent;         ///< In the order of their ids.
    std::unique_ptr<std::deque<Unsettled>> unconfirmed;  ///< The same.
    bool is_mapped = false;                              ///< Both ends have begun.
    bool is_ending = false;                              ///< Ours has ended, the peer's has not.

    Link* find(std::uint32_t remote_handle) const {
        const auto it = place_of(remote_handle);
        return it != links.end() && it->first == remote_handle ? it->second : nullptr;
    }
    void insert(Link& link) { links.insert(place_of(link.remote_handle), {link.remote_handle, &link}); }
    void erase(const Link& link) {
        const auto it = place_of(link.remote_handle);
        if (it != links.end() && it->second == &link) links.erase(it);
    }
    std::vector<std::pair<std::uint32_t, Link*>>::const_iterator place_of(std::uint32_t handle) const {
        return std::lower_bound(links.begin(), links.end(), handle,
                                [](const auto& entry, std::uint32_t key) { return entry.first < key; });
    }
};

/// Condition names. Source: AMQP 1.0 §2.8.15 to §2.8.18.
namespace condition {
constexpr const char* decode_error = "amqp:decode-error";
constexpr const char* not_allowed = "amqp:not-allowed";
constexpr const char* not_found = "amqp:not-found";
constexpr const char* resource_limit_exceeded = "amqp:resource-limit-exceeded";
constexpr const char* unauthorized_access = "amqp:unauthorized-access";
constexpr const char* frame_size_too_small = "amqp:frame-size-too-small";
constexpr const char* framing_error = "amqp:connection:framing-error";
constexpr const char* window_violation = "amqp:session:window-violation";
constexpr const char* handle_in_use = "amqp:session:handle-in-use";
constexpr const char* unattached_handle = "amqp:session:unattached-handle";
constexpr const char* transfer_limit_exceeded = "amqp:link:transfer-limit-exceeded";
constexpr const char* message_size_exceeded = "amqp:link:message-size-exceeded";
}  // namespace condition

}  // namespace carillon::amqp
