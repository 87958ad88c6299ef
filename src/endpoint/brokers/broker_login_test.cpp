#include "endpoint/brokers/broker_login.hpp"

#include "net/testing.hpp"

#include <gtest/gtest.h>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

namespace carillon {
namespace {

// The seed of the key whose bytes count from 0, as a user's and as an account's.
constexpr const char* user_seed = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";
constexpr const char* user_key = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
constexpr const char* account_seed = "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI";

std::string credentials(const std::string& seed) {
    return "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\n"
           "*** a word of warning ***\n-----BEGIN USER NKEY SEED-----\n" +
           seed + "\n------END USER NKEY SEED------\n";
}

/// A certificate and its key in PEM.
std::pair<std::string, std::string> pem_of(const testing::TestCertificate& made) {
    const testing::TempDir dir;
    made.save(dir.file("certificate"), dir.file("key"));
    const auto text = [&dir](const char* name) {
        std::ifstream file(dir.file(name));
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    return {text("certificate"), text("key")};
}

TEST(NatsLogin, IsWhatItsSecretLooksLike) {
    const auto read = [](const std::string& secret) {
        const auto login = NatsLogin::parse(secret);
        if (!login) return "refused: " + login.error().detail;
        return std::to_string(static_cast<int>(login->kind)) + ' ' + login->name + ' ' + login->value;
    };
    EXPECT_EQ(read(""), "0  ");
    EXPECT_EQ(read("hub:a:b"), "1 hub a:b");
    EXPECT_EQ(read("T0ken"), "2  T0ken");
    EXPECT_EQ(read(user_seed), std::string("3 ") + user_key + ' ' + user_seed);
    EXPECT_EQ(read(credentials(user_seed)), std::string("4 eyJ0.eyJq.c2ln ") + user_seed);
}

TEST(NatsLogin, ASeedThatIsMistypedAndCredentialsThatAreCutAreRefused) {
    std::string mistyped = user_seed;
    mistyped[20] = mistyped[20] == 'A' ? 'B' : 'A';
    const std::string whole = credentials(user_seed);
    for (const std::string& bad : {mistyped, credentials(mistyped), credentials(account_seed),
                                   whole.substr(0, 60), whole.substr(0, whole.find("SUAA"))}) {
        const auto login = NatsLogin::parse(bad);
        ASSERT_FALSE(login) << bad;
        EXPECT_EQ(login.error().code, Errc::argument_invalid);
        EXPECT_EQ(login.error().detail.find("SUAA"), std::string::npos) << "an error tells no secret";
    }
}

TEST(BrokerCertificate, IsTakenApartInAnyOrderAndRefusedWithAKeyThatIsNotItsOwn) {
    using testing::TestCertificate;
    const auto issuer = TestCertificate::make("authority");
    const auto [authority, authority_key] = pem_of(issuer);
    const auto [own, own_key] = pem_of(TestCertificate::make("hub", TestCertificate::Kind::ecdsa, &issuer));
    const std::string chain = own + authority;
    const auto parsed = BrokerCertificate::parse(chain + own_key);
    ASSERT_TRUE(parsed) << parsed.error().detail;
    EXPECT_EQ(parsed->chain, chain);
    EXPECT_EQ(BrokerCertificate::parse(own_key + chain)->key, parsed->key);
    const std::string encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (const std::string& bad :
         {std::string(), chain, own_key, chain + authority_key, authority + own_key, chain + encrypted})
        EXPECT_FALSE(BrokerCertificate::parse(bad)) << bad.size();
    RouteEndpoint endpoint;
    endpoint.kind = RouteEndpoint::Kind::kafka;
    endpoint.client_certificate = chain + own_key;
    EXPECT_TRUE(check_broker_login(endpoint, true));
    EXPECT_FALSE(check_broker_login(endpoint, false)) << "without TLS it is never shown";
    endpoint.client_certificate += 'x';
    EXPECT_TRUE(check_broker_login(endpoint, true));
    endpoint.client_certificate = "x";
    EXPECT_FALSE(check_broker_login(endpoint, true));
}

}  // namespace
}  // namespace carillon
