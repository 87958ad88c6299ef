#include "wire/mqtt/registration_topics.hpp"

#include <gtest/gtest.h>
#include <string>

namespace carillon::mqtt {
namespace {

TEST(RegistrationUserName, IsReadAsEachSdkWritesIt) {
    struct Case {
        std::string_view text;
        std::string_view version;
    };
    for (const Case& c : {
             Case{"0ne00/registrations/dev-1/api-version=2019-03-31&ClientVersion=node%2F1.9.1",
                  "2019-03-31"},
             Case{"0ne00/registrations/dev-1/api-version=2021-06-01&ClientVersion=1.15.0", "2021-06-01"},
             Case{"0ne00/registrations/dev-1/api-version=2019-03-31", "2019-03-31"},
             Case{"0ne00/Registrations/dev-1/ClientVersion=x&api-version=2019-03-31", "2019-03-31"},
             Case{"0ne00/registrations/dev-1/", ""},
             Case{"0ne00/registrations/dev-1", ""},
         }) {
        const auto name = parse_registration_user_name(c.text);
        ASSERT_TRUE(name) << c.text;
        EXPECT_EQ(name->scope, "0ne00") << c.text;
        EXPECT_EQ(name->registration_id, "dev-1") << c.text;
        EXPECT_EQ(name->api_version, c.version) << c.text;
    }
}

TEST(RegistrationUserName, IsNotThatOfAHubsDevice) {
    for (const char* text :
         {"", "/", "0ne00", "0ne00/registrations", "0ne00/registrations/", "/registrations/x", "0ne00//x",
          "hub.example.net/dev-1/?api-version=2021-04-12", "hub.example.net/0ne00/registrations/dev-1"}) {
        EXPECT_FALSE(parse_registration_user_name(text)) << text;
    }
}

TEST(RegistrationTopic, BeginsOrPolls) {
    const auto begun = parse_registration_topic("$dps/registrations/PUT/iotdps-register/?$rid=1");
    ASSERT_TRUE(begun);
    EXPECT_EQ(begun->kind, RegistrationTopic::Kind::begin);
    EXPECT_EQ(begun->rid, "1");
    const auto polled = parse_registration_topic(
        "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=a-b&operationId=5.x");
    ASSERT_TRUE(polled);
    EXPECT_EQ(polled->kind, RegistrationTopic::Kind::poll);
    EXPECT_EQ(polled->rid, "a-b");
    EXPECT_EQ(polled->operation_id, "5.x");
    const auto turned =
        parse_registration_topic("$dps/registrations/GET/iotdps-get-operationstatus/?operationId=5.x&$rid=7");
    ASSERT_TRUE(turned);
    EXPECT_EQ(turned->rid, "7");
    EXPECT_EQ(turned->operation_id, "5.x");
}

TEST(RegistrationTopic, TakesARequestIdThatAnAnswerCanHold) {
    const std::string begin = "$dps/registrations/PUT/iotdps-register/?";
    EXPECT_TRUE(parse_registration_topic(begin + "$rid=" + std::string(256, 'x')));
    for (const std::string& query :
         {std::string(), std::string("$rid"), std::string("$rid="), std::string("rid=1"),
          std::string("$rid=&x=1"), "$rid=" + std::string(257, 'x'), std::string("$rid=1$rid=2"),
          std::string("x$rid=1")}) {
        EXPECT_FALSE(parse_registration_topic(begin + query)) << query;
    }
}

TEST(RegistrationTopic, IsNoOther) {
    for (const char* topic :
         {"", "$dps/registrations/PUT/iotdps-register?$rid=1",
          "$dps/registrations/POST/iotdps-register/?$rid=1", "$DPS/registrations/PUT/iotdps-register/?$rid=1",
          "$dps/registrations/res/202/?$rid=1", "devices/dev-1/messages/events/"}) {
        EXPECT_FALSE(parse_registration_topic(topic)) << topic;
    }
}

TEST(RegistrationTopic, IsReadAsTheDevicesEndWritesIt) {
    const std::string begin = registration_begin_topic("7");
    const auto begun = parse_registration_topic(begin);
    ASSERT_TRUE(begun);
    EXPECT_EQ(begun->kind, RegistrationTopic::Kind::begin);
    EXPECT_EQ(begun->rid, "7");
    const std::string poll = registration_poll_topic("8", "4.a.b");
    const auto polled = parse_registration_topic(poll);
    ASSERT_TRUE(polled);
    EXPECT_EQ(polled->kind, RegistrationTopic::Kind::poll);
    EXPECT_EQ(polled->rid, "8");
    EXPECT_EQ(polled->operation_id, "4.a.b");
}

TEST(RegistrationAnswerTopic, TellsStatusRequestAndWhenToAskAgain) {
    const auto later = parse_registration_answer_topic("$dps/registrations/res/202/?$rid=1&retry-after=3");
    ASSERT_TRUE(later);
    EXPECT_EQ(later->status, 202);
    EXPECT_EQ(later->rid, "1");
    EXPECT_EQ(later->retry_after, "3");
    const auto ended = parse_registration_answer_topic("$dps/registrations/res/200/?$rid=ab-c");
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->status, 200);
    EXPECT_EQ(ended->rid, "ab-c");
    EXPECT_EQ(ended->retry_after, "");
}

TEST(RegistrationAnswerTopic, IsNoOther) {
    for (const char* topic :
         {"", "$dps/registrations/res/", "$dps/registrations/res/200", "$dps/registrations/res/200/",
          "$dps/registrations/res/200/?", "$dps/registrations/res/200/?retry-after=3",
          "$dps/registrations/res/2000/?$rid=1", "$dps/registrations/res/2x0/?$rid=1",
          "$dps/registrations/res//?$rid=1", "$dps/registrations/res/200/$rid=1",
          "$iothub/twin/res/200/?$rid=1"}) {
        EXPECT_FALSE(parse_registration_answer_topic(topic)) << topic;
    }
}

}  // namespace
}  // namespace carillon::mqtt
