#include "base/device_id.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(DeviceId, EachListedCharacterIsAllowedAndNoOther) {
    const std::string allowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:.+%_#*?!(),=@;$'";
    for (int c = 0; c < 256; ++c) {
        const std::string id(1, static_cast<char>(c));
        EXPECT_EQ(DeviceId::is_valid(id), allowed.find(id) != std::string::npos) << c;
    }
    EXPECT_EQ(DeviceId::parse(allowed)->str(), allowed);
}

TEST(DeviceId, LengthIs1To128) {
    EXPECT_FALSE(DeviceId::parse("").has_value());
    EXPECT_TRUE(DeviceId::parse("a").has_value());
    EXPECT_TRUE(DeviceId::parse(std::string(128, 'x')).has_value());
    const auto too_long = DeviceId::parse(std::string(129, 'x'));
    ASSERT_FALSE(too_long.has_value());
    EXPECT_EQ(too_long.error().code, Errc::argument_invalid);
}

TEST(DeviceId, CaseAndDotsMatter) {
    EXPECT_NE(*DeviceId::parse("a"), *DeviceId::parse("A"));
    EXPECT_TRUE(DeviceId::is_valid("."));
    EXPECT_TRUE(DeviceId::is_valid(".."));
}

TEST(IdentityKey, ADevicePrecedesItsModules) {
    const auto device = *IdentityKey::parse("d");
    const auto module = *IdentityKey::parse("d", "a");
    const auto next = *IdentityKey::parse("d-");
    EXPECT_LT(device, module);
    EXPECT_LT(module, next);
    EXPECT_FALSE(device.is_module());
    EXPECT_TRUE(module.is_module());
    EXPECT_EQ(device.path(), "d");
    EXPECT_EQ(module.path(), "d/a");
}

TEST(IdentityKey, BothIdsAreChecked) {
    EXPECT_FALSE(IdentityKey::parse("a b").has_value());
    EXPECT_FALSE(IdentityKey::parse("a", "b/c").has_value());
    EXPECT_FALSE(IdentityKey::parse("", "b").has_value());
}

}  // namespace
}  // namespace carillon
