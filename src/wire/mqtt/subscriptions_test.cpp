#include "wire/mqtt/subscriptions.hpp"

#include <gtest/gtest.h>

namespace carillon::mqtt {
namespace {

constexpr ClientIdentity own_device{"d1", {}};
constexpr ClientIdentity own_module{"d1", "m1"};

TEST(Subscriptions, CanonicalFiltersAreWrittenBackAsTheyWere) {
    Subscriptions subscriptions;
    std::vector<StoredFilter> expected;
    for (std::string_view filter :
         {"devices/d1/modules/m1/messages/devicebound/#", "devices/d1/modules/m1/inputs/#",
          "devices/d1/modules/m1/#", "$iothub/methods/POST/#", "$iothub/twin/res/#",
          "$iothub/twin/PATCH/properties/desired/#", "$iothub/methods/POST/a/#"}) {
        EXPECT_EQ(subscriptions.add(filter, parse_filter(filter, own_module).value(), 1, own_module),
                  Subscriptions::Outcome::changed);
        expected.push_back({std::string(filter), 1});
    }
    EXPECT_EQ(subscriptions.stored(own_module), expected);
    EXPECT_EQ(subscriptions.copy().stored(own_module), expected);
}

TEST(Subscriptions, AKindIsThereAsLongAsOneFilterOfItIs) {
    Subscriptions subscriptions;
    subscriptions.add("devices/d1/messages/devicebound/#", FilterKind::c2d, 0, own_device);
    subscriptions.add("devices/d1/messages/#", FilterKind::c2d, 1, own_device);
    EXPECT_EQ(subscriptions.c2d_qos(), 1);
    EXPECT_TRUE(subscriptions.remove("devices/d1/messages/#", own_device));
    EXPECT_FALSE(subscriptions.remove("devices/d1/messages/#", own_device));
    EXPECT_EQ(subscriptions.c2d_qos(), 0);
    EXPECT_TRUE(subscriptions.has(FilterKind::c2d));
    EXPECT_TRUE(subscriptions.remove("devices/d1/messages/devicebound/#", own_device));
    EXPECT_FALSE(subscriptions.has(FilterKind::c2d));
    EXPECT_FALSE(subscriptions.c2d_qos());
}

}  // namespace
}  // namespace carillon::mqtt
