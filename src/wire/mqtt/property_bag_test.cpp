#include "wire/mqtt/property_bag.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

using System = std::vector<std::pair<std::string, std::string>>;
using Properties = std::vector<std::pair<std::string, std::optional<std::string>>>;

PropertyBag bag_of(std::string_view text) {
    return parse_property_bag(text).value();
}

TEST(PropertyBag, SystemPropertiesGetTheirNamesInBothSpellings) {
    EXPECT_EQ(
        bag_of("%24.mid=1&$.cid=2&%24.ct=application%2Fjson&$.ce=utf-8&$.to=%2Fx&$.uid=u&$.exp=e").system,
        (System{{"message-id", "1"},
                {"correlation-id", "2"},
                {"content-type", "application/json"},
                {"content-encoding", "utf-8"},
                {"to", "/x"},
                {"user-id", "u"},
                {"absolute-expiry-time", "e"}}));
    EXPECT_EQ(
        bag_of("$.on=out&$.ifid=i&$.sub=s&$.ctime=t&$.schema=c&$.diagid=d&$.diagctx=creationtimeutc%3D1.2")
            .system,
        (System{{"iothub-outputname", "out"},
                {"iothub-interface-id", "i"},
                {"dt-subject", "s"},
                {"iothub-creation-time-utc", "t"},
                {"iothub-message-schema", "c"},
                {"Diagnostic-Id", "d"},
                {"Correlation-Context", "creationtimeutc=1.2"}}));
}

TEST(PropertyBag, UnknownSystemPropertiesAndStampsAreDropped) {
    const auto bag = bag_of("$.zzz=1&$.cdid=d&$.cmid=m&iothub-connection-device-id=other&a=1");
    EXPECT_TRUE(bag.system.empty());
    EXPECT_EQ(bag.properties, (Properties{{"a", "1"}}));
}

TEST(PropertyBag, NullAndEmptyAreDifferent) {
    EXPECT_EQ(bag_of("a&b=&c=1").properties, (Properties{{"a", std::nullopt}, {"b", ""}, {"c", "1"}}));
}

TEST(PropertyBag, PlusIsNoSpaceAndTheFirstEqualsSplits) {
    EXPECT_EQ(bag_of("a=b+c=d").properties, (Properties{{"a", "b+c=d"}}));
}

TEST(PropertyBag, UndecodableTextStaysAsItWasSent) {
    EXPECT_EQ(bag_of("a=50%&b=%zz&c=x/y z:w&d=%ff&%ff=1").properties,
              (Properties{{"a", "50%"}, {"b", "%zz"}, {"c", "x/y z:w"}, {"d", "%ff"}, {"%ff", "1"}}));
}

TEST(PropertyBag, WrappingsOfClientsAreNoPartOfIt) {
    EXPECT_EQ(bag_of("?a=1").properties, (Properties{{"a", "1"}}));
    EXPECT_EQ(bag_of("%24.on=out1/").system, (System{{"iothub-outputname", "out1"}}));
    EXPECT_EQ(bag_of("&&a=1&").properties, (Properties{{"a", "1"}}));
    EXPECT_TRUE(bag_of("").properties.empty());
    EXPECT_TRUE(bag_of("/").properties.empty());
}

TEST(PropertyBag, OfARepeatedNameTheFirstCounts) {
    EXPECT_EQ(bag_of("a=1&a=2&$.mid=1&$.mid=2").properties, (Properties{{"a", "1"}}));
    EXPECT_EQ(bag_of("a=1&a=2&$.mid=1&$.mid=2").system, (System{{"message-id", "1"}}));
}

TEST(PropertyBag, BytesCountNamesAndValues) {
    EXPECT_EQ(bag_of("ab=cde&$.mid=1&n").bytes(), 5U + std::string_view("message-id1").size() + 1U);
}

TEST(PropertyBag, MoreThanTheLimitIsRefused) {
    std::string text;
    for (std::size_t i = 0; i < properties_max; ++i) text += std::to_string(i) + "&";
    EXPECT_EQ(bag_of(text).properties.size(), properties_max);
    EXPECT_FALSE(parse_property_bag(text + "x"));
}

}  // namespace
}  // namespace carillon::mqtt
