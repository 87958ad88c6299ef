#include "talk.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(WithoutSecrets, HidesKeysInJson) {
    EXPECT_EQ(without_secrets(R"({"primaryKey":"c2VjcmV0","SecondaryKey" : "bW9yZQ==","type":"sas"})"),
              R"({"primaryKey":"***","SecondaryKey" : "***","type":"sas"})");
    EXPECT_EQ(without_secrets(R"({"clientCertificate":"-----BEGIN PRIVATE KEY-----\n"})"),
              R"({"clientCertificate":"***"})");
    EXPECT_EQ(without_secrets(R"({"primaryKey":null,"key":"primaryKey"})"),
              R"({"primaryKey":null,"key":"primaryKey"})");
}

TEST(WithoutSecrets, HidesKeysAndSignaturesInTextsOfTheirOwn) {
    EXPECT_EQ(without_secrets("HostName=h;SharedAccessKeyName=p;SharedAccessKey=abc="),
              "HostName=h;SharedAccessKeyName=p;SharedAccessKey=***");
    EXPECT_EQ(without_secrets("SharedAccessSignature sr=h&sig=a%2Bb%3D&se=1&skn=p"),
              "SharedAccessSignature sr=h&sig=***&se=1&skn=p");
    EXPECT_EQ(without_secrets(R"({"inputBlobContainerUri":"https://a/c?sv=1&sig=abc"})"),
              R"({"inputBlobContainerUri":"https://a/c?sv=1&sig=***"})");
}

TEST(WithoutSecrets, LeavesTheRestAsItIs) {
    for (const char* text : {"", "{}", R"({"tags":{"a":1}})", R"("primaryKey)", R"("primaryKey":)", "sig"}) {
        EXPECT_EQ(without_secrets(text), text);
    }
    EXPECT_EQ(without_secrets(R"("primaryKey":"cut)"), R"("primaryKey":"***)");
}

TEST(HoldBack, LetsReadsThroughAndNothingElse) {
    ServiceOptions options;
    hold_back_changes(options);
    for (const auto& [method, target] :
         {std::pair{"GET", "/devices/d"}, {"POST", "/devices/query?api-version=1"}}) {
        EXPECT_TRUE(options.before_request({.method = method, .target = target, .body = {}}));
    }
    EXPECT_FALSE(has_held_back());
    for (const auto& [method, target] : {std::pair{"PUT", "/devices/d"},
                                         {"POST", "/devices"},
                                         {"POST", "/twins/d/methods"},
                                         {"DELETE", "/jobs/j"}}) {
        EXPECT_FALSE(options.before_request({.method = method, .target = target, .body = {}})) << target;
    }
    EXPECT_TRUE(has_held_back());
}

}  // namespace
}  // namespace carillon
