#pragma once

#include "base/clock.hpp"
#include "model/message.hpp"
#include "model/ordinal.hpp"
#include "model/twin.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// A topic filter an MQTT session holds, and the QoS granted.
struct Subscription {
    std::string filter;
    std::uint8_t qos = 0;
    bool operator==(const Subscription&) const = default;
};

struct CloudDelivery;  // model/cloud_message.hpp

/// A live connection of an identity, as the core sees it; endpoints implement it. All calls happen
/// on the shard's thread and return at once; what is sent is queued by the link within its own
/// limit. After `close` or `Shard::detach` the core calls a link no more.
class DeviceLink {
public:
    virtual ~DeviceLink() = default;
    /// True if the device subscribed to a direct method of this name: it is online for methods.
    virtual bool takes_method(std::string_view name) const = 0;
    /// Longest time for which `will_take_method` holds.
    static constexpr std::chrono::seconds will_take_max{2};
    /// True if it does not take the method yet but is about to, as the device has just come back; the
    /// endpoint then says `Shard::method_subscriptions_changed`.
    virtual bool will_take_method(std::string_view) const { return false; }
    virtual void send_method(std::uint16_t request_id, std::string_view name, std::string_view payload) = 0;
    virtual bool takes_desired() const = 0;
    /// `body` is the notification with `$version` inside.
    virtual void send_desired(std::int64_t version, std::string_view body) = 0;
    /// Cloud-to-device messages that it takes now; none while the device has not subscribed to any. When
    /// there may be more room, the endpoint says `CloudMessages::offer`, and `offer_all` when it may want
    /// others.
    virtual std::size_t cloud_message_room() const { return 0; }
    /// For how long a message that it took stays locked; nothing: until it is settled or the link goes.
    virtual std::optional<Duration> cloud_message_lock() const { return std::nullopt; }
    enum class Taken : std::uint8_t {
        not_now,        ///< There is no room after all; it is offered again when there is.
        not_wanted,     ///< The device has not asked for such; those behind it are offered.
        until_settled,  ///< The device settles it by its lock (`CloudMessages::settle`), or the link goes.
        for_good,       ///< The device does not answer: it counts as completed.
    };
    /// Sends a message; must not settle it within the call.
    virtual Taken send_cloud_message(const CloudDelivery&) { return Taken::not_now; }
    /// True while bytes wait because the peer does not drain its socket; jobs then hold back.
    virtual bool is_congested() const = 0;
    /// Ends the connection without a word; `reason` is for the log. The link calls `detach`, perhaps
    /// later.
    virtual void close(Errc reason) = 0;
};

struct Record;
class PendingMethods;  // core/shard/methods.hpp: requests sent over one link and not yet answered

struct RecordKeyLess {
    using is_transparent = void;
    bool operator()(const Record* a, const Record* b) const;
    bool operator()(const Record* a, const IdentityKey& b) const;
    bool operator()(const IdentityKey& a, const Record* b) const;
};

/// One identity, resident in its shard; about 200 bytes beside its document. Owned by `Directory`
/// at a stable address until the identity is removed.
struct Record {
    explicit Record(IdentityKey k);
    ~Record();
    Record(const Record&) = delete;
    Record& operator=(const Record&) = delete;

    IdentityKey key;
    Ordinal ordinal = 0;
    /// What is on disk, and so what readers see; nothing while a creation is on its way there.
    std::optional<Document> committed;
    /// What writers build upon: the newest write on its way to disk. Meaningful if `writes` > 0; null
    /// once a removal is on its way.
    std::unique_ptr<Document> latest;
    std::uint32_t writes = 0;  ///< Writes on their way to disk.

    DeviceLink* link = nullptr;               ///< The live connection, or null.
    std::unique_ptr<PendingMethods> methods;  ///< Present while a link is.
    std::vector<Subscription> subscriptions;  ///< Of a persistent session, as stored.
    bool has_session = false;                 ///< A persistent session is stored.
    WallTime connection_updated;
    WallTime last_activity;
    std::uint32_t c2d_count = 0;
    /// The configurations that select it, as on disk; null if none does. See configuration_shard.hpp.
    std::shared_ptr<const ConfigurationStates> configurations;
    std::set<Record*, RecordKeyLess>::iterator place;  ///< In the directory's order.

    /// Its key and its twin lie at its beginning, within so many bytes: most queries read no more.
    static constexpr std::size_t twin_bytes =
        sizeof(IdentityKey) + sizeof(Ordinal) + sizeof(std::optional<Document>);

    bool exists() const { return committed.has_value(); }
    /// The state the next write builds upon; null if there is none (or a removal is on its way).
    const Document* newest() const {
        if (writes > 0) return latest.get();
        return committed ? &*committed : nullptr;
    }
    LiveState live() const {
        return {.connected = link != nullptr,
                .connection_updated = connection_updated,
                .last_activity = last_activity,
                .c2d_count = c2d_count,
                .configurations = configurations};
    }
};

inline bool RecordKeyLess::operator()(const Record* a, const Record* b) const {
    return a->key < b->key;
}
inline bool RecordKeyLess::operator()(const Record* a, const IdentityKey& b) const {
    return a->key < b;
}
inline bool RecordKeyLess::operator()(const IdentityKey& a, const Record* b) const {
    return a < b->key;
}

}  // namespace carillon
