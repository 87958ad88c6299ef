#include "endpoint/amqp/event_management.hpp"

#include "base/text.hpp"
#include "core/events/events.hpp"
#include "core/hub/hub.hpp"
#include "endpoint/amqp/event_access.hpp"
#include "endpoint/amqp/event_message.hpp"
#include "endpoint/amqp/hub_connection.hpp"
#include "wire/amqp/event_links.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <utility>

namespace carillon::amqp {

namespace {

/// Questions that a client may have under way.
constexpr std::uint32_t management_credit = 100;

class ManagementAnswersLink final : public LinkHandler {
public:
    ManagementAnswersLink(HubConnection& connection, LinkId link) : connection_(connection), link_(link) {}
    ~ManagementAnswersLink() override { connection_.management_answers().remove(link_); }

private:
    HubConnection& connection_;
    const LinkId link_;
};

class ManagementRequestsLink final : public LinkHandler {
public:
    explicit ManagementRequestsLink(HubConnection& connection) : connection_(connection) {}

    void delivered(const Delivery& delivery) override {
        const auto view = decode_message(delivery.message);
        if (!view) {
            return connection_.dispose(delivery.receipt,
                                       fail(Errc::iot_hub_format_error, "The message is malformed."));
        }
        connection_.dispose(delivery.receipt, {});
        const ManagementRequest request = parse_management_request(*view);
        std::string message;
        answer(message, request);
        const LinkId link = connection_.management_answers().find(request.reply_to);
        // An answer that the client does not take is lost; it asks again.
        static_cast<void>(connection_.send(link, false, as_bytes(message)));
    }
    bool is_still_allowed() override { return may_manage_any_events(connection_); }

private:
    void answer(std::string& out, const ManagementRequest& request) {
        const auto found = request.name.empty() ? nullptr : find_event_log(connection_.hub(), request.name);
        // A token for one log tells nothing of another. The hub's own has two names.
        const bool is_own = found && found->number() == EventLog::built_in;
        const bool may = may_manage_events(connection_, request.name) ||
                         (is_own && (may_manage_events(connection_, event_entity_name(connection_.hub())) ||
                                     may_manage_events(connection_, hub_events_entity)));
        if (!found || !may) {
            return append_management_failure(
                out, request.message_id, 404, "amqp:not-found",
                fmt::format("The messaging entity '{}' could not be found. status-code: 404", request.name));
        }
        if (!equals_ignoring_case(request.operation, "READ")) {
            return append_management_failure(out, request.message_id, 400, "amqp:not-implemented",
                                             "Only READ is offered.");
        }
        if (equals_ignoring_case(request.type, "com.microsoft:eventhub")) {
            EntityFacts facts;
            facts.name = request.name;
            facts.partition_count = found->partition_count();
            return append_entity_answer(out, request.message_id, facts);
        }
        answer_partition(out, request, *found);
    }
    static void answer_partition(std::string& out, const ManagementRequest& request, const EventLog& events) {
        const auto number = parse_u64(request.partition);
        if (!equals_ignoring_case(request.type, "com.microsoft:partition") || !number ||
            *number >= events.partition_count()) {
            return append_management_failure(
                out, request.message_id, 400, "com.microsoft:argument-out-of-range",
                fmt::format(
                    "The specified partition is invalid for an EventHub partition sender or receiver. It "
                    "should be between 0 and {}.",
                    events.partition_count() - 1));
        }
        const auto partition = static_cast<std::uint32_t>(*number);
        const auto extent = events.extent(partition);
        append_partition_answer(out, request.message_id, request.name, partition, *extent);
    }

    HubConnection& connection_;
};

}  // namespace

void open_management_link(HubConnection& connection, const LinkRequest& request) {
    if (request.attach.role == LinkRole::sender) {
        return connection.accept(request.id, std::make_unique<ManagementRequestsLink>(connection),
                                 management_credit);
    }
    connection.management_answers().add(
        {.link = request.id,
         .name = std::string(request.attach.name),
         .target = std::string(request.attach.target.address.value_or(std::string_view()))});
    connection.accept(request.id, std::make_unique<ManagementAnswersLink>(connection, request.id), 0);
}

}  // namespace carillon::amqp
