#include "core/provisioning/provisioning.hpp"
#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

/// Of an authority, DER in base64.
constexpr const char* factory =
    "MIIBijCCATGgAwIBAgIUKj757uQ+Nw9CoUUi+hlYz5smeH0wCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHZmFjdG9yeT"
    "AgFw0yNjExMjkyMDQ5MDVaGA8yMTI2MTEwNTIwNDkwNVowEjEQMA4GA1UEAwwHZmFjdG9yeTBZMBMGByqGSM49AgEG"
    "CCqGSM49AwEHA0IABBGJiaJeYJvzG0BDkPEEk6B9mDYhGUq1pLfLOl5QomaPDaN4R5D6CzaIMUTN+tH/QL3Roi3A2X"
    "Sk7FJu8QkaQVujYzBhMB0GA1UdDgQWBBSaObRCULaeqs+LnnEHTNFvKuZTSDAfBgNVHSMEGDAWgBSaObRCULaeqs+L"
    "nnEHTNFvKuZTSDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNHADBEAiBJPjEsZ1"
    "PIaYkMhql8rtPx3B5/YGCIm0cAov6fBnhMowIgRAjAGdLcwfRxU+jH+CcS1OH/ttzRoE9g7VmTwGbwcQ8=";

class AuthoritiesTest : public ::testing::Test {
protected:
    AuthoritiesTest() { start(); }

    void start() {
        hub_.reset();
        hub_ = std::make_unique<testing::TestHub>(store_, clock_, 4);
    }
    Provisioning& provisioning() { return (*hub_)->provisioning(); }
    auto put(std::string name, std::string certificate = factory) {
        return hub_->run(provisioning().put_authority(std::move(name), std::move(certificate)));
    }
    auto remove(std::string name) { return hub_->run(provisioning().remove_authority(std::move(name))); }
    auto enroll(Enrollment::Kind kind, const std::string& authority) {
        return hub_->run(provisioning().put(
            kind, "e",
            R"({"attestation":{"type":"x509","x509":{"caReferences":{"primary":")" + authority + R"("}}}})",
            {}));
    }

    ManualClock clock_{WallTime::from_unix_s(1'800'000'000)};
    MemoryStore store_;
    std::unique_ptr<testing::TestHub> hub_;
};

TEST_F(AuthoritiesTest, AreKeptUnderNamesInAnyCaseAlsoOverARestart) {
    ASSERT_TRUE(put("Factory"));
    ASSERT_TRUE(put("FACTORY")) << "is replaced";
    start();
    ASSERT_EQ(provisioning().authorities().size(), 1U);
    const auto found = provisioning().find_authority("factory");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->name, "Factory") << "as first spelled";
    EXPECT_EQ(found->certificate.der, factory);
    ASSERT_TRUE(remove("factory"));
    EXPECT_EQ(remove("factory").error().code, Errc::generic_not_found);
    start();
    EXPECT_TRUE(provisioning().authorities().empty());
}

TEST_F(AuthoritiesTest, ThatAreLentAreNamedByEnrollmentsAndNotListed) {
    const auto lend = [this](std::vector<EnrollmentAuthority> verified) {
        provisioning().lend(std::move(verified));
        hub_->poll();
    };
    const auto authority = EnrollmentAuthority::parse("Plant", factory, clock_.wall_now());
    ASSERT_TRUE(authority);
    lend({*authority});
    EXPECT_TRUE(provisioning().authorities().empty());
    EXPECT_FALSE(provisioning().find_authority("plant"));
    ASSERT_TRUE(enroll(Enrollment::Kind::individual, "PLANT"));
    auto found = hub_->run(provisioning().enrollees("e"));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1U);
    EXPECT_EQ(found->front().authorities, std::vector<std::string>{factory});
    ASSERT_TRUE(put("other"));
    found = hub_->run(provisioning().enrollees("e"));
    EXPECT_EQ(found->front().authorities.size(), 1U) << "lost by another change";
    lend({});
    found = hub_->run(provisioning().enrollees("e"));
    EXPECT_TRUE(found->front().authorities.empty());
    EXPECT_TRUE(found->front().is_by_authority) << "and so nobody is believed";
}

TEST_F(AuthoritiesTest, AreNamedByEnrollmentsOnlyIfTheyAreThere) {
    for (const auto kind : {Enrollment::Kind::individual, Enrollment::Kind::group}) {
        EXPECT_EQ(enroll(kind, "factory").error().code, Errc::argument_invalid);
    }
    ASSERT_TRUE(put("factory"));
    const auto group = enroll(Enrollment::Kind::group, "Factory");
    ASSERT_TRUE(group) << group.error().detail;
    EXPECT_TRUE(group->names_authority("FACTORY"));
    EXPECT_EQ(remove("factory").error().code, Errc::argument_invalid) << "the group would have none";
    ASSERT_TRUE(hub_->run(provisioning().remove(Enrollment::Kind::group, "e", {})));
    ASSERT_TRUE(enroll(Enrollment::Kind::individual, "factory"));
    const auto enrollees = hub_->run(provisioning().enrollees("e"));
    ASSERT_TRUE(enrollees);
    EXPECT_EQ(enrollees->front().authorities, std::vector<std::string>{factory});
    ASSERT_TRUE(remove("factory"));
    const auto left = hub_->run(provisioning().enrollees("e"));
    EXPECT_TRUE(left->front().is_by_authority);
    EXPECT_TRUE(left->front().authorities.empty());
}

TEST_F(AuthoritiesTest, AreCertificatesThatSignOthersUnderNamesThatAreIds) {
    EXPECT_EQ(put("factory", "").error().code, Errc::argument_invalid);
    EXPECT_EQ(put("factory", "AAAA").error().code, Errc::argument_invalid);
    EXPECT_EQ(put("a b").error().code, Errc::argument_invalid);
    EXPECT_TRUE(provisioning().authorities().empty());
}

TEST_F(AuthoritiesTest, AHubKeepsNoMoreThanItMay) {
    for (std::size_t i = 0; i < EnrollmentLimits::authorities_max; ++i)
        ASSERT_TRUE(put("a" + std::to_string(i)));
    EXPECT_EQ(put("more").error().code, Errc::argument_invalid);
    EXPECT_TRUE(put("a1")) << "what is there may be changed";
    ASSERT_TRUE(remove("a0"));
    EXPECT_TRUE(put("more"));
}

}  // namespace
}  // namespace carillon
