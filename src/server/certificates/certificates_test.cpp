#include "server/certificates/certificates.hpp"

#include "net/testing.hpp"
#include "server/private_file.hpp"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace carillon {
namespace {

using testing::TempDir;

const std::vector<std::string> names{"hub.localhost", "localhost", "127.0.0.1", "::1"};

std::shared_ptr<X509> load(const std::string& file) {
    const auto pem = read_file(file);
    if (!pem) return nullptr;
    BIO* bio = BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size()));
    std::shared_ptr<X509> certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
    BIO_free(bio);
    return certificate;
}

/// What a client that trusts `ca` makes of the server's certificate.
int verify(const std::string& ca, const std::string& server, const char* host) {
    X509_STORE* store = X509_STORE_new();
    X509_STORE_load_file(store, ca.c_str());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    const auto leaf = load(server);
    X509_STORE_CTX_init(context, store, leaf.get(), nullptr);
    X509_STORE_CTX_set_default(context, "ssl_server");
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context), host, 0);
    X509_verify_cert(context);
    const int error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return error;
}

int mode_of(const std::string& file) {
    struct stat status {};
    return ::stat(file.c_str(), &status) == 0 ? static_cast<int>(status.st_mode & 0777) : -1;
}

TEST(Certificates, FirstStartMakesAuthorityAndServersThatVerify) {
    const TempDir dir;
    const auto made = prepare_certificates(dir.path(), names);
    ASSERT_TRUE(made) << made.error().detail;
    EXPECT_TRUE(made->made_ca);
    EXPECT_TRUE(made->made_server);
    for (const char* server : {"server-ecdsa.pem", "server-rsa.pem"}) {
        EXPECT_EQ(verify(dir.file("ca.pem"), dir.file(server), "hub.localhost"), X509_V_OK);
        EXPECT_EQ(verify(dir.file("ca.pem"), dir.file(server), "elsewhere.localhost"),
                  X509_V_ERR_HOSTNAME_MISMATCH);
        EXPECT_EQ(X509_check_ip_asc(load(dir.file(server)).get(), "127.0.0.1", 0), 1);
        EXPECT_EQ(X509_check_ip_asc(load(dir.file(server)).get(), "::1", 0), 1);
    }
    EXPECT_TRUE(TlsContext::load(made->files));
}

TEST(Certificates, KeysAreForTheirOwnerOnly) {
    const TempDir dir;
    const mode_t before = ::umask(0);
    ASSERT_TRUE(prepare_certificates(dir.path(), names));
    ::umask(before);
    for (const char* key : {"ca-key.pem", "server-ecdsa-key.pem", "server-rsa-key.pem"}) {
        EXPECT_EQ(mode_of(dir.file(key)), 0600) << key;
    }
    EXPECT_EQ(mode_of(dir.file("ca.pem")), 0644);
}

TEST(Certificates, LaterStartsKeepThem) {
    const TempDir dir;
    ASSERT_TRUE(prepare_certificates(dir.path(), names));
    const auto server = read_file(dir.file("server-rsa.pem"));
    const auto again = prepare_certificates(dir.path(), {"localhost", "hub.localhost", "::1", "127.0.0.1"});
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->made_ca);
    EXPECT_FALSE(again->made_server);
    EXPECT_EQ(*read_file(dir.file("server-rsa.pem")), *server);
}

TEST(Certificates, NewNamesMakeNewServersOfTheSameAuthority) {
    const TempDir dir;
    ASSERT_TRUE(prepare_certificates(dir.path(), names));
    const auto ca = read_file(dir.file("ca.pem"));
    const auto again = prepare_certificates(dir.path(), {"hub.example.net", "127.0.0.1"});
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->made_ca);
    EXPECT_TRUE(again->made_server);
    EXPECT_EQ(*read_file(dir.file("ca.pem")), *ca);
    EXPECT_EQ(verify(dir.file("ca.pem"), dir.file("server-ecdsa.pem"), "hub.example.net"), X509_V_OK);
    EXPECT_EQ(verify(dir.file("ca.pem"), dir.file("server-ecdsa.pem"), "hub.localhost"),
              X509_V_ERR_HOSTNAME_MISMATCH);
}

