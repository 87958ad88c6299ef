#pragma once

#include "core/events/event_piece.hpp"
#include "core/events/routing/message_route.hpp"
#include "core/events/routing/route_endpoint.hpp"
#include "model/message.hpp"
#include "model/twin.hpp"
#include "query/message_condition.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// A message on its way to an endpoint, with what the endpoint adds to it.
struct RoutedEvent {
    std::uint32_t partition = 0;
    std::uint64_t sequence = 0;
    std::size_t bytes = 0;  ///< As it is stored.
    Message message;
};

/// All routes and endpoints of a hub, ready to be applied. Immutable, so that any thread may.
class RoutingTable {
public:
    struct Rule {
        MessageRoute route;
        query::MessageCondition condition;
    };
    struct Target {
        RouteEndpoint endpoint;
        std::vector<std::pair<std::string, query::MessageValue>> enrichments;
        std::vector<std::size_t> rules;  ///< That lead here and are enabled, as places in `rules`.
        bool reads_twin = false;
    };

    /// Names are compared without regard to case. Fails with `argument_invalid` for a route to an endpoint
    /// that is not there, and beyond `RoutingLimits`.
    static Result<std::shared_ptr<const RoutingTable>> make(std::vector<MessageRoute> routes,
                                                            std::vector<RouteEndpoint> endpoints,
                                                            std::string_view hub_name);

    /// Of enabled routes.
    EventSources sources() const { return sources_; }
    const std::vector<Rule>& rules() const { return rules_; }
    const std::vector<Target>& targets() const { return targets_; }
    const Target* find_target(std::string_view name) const;
    const Rule* find_rule(std::string_view name) const;

    /// The message as it goes to `target`, or nothing if no route leads it there. `twin` is its sender's.
    std::optional<Message> route(const Target& target, const Message& message, const Document* twin) const;

private:
    std::vector<Rule> rules_;
    std::vector<Target> targets_;
    EventSources sources_;
};

/// The events of a piece that go to `target`; `twins` are those of their senders by place, or empty if nobody
/// reads them. Fails with `store_corrupt`.
Result<std::vector<RoutedEvent>> select_events(const RoutingTable& table, const RoutingTable::Target& target,
                                               std::uint32_t partition, const EventPiece& piece,
                                               const std::vector<std::optional<Document>>& twins);

}  // namespace carillon
