#pragma once

#include "wire/mqtt/hub_topics.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::mqtt {

/// A topic filter as text and the QoS granted: how subscriptions are kept in the store.
struct StoredFilter {
    std::string filter;
    std::uint8_t qos = 0;
    bool operator==(const StoredFilter&) const = default;
};

/// The subscriptions of one session. A filter that is written as SDKs write it costs 16 bytes, any
/// other one its text besides.
class Subscriptions {
public:
    /// Distinct filters of one identity; one more ends the connection. Ours: the service documents
    /// five for direct methods and is not known to enforce it.
    static constexpr std::size_t filters_max = 50;

    Subscriptions() = default;
    Subscriptions(Subscriptions&&) = default;
    Subscriptions& operator=(Subscriptions&&) = default;
    Subscriptions copy() const;

    enum class Outcome { unchanged, changed, full };
    /// Adds a filter that `parse_filter` took for `kind`, or exchanges its QoS. [MQTT-3.8.4-3]
    Outcome add(std::string_view filter, FilterKind kind, std::uint8_t qos, ClientIdentity identity);
    /// False if there is no such filter.
    bool remove(std::string_view filter, ClientIdentity identity);

    bool has(FilterKind kind) const { return (kinds_ & bit(kind)) != 0; }
    /// True if a method of this name would be delivered.
    bool takes_method(std::string_view name) const;
    /// The QoS of cloud-to-device messages: the highest of the filters that select them.
    /// A module's own are selected by a filter of all its topics, and not by one of its inputs.
    std::optional<std::uint8_t> c2d_qos() const;
    /// The QoS of messages for one input of a module: the highest of the filters that select it.
    std::optional<std::uint8_t> input_qos(std::string_view input) const;

    std::size_t size() const { return entries_.size(); }
    std::vector<StoredFilter> stored(ClientIdentity identity) const;

private:
    struct Entry {
        std::unique_ptr<std::string> text;  ///< Null: the canonical filter of `kind`.
        FilterKind kind;
        std::uint8_t qos;
    };
    static constexpr unsigned bit(FilterKind kind) { return 1U << static_cast<unsigned>(kind); }
    std::vector<Entry>::iterator find(std::string_view filter, ClientIdentity identity);

    std::vector<Entry> entries_;  ///< Bound: filters_max.
    unsigned kinds_ = 0;          ///< Which kinds occur in `entries_`.
};

}  // namespace carillon::mqtt
