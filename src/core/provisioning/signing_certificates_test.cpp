#include "core/provisioning/signing_certificates.hpp"

#include "base/openssl_owner.hpp"
#include "base/text.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace carillon {
namespace {

constexpr std::int64_t now_s = 1'800'000'000;
constexpr long day_s = 86'400;

using Key = OpensslOwner<EVP_PKEY, EVP_PKEY_free>;
using Certificate = OpensslOwner<X509, X509_free>;

enum class Signer { authority, device };

/// Someone with a key and a certificate, valid for a day around now.
struct Party {
    Key key;
    Certificate certificate;

    std::string der() const {
        unsigned char* bytes = nullptr;
        const int size = i2d_X509(certificate.get(), &bytes);
        std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
        OPENSSL_free(bytes);
        return out;
    }
    std::string base64() const { return base64_encode(der()); }
};

void extend(X509* certificate, int what, const char* value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/// Signed by `signer`, or itself.
Party make(const char* name, const Party* signer, Signer kind, const char* usage = nullptr) {
    Party party{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
    X509* const certificate = party.certificate.get();
    static long serial = 1;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    ASN1_TIME_set(X509_getm_notBefore(certificate), now_s - day_s);
    ASN1_TIME_set(X509_getm_notAfter(certificate), now_s + day_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    const Party& by = signer != nullptr ? *signer : party;
    X509_set_issuer_name(certificate, X509_get_subject_name(by.certificate.get()));
    X509_set_pubkey(certificate, party.key.get());
    extend(certificate, NID_basic_constraints, kind == Signer::authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (usage != nullptr) extend(certificate, NID_ext_key_usage, usage);
    X509_sign(certificate, by.key.get(), EVP_sha256());
    return party;
}

class SigningCertificatesTest : public ::testing::Test {
protected:
    std::string group_of(std::vector<std::string> chain, std::int64_t at_s = now_s) const {
        const auto found = signers_.find_group(chain, WallTime::from_unix_s(at_s));
        return found ? *found : "refused: " + found.error().detail;
    }
    void refuses(std::vector<std::string> chain, std::int64_t at_s = now_s) const {
        EXPECT_TRUE(group_of(std::move(chain), at_s).starts_with("refused"));
    }

    Party root_ = make("root", nullptr, Signer::authority);
    Party factory_ = make("factory", &root_, Signer::authority);
    Party device_ = make("device", &factory_, Signer::device);
    SigningCertificates signers_;
};

TEST_F(SigningCertificatesTest, ARootIsReachedThroughWhatTheDeviceSends) {
    signers_.add(root_.base64(), "all");
    EXPECT_EQ(group_of({device_.der(), factory_.der()}), "all");
    EXPECT_EQ(group_of({device_.der(), factory_.der(), root_.der()}), "all");
    EXPECT_EQ(group_of({device_.der(), root_.der(), factory_.der()}), "all") << "the order says nothing";
    refuses({device_.der()});
}

TEST_F(SigningCertificatesTest, AnIntermediateIsAsGoodAsARoot) {
    signers_.add(factory_.base64(), "factory's");
    EXPECT_EQ(group_of({device_.der()}), "factory's");
    EXPECT_EQ(group_of({device_.der(), factory_.der(), root_.der()}), "factory's");
}

TEST_F(SigningCertificatesTest, TheNearestDecides) {
    signers_.add(root_.base64(), "all");
    signers_.add(factory_.base64(), "factory's");
    EXPECT_EQ(group_of({device_.der(), factory_.der(), root_.der()}), "factory's");
    const Party other = make("other", &root_, Signer::device);
    EXPECT_EQ(group_of({other.der()}), "all");
}

TEST_F(SigningCertificatesTest, ANameProvesNothing) {
    signers_.add(root_.base64(), "all");
    const Party false_root = make("root", nullptr, Signer::authority);
    const Party false_factory = make("factory", &false_root, Signer::authority);
    const Party forged = make("device", &false_factory, Signer::device);
    refuses({forged.der(), false_factory.der(), false_root.der()});
    refuses({forged.der(), factory_.der(), root_.der()});
}

TEST_F(SigningCertificatesTest, ADeviceSignsNoOther) {
    signers_.add(root_.base64(), "all");
    const Party below = make("below", &device_, Signer::device);
    refuses({below.der(), device_.der(), factory_.der()});
}

TEST_F(SigningCertificatesTest, AnAuthorityIsNotADevice) {
    signers_.add(factory_.base64(), "factory's");
    refuses({factory_.der(), root_.der()});
    signers_.add(root_.base64(), "all");
    refuses({root_.der()});
}

TEST_F(SigningCertificatesTest, TimesAndUsesMustBeRight) {
    signers_.add(factory_.base64(), "factory's");
    refuses({device_.der()}, now_s + 2 * day_s);
    refuses({device_.der()}, now_s - 2 * day_s);
    const Party server = make("server", &factory_, Signer::device, "serverAuth");
    refuses({server.der()});
    const Party client = make("client", &factory_, Signer::device, "clientAuth");
    EXPECT_EQ(group_of({client.der()}), "factory's");
}

TEST_F(SigningCertificatesTest, AChainIsBounded) {
    signers_.add(root_.base64(), "all");
    std::vector<std::string> chain{device_.der(), factory_.der()};
    while (chain.size() < chain_certificates_max) chain.push_back(root_.der());
    EXPECT_EQ(group_of(chain), "all");
    chain.push_back(root_.der());
    refuses(chain);
    refuses({});
}

TEST_F(SigningCertificatesTest, WhatDoesNotParseIsRefusedAtEveryByte) {
    signers_.add("no base64 ***", "none");
    signers_.add(base64_encode("no certificate"), "none");
    signers_.add(factory_.base64(), "factory's");
    const std::string whole = device_.der();
    for (std::size_t cut = 0; cut < whole.size(); ++cut) refuses({whole.substr(0, cut)});
    refuses({whole + "x"});
    refuses({whole, "x"});
}

}  // namespace
}  // namespace carillon
