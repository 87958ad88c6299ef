#include "trust_text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(TrustText, NamesTheFileForEveryLanguage) {
    for (const std::string& language : trust_languages()) {
        EXPECT_TRUE(holds(trust_text(language, "/var/hub/ca.pem", "hub.localhost"), "/var/hub/ca.pem"))
            << language;
    }
    EXPECT_TRUE(holds(trust_text("node", "/ca.pem", "h"), "\nexport NODE_EXTRA_CA_CERTS=/ca.pem\n"));
}

TEST(TrustText, AFileOfAnyNameIsOneWordOfTheShell) {
    EXPECT_TRUE(
        holds(trust_text("curl", "/my hub/it's $x.pem", "h"), "CURL_CA_BUNDLE='/my hub/it'\\''s $x.pem'\n"));
}

TEST(TrustText, AHostNameBecomesAPlainName) {
    const std::string text = trust_text("system", "/ca.pem", "Hub;rm -rf/");
    EXPECT_TRUE(holds(text, "/ca-certificates/carillon--ub-rm--rf-.crt"));
}

}  // namespace
}  // namespace carillon
