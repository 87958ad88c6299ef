#include "wire/amqp/event_links.hpp"

#include "wire/amqp/encode.hpp"

#include <gtest/gtest.h>
#include <array>

namespace carillon::amqp {
namespace {

using Kind = EventSelector::Kind;

EventAddress read_address(std::string_view address, LinkRole role = LinkRole::receiver) {
    Attach attach;
    attach.role = role;
    Terminus& terminus = role == LinkRole::sender ? attach.target : attach.source;
    terminus.is_present = true;
    terminus.address = address;
    return parse_event_address(attach, "hub");
}

TEST(EventAddress, OfAPartitionIsReadInTheFormsOfAllClients) {
    for (const char* text :
         {"hub/ConsumerGroups/$Default/Partitions/3", "/hub/ConsumerGroups/$Default/Partitions/3",
          "amqps://hub.example.net:5671/hub/consumergroups/$Default/partitions/3"}) {
        const EventAddress address = read_address(text);
        EXPECT_EQ(address.kind, EventLinkKind::partition) << text;
        EXPECT_EQ(address.entity, "hub");
        EXPECT_EQ(address.group, "$Default");
        EXPECT_EQ(address.partition, "3");
    }
    const EventAddress of_hub = read_address("messages/events/ConsumerGroups/reports/Partitions/0");
    EXPECT_EQ(of_hub.kind, EventLinkKind::partition);
    EXPECT_EQ(of_hub.entity, "messages/events");
}

TEST(EventAddress, OfTheHubsManagementIsAQuestionForTheEndpoint) {
    EXPECT_EQ(read_address("$management").kind, EventLinkKind::management);
    EXPECT_EQ(read_address("$management", LinkRole::sender).kind, EventLinkKind::management);
    EXPECT_EQ(read_address("hub/$management").entity, "hub");
    EXPECT_EQ(read_address("hub/$management").kind, EventLinkKind::management);
    EXPECT_EQ(read_address("/messages/events/$management").kind, EventLinkKind::hub_redirect);
    EXPECT_EQ(read_address("amqps://h/messages/events/$management").kind, EventLinkKind::hub_redirect);
}

TEST(EventAddress, OfASenderIsKnownSoThatItIsRefusedInWords) {
    EXPECT_EQ(read_address("hub", LinkRole::sender).kind, EventLinkKind::send_to_entity);
    EXPECT_EQ(read_address("hub/Partitions/1", LinkRole::sender).kind, EventLinkKind::send_to_entity);
    EXPECT_EQ(read_address("messages/events", LinkRole::sender).kind, EventLinkKind::send_to_entity);
}

TEST(EventAddress, OfAnythingElseIsUnknown) {
    for (const char* text : {"", "/", "hub", "other", "hub/ConsumerGroups/x", "ConsumerGroups/x/Partitions/1",
                             "hub/ConsumerGroups//Partitions/1", "hub/ConsumerGroups/x/Partitions/",
                             "devices/d/messages/events", "messages/events"}) {
        EXPECT_EQ(read_address(text).kind, EventLinkKind::unknown) << text;
    }
    EXPECT_EQ(read_address("hub/ConsumerGroups/x/Partitions/1", LinkRole::sender).kind,
              EventLinkKind::unknown);
    EXPECT_EQ(parse_event_address({}, "hub").kind, EventLinkKind::unknown);
}

TEST(EventSelector, IsReadInTheSpellingsOfAllClients) {
    struct Case {
        const char* text;
        Kind kind;
        std::int64_t value;
    };
    for (const auto& [text, kind, value] : {
             Case{"amqp.annotation.x-opt-offset > '-1'", Kind::earliest, 0},
             Case{"amqp.annotation.x-opt-offset > -1", Kind::earliest, 0},
             Case{"amqp.annotation.x-opt-offset > '@latest'", Kind::latest, 0},
             Case{"amqp.annotation.x-opt-offset > @latest", Kind::latest, 0},
             Case{"amqp.annotation.x-opt-offset > '17'", Kind::sequence, 18},
             Case{"amqp.annotation.x-opt-offset >= '17'", Kind::sequence, 17},
             Case{"amqp.annotation.x-opt-offset >17", Kind::sequence, 18},
             Case{"amqp.annotation.x-opt-sequence-number > '-1'", Kind::earliest, 0},
             Case{"amqp.annotation.x-opt-sequence-number >= 4", Kind::sequence, 4},
             Case{"amqp.annotation.x-opt-enqueued-time > '1795514400000'", Kind::time, 1795514400001},
             Case{"amqp.annotation.x-opt-enqueued-time >= 1795514400000", Kind::time, 1795514400000},
             Case{"  amqp.annotation.x-opt-enqueuedtimeutc > 5 ", Kind::time, 6},
         }) {
        const auto selector = parse_event_selector(text);
        ASSERT_TRUE(selector) << text;
        EXPECT_EQ(selector->kind, kind) << text;
        EXPECT_EQ(selector->sequence, kind == Kind::sequence ? static_cast<std::uint64_t>(value) : 0U)
            << text;
        EXPECT_EQ(selector->unix_ms, kind == Kind::time ? value : 0) << text;
    }
}

TEST(EventSelector, IsRefusedIfItIsAnythingElse) {
    for (const char* text :
         {"", "x-opt-offset > '1'", "amqp.annotation.x-opt-offset", "amqp.annotation.x-opt-offset >",
          "amqp.annotation.x-opt-offset > ''", "amqp.annotation.x-opt-offset < '1'",
          "amqp.annotation.x-opt-offset = '1'", "amqp.annotation.x-opt-offset > '1x'",
          "amqp.annotation.x-opt-offset > '-2'", "amqp.annotation.x-opt-offset > '18446744073709551615'",
          "amqp.annotation.x-opt-enqueued-time > 'now'", "amqp.annotation.x-opt-partition-key > '1'",
          "amqp.annotation.x-opt-offset > '1' OR true"}) {
        EXPECT_EQ(parse_event_selector(text).error().code, Errc::argument_invalid) << text;
    }
    EXPECT_FALSE(parse_event_selector("amqp.annotation.x-opt-offset > '" + std::string(300, '1') + "'"));
}

/// The filter of a source whose value `append` makes.
template <class Append>
std::string filter_map(Append append) {
    std::string bytes;
    MapWriter map(bytes);
    append(map.symbol_key("apache.org:selector-filter:string"));
    return bytes;
}

Result<std::optional<std::string>> find(const std::string& map) {
    Attach attach;
    Reader in(as_bytes(map));
    attach.source.filter = in.value();
    return find_event_selector(attach);
}

TEST(EventSelector, IsFoundWhateverDescribesIt) {
    for (const std::uint64_t descriptor : {0x0000468C00000004ULL, 0x000000137000000AULL}) {
        const auto found = find(filter_map([descriptor](std::string& out) {
            append_descriptor(out, descriptor);
            append_string(out, "a > 'b'");
        }));
        ASSERT_TRUE(found && *found);
        EXPECT_EQ(**found, "a > 'b'");
    }
    EXPECT_EQ(
        **find(filter_map([](std::string& out) { append_binary(out, as_bytes(std::string_view("x"))); })),
        "x");
    EXPECT_FALSE(find(filter_map([](std::string& out) { append_long(out, 5); })));
    const auto none = find_event_selector({});
    EXPECT_TRUE(none && !*none);
}

TEST(LinkNumber, IsOfAnyIntegerType) {
    std::string bytes;
    {
        MapWriter map(bytes);
        append_long(map.symbol_key("com.microsoft:epoch"), 5);
        append_string(map.symbol_key("text"), "5");
    }
    Attach attach;
    attach.properties = as_bytes(bytes);
    EXPECT_EQ(link_number(attach, "com.microsoft:epoch"), 5);
    EXPECT_EQ(link_number(attach, "text"), std::nullopt);
    EXPECT_EQ(link_number(attach, "none"), std::nullopt);
    EXPECT_EQ(link_number({}, "com.microsoft:epoch"), std::nullopt);
}

TEST(DesiredCapability, IsOneOfManyOrAlone) {
    const std::array<std::string_view, 2> both{"a:b", "c:d"};
    std::string bytes;
    append_symbol_array(bytes, both);
    Attach attach;
    attach.desired_capabilities = Reader(as_bytes(bytes)).value();
    EXPECT_TRUE(is_desired(attach, "a:b"));
    EXPECT_TRUE(is_desired(attach, "c:d"));
    EXPECT_FALSE(is_desired(attach, "a"));
    std::string one;
    append_symbol(one, "c:d");
    attach.desired_capabilities = Reader(as_bytes(one)).value();
    EXPECT_TRUE(is_desired(attach, "c:d"));
    EXPECT_FALSE(is_desired({}, "c:d"));
}

}  // namespace
}  // namespace carillon::amqp
