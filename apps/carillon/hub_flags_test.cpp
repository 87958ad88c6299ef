#include "hub_flags.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

const HubEnvironment environment{.login = "of-the-environment", .ca_file = "environment.pem"};

Contexts two_contexts() {
    Contexts contexts;
    for (const char* name : {"home", "lab"}) {
        Context context;
        context.name = name;
        context.login = std::string("of-") + name;
        context.ca_file = std::string(name) + ".pem";
        context.address = "10.0.0.1";
        context.port = 8443;
        contexts.put(context);
    }
    contexts.current = "home";
    return contexts;
}

TEST(ChooseHub, AFlagGoesBeforeTheEnvironment) {
    HubFlags flags;
    flags.login = "of-the-flag";
    const auto hub = choose_hub(flags, environment, two_contexts()).value();
    EXPECT_EQ(hub.connection_string, "of-the-flag");
    EXPECT_EQ(hub.ca_file, "environment.pem");
    EXPECT_EQ(hub.port, 443);
}

TEST(ChooseHub, ANamedContextGoesBeforeTheEnvironment) {
    HubFlags flags;
    flags.context = "lab";
    const auto hub = choose_hub(flags, environment, two_contexts()).value();
    EXPECT_EQ(hub.connection_string, "of-lab");
    EXPECT_EQ(hub.ca_file, "lab.pem");
    EXPECT_EQ(hub.address, "10.0.0.1");
    EXPECT_EQ(hub.port, 8443);
}

TEST(ChooseHub, AContextOfTheEnvironmentGoesBeforeTheCurrentOne) {
    HubEnvironment named;
    named.context = "lab";
    EXPECT_EQ(choose_hub({}, named, two_contexts())->connection_string, "of-lab");
    HubFlags flags;
    flags.context = "home";
    EXPECT_EQ(choose_hub(flags, named, two_contexts())->connection_string, "of-home");
    named.login = "of-the-environment";
    EXPECT_EQ(choose_hub({}, named, two_contexts())->connection_string, "of-the-environment");
    named = {};
    named.context = "no-such";
    EXPECT_FALSE(choose_hub({}, named, two_contexts()));
}

TEST(ChooseHub, TheEnvironmentGoesBeforeTheCurrentContext) {
    EXPECT_EQ(choose_hub({}, environment, two_contexts())->connection_string, "of-the-environment");
    const auto hub = choose_hub({}, {}, two_contexts()).value();
    EXPECT_EQ(hub.connection_string, "of-home");
    EXPECT_EQ(hub.ca_file, "home.pem");
}

TEST(ChooseHub, SingleFlagsGoBeforeWhatAContextSays) {
    HubFlags flags;
    flags.context = "lab";
    flags.ca_file = "flag.pem";
    flags.address = "127.0.0.9";
    flags.port = 1443;
    const auto hub = choose_hub(flags, {}, two_contexts()).value();
    EXPECT_EQ(hub.ca_file, "flag.pem");
    EXPECT_EQ(hub.address, "127.0.0.9");
    EXPECT_EQ(hub.port, 1443);
}

TEST(ChooseHub, NoHubAndAnUnknownOneAreMistakesOfUse) {
    EXPECT_EQ(choose_hub({}, {}, {}).error().code, Errc::config_invalid);
    HubFlags flags;
    flags.context = "attic";
    EXPECT_EQ(choose_hub(flags, environment, two_contexts()).error().code, Errc::config_invalid);
}

}  // namespace
}  // namespace carillon
