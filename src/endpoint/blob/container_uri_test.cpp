#include "endpoint/blob/container_uri.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(ContainerUri, NamesAContainerOnTheWebWithItsSignature) {
    const auto uri = ContainerUri::parse("https://acct.blob.example.net/devices/?sv=2021&sig=a%2Bb#part");
    ASSERT_TRUE(uri);
    EXPECT_EQ(uri->kind, ContainerUri::Kind::web);
    EXPECT_TRUE(uri->is_tls);
    EXPECT_EQ(uri->host, "acct.blob.example.net");
    EXPECT_EQ(uri->port, 443);
    EXPECT_EQ(uri->path, "/devices");
    EXPECT_EQ(uri->query, "sv=2021&sig=a%2Bb");
    EXPECT_EQ(ContainerUri::parse("HTTPS://[2001:db8::1]:8443/c?x")->host, "2001:db8::1");
}

TEST(ContainerUri, IsPlainOnlyTowardsThisMachine) {
    for (const char* text : {"http://127.0.0.1:10000/account/c?s", "http://localhost/c",
                             "http://a.localhost/c", "http://[::1]:10000/a/c", "http://127.9.8.7/c"}) {
        const auto uri = ContainerUri::parse(text);
        ASSERT_TRUE(uri) << text;
        EXPECT_FALSE(uri->is_tls) << text;
    }
}

TEST(ContainerUri, NamesADirectoryInEachFormOfAFileUri) {
    EXPECT_EQ(ContainerUri::parse("file:moves/today")->path, "moves/today");
    EXPECT_EQ(ContainerUri::parse("file:.")->path, ".");
    EXPECT_EQ(ContainerUri::parse("file:///data/moves/")->path, "/data/moves");
    EXPECT_EQ(ContainerUri::parse("file:/data/moves")->path, "/data/moves");
    EXPECT_EQ(ContainerUri::parse("FILE://localhost/data/a%20b")->path, "/data/a b");
}

TEST(ContainerUri, RefusesWhatIsNotAContainerWithoutRepeatingASecret) {
    for (const std::string text : {"",
                                   "devices",
                                   "ftp://x/y?sig=SECRET",
                                   "https:",
                                   "https://",
                                   "https:///c?sig=SECRET",
                                   "https://host?sig=SECRET",
                                   "https://host/?sig=SECRET",
                                   "https://user:pw@host/c?sig=SECRET",
                                   "https://host:0/c?sig=SECRET",
                                   "https://host:99999/c?sig=SECRET",
                                   "https://[zz]/c?sig=SECRET",
                                   "https://ho st/c?sig=SECRET",
                                   "https://host/c d?sig=SECRET",
                                   "https://host/c?a\nsig=SECRET",
                                   "file:",
                                   "file://elsewhere/x",
                                   "file:../x",
                                   "file:a/../../x",
                                   "file:a//b",
                                   "file:a/./b",
                                   "file:%2e%2e/x",
                                   "file:a%2f..%2fb",
                                   "file:%zz",
                                   "file:a%00b",
                                   "file:a\\b"}) {
        const auto uri = ContainerUri::parse(text);
        ASSERT_FALSE(uri) << text;
        EXPECT_EQ(uri.error().code, Errc::blob_container_validation_error) << text;
        EXPECT_EQ(uri.error().detail.find("SECRET"), std::string::npos) << text;
    }
    EXPECT_FALSE(ContainerUri::parse("https://host/" + std::string(5000, 'x')));
}

}  // namespace
}  // namespace carillon