TEST(Certificates, ALostServerKeyIsMadeAnewAndALostAuthorityIsNot) {
    const TempDir dir;
    ASSERT_TRUE(prepare_certificates(dir.path(), names));
    std::filesystem::remove(dir.file("server-rsa-key.pem"));
    const auto repaired = prepare_certificates(dir.path(), names);
    ASSERT_TRUE(repaired);
    EXPECT_TRUE(repaired->made_server);
    EXPECT_TRUE(TlsContext::load(repaired->files));

    std::filesystem::remove(dir.file("ca-key.pem"));
    EXPECT_FALSE(prepare_certificates(dir.path(), names));
    ASSERT_TRUE(write_file(dir.file("ca-key.pem"), "nonsense", Readable::by_owner));
    EXPECT_FALSE(prepare_certificates(dir.path(), names));
}

TEST(Certificates, AnAuthorityIsAsItWasMadeOrRefused) {
    const TempDir dir;
    ASSERT_TRUE(prepare_certificates(dir.path(), names));
    ASSERT_TRUE(check_authority(dir.path()));
    const auto made = load(dir.file("ca.pem"));
    for (const char* const name : {"ca.pem", "ca-key.pem"}) {
        const std::string whole = *read_file(dir.file(name));
        for (std::size_t at = 0; at < whole.size(); at += 5) {
            std::string damaged = whole;
            damaged[at] ^= 1;
            ASSERT_TRUE(write_file(dir.file(name), damaged, Readable::by_owner));
            const auto checked = check_authority(dir.path());
            if (checked) {  // What is not part of the content, such as the end of a line.
                EXPECT_EQ(X509_cmp(load(dir.file("ca.pem")).get(), made.get()), 0) << name << ' ' << at;
            } else {
                EXPECT_EQ(checked.error().code, Errc::store_corrupt);
                EXPECT_NE(checked.error().detail.find(name), std::string::npos) << checked.error().detail;
            }
        }
        ASSERT_TRUE(write_file(dir.file(name), whole, Readable::by_owner));
    }
    EXPECT_TRUE(check_authority(dir.path()));
}

TEST(Certificates, AFirstStartThatWasCutShortMakesTheAuthority) {
    const TempDir dir;
    ASSERT_TRUE(prepare_certificates(dir.path(), names));
    std::filesystem::remove(dir.file("ca.pem"));  // The key is written first.
    EXPECT_TRUE(check_authority(dir.path()));
    ASSERT_TRUE(write_file(dir.file("hub.json"), "{}", Readable::by_owner));
    EXPECT_FALSE(check_authority(dir.path())) << "a hub has run with it";
}

TEST(Certificates, ANodesIsForItsNameAsServerAndAsClientAndIsKept) {
    const TempDir dir;
    EXPECT_FALSE(prepare_node_certificate(dir.path(), "n1.abc.carillon")) << "there is no authority";
    ASSERT_TRUE(prepare_certificates(dir.path(), names));
    const auto made = prepare_node_certificate(dir.path(), "n1.abc.carillon");
    ASSERT_TRUE(made) << made.error().detail;
    EXPECT_EQ(mode_of(made->key), 0600);
    const std::string ca = dir.file("ca.pem");
    EXPECT_EQ(verify(ca, made->certificate, "n1.abc.carillon"), X509_V_OK);
    EXPECT_EQ(verify(ca, made->certificate, "n2.abc.carillon"), X509_V_ERR_HOSTNAME_MISMATCH);
    const auto first = load(made->certificate);
    EXPECT_EQ(X509_check_purpose(first.get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
    EXPECT_EQ(X509_check_purpose(load(dir.file("server-ecdsa.pem")).get(), X509_PURPOSE_SSL_CLIENT, 0), 0)
        << "the hub's own is no node's";
    ASSERT_TRUE(prepare_node_certificate(dir.path(), "n1.abc.carillon"));
    EXPECT_EQ(X509_cmp(load(made->certificate).get(), first.get()), 0);
    ASSERT_TRUE(prepare_node_certificate(dir.path(), "n2.abc.carillon"));
    EXPECT_EQ(verify(ca, made->certificate, "n2.abc.carillon"), X509_V_OK);
}

TEST(PrivateFile, ReplacesWholeAndWithTheModeAsked) {
    const TempDir dir;
    ASSERT_TRUE(write_file(dir.file("a"), "one", Readable::by_owner));
    ASSERT_TRUE(write_file(dir.file("a"), "two", Readable::by_owner));
    EXPECT_EQ(*read_file(dir.file("a")), "two");
    EXPECT_EQ(mode_of(dir.file("a")), 0600);
    EXPECT_FALSE(std::filesystem::exists(dir.file("a.new")));
    const auto none = read_file(dir.file("none"));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::not_found_locally);
    EXPECT_FALSE(read_file(dir.file("a"), 2));
    EXPECT_FALSE(write_file(dir.file("none/b"), "x", Readable::by_owner));
}

}  // namespace
}  // namespace carillon
