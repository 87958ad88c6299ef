#include "model/possession.hpp"

#include "base/openssl_owner.hpp"
#include "base/text.hpp"
#include "model/certificate.hpp"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <ctime>
#include <string>

namespace carillon {
namespace {

using Key = OpensslOwner<EVP_PKEY, EVP_PKEY_free>;

Key make_key() {
    return Key(EVP_EC_gen("P-256"));
}

/// DER in base64; good from an hour ago for `seconds`.
std::string make_certificate(const std::string& name, EVP_PKEY* own, const std::string& issuer, EVP_PKEY* signer,
                             long seconds = 3600, const std::string& second_name = {}) {
    X509* const x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), seconds);
    X509_set_pubkey(x, own);
    const auto add_name = [](X509_NAME* into, const std::string& text) {
        X509_NAME_add_entry_by_txt(into, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0);
    };
    add_name(X509_get_subject_name(x), name);
    if (!second_name.empty()) add_name(X509_get_subject_name(x), second_name);
    X509_NAME* const by = X509_NAME_new();
    add_name(by, issuer);
    X509_set_issuer_name(x, by);
    X509_NAME_free(by);
    X509_sign(x, signer, EVP_sha256());
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(x, &bytes);
    const std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    X509_free(x);
    return base64_encode(der);
}

class PossessionTest : public ::testing::Test {
protected:
    Result<> check(const std::string& proof) const {
        return check_possession(authority_, proof, code_, WallTime::from_unix_s(std::time(nullptr)));
    }
    const std::string code_ = "75B86466DA34D2B04C0C4C9557A119687ADAE7D4732BDDB3";
    const Key key_ = make_key();
    const Key leaf_ = make_key();
    const std::string authority_ = make_certificate("Authority", key_.get(), "Authority", key_.get());
};

TEST_F(PossessionTest, TheCodeUnderTheAuthoritysSignatureIsAProof) {
    const auto proved = check(make_certificate(code_, leaf_.get(), "Authority", key_.get()));
    EXPECT_TRUE(proved) << proved.error().detail;
    EXPECT_TRUE(check(make_certificate(to_lower(code_), leaf_.get(), "Authority", key_.get())));
}

TEST_F(PossessionTest, AnotherNameOrSignatureOrTimeIsNone) {
    const Key stranger = make_key();
    const auto refusal = [this](const std::string& proof) {
        const auto checked = check(proof);
        return checked ? std::string("taken") : checked.error().detail;
    };
    EXPECT_NE(refusal(make_certificate("another", leaf_.get(), "Authority", key_.get())).find("common name"),
              std::string::npos);
    EXPECT_NE(refusal(make_certificate(code_, leaf_.get(), "Authority", key_.get(), 3600, "more")).find("common name"),
              std::string::npos);
    EXPECT_NE(refusal(make_certificate(code_, leaf_.get(), "Authority", stranger.get())).find("not signed"),
              std::string::npos);
    EXPECT_NE(refusal(make_certificate(code_, leaf_.get(), code_, leaf_.get())).find("not signed"),
              std::string::npos);
    EXPECT_NE(refusal(make_certificate(code_, leaf_.get(), "Authority", key_.get(), -60)).find("not valid"),
              std::string::npos);
    EXPECT_NE(refusal("x").find("PEM"), std::string::npos);
    EXPECT_NE(refusal(""), "taken");
}

}  // namespace
}  // namespace carillon
