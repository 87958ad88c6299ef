#include "server/certificates/certificates.hpp"

#include "base/openssl_owner.hpp"
#include "server/hub_file.hpp"
#include "server/private_file.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <algorithm>
#include <array>
#include <ctime>

namespace carillon {
namespace {

using KeyPtr = OpensslOwner<EVP_PKEY, EVP_PKEY_free>;
using CertificatePtr = OpensslOwner<X509, X509_free>;
using BioPtr = OpensslOwner<BIO, BIO_free>;

struct KeyAndCertificate {
    KeyPtr key;
    CertificatePtr certificate;
};

constexpr long day_s = 24L * 3600;

tl::unexpected<Error> openssl_failed(const std::string& what) {
    std::array<char, 256> reason{};
    ERR_error_string_n(ERR_peek_last_error(), reason.data(), reason.size());
    ERR_clear_error();
    return fail(Errc::tls_failed, what + ": " + reason.data());
}

// --- making ----------------------------------------------------------------------------------

bool is_address(const std::string& name) {
    std::array<unsigned char, 16> bytes{};
    return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const OpensslOwner<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// A serial number nobody can foresee: 127 random bits.
bool set_random_serial(X509* certificate) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
    bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
    BIGNUM* number = BN_bin2bn(bytes.data(), bytes.size(), nullptr);
    const bool done = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
    BN_free(number);
    return done;
}

/// What all certificates have in common: everything but extensions and signature.
CertificatePtr begin_certificate(const std::string& common_name, int valid_days, EVP_PKEY* key,
                                 const X509_NAME* issuer) {
    CertificatePtr certificate(X509_new());
    X509* x = certificate.get();
    // Yesterday, for clients whose clocks are behind.
    const bool ok = x != nullptr && X509_set_version(x, 2) == 1 && set_random_serial(x) &&
                    X509_gmtime_adj(X509_getm_notBefore(x), -day_s) != nullptr &&
                    X509_gmtime_adj(X509_getm_notAfter(x), valid_days * day_s) != nullptr &&
                    X509_set_pubkey(x, key) == 1 &&
                    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                               reinterpret_cast<const unsigned char*>(common_name.data()),
                                               static_cast<int>(common_name.size()), -1, 0) == 1 &&
                    X509_set_issuer_name(x, issuer != nullptr ? issuer : X509_get_subject_name(x)) == 1;
    return ok ? std::move(certificate) : nullptr;
}

Result<KeyAndCertificate> make_ca() {
    KeyAndCertificate ca;
    ca.key.reset(EVP_EC_gen("P-256"));
    if (ca.key != nullptr) {
        std::array<unsigned char, 4> tag{};  // Tells authorities of several hubs apart in a trust store.
        RAND_bytes(tag.data(), tag.size());
        std::array<char, 9> hex{};
        std::snprintf(hex.data(), hex.size(), "%02x%02x%02x%02x", tag[0], tag[1], tag[2], tag[3]);
        ca.certificate = begin_certificate(std::string("Carillon private CA ") + hex.data(), ca_valid_days,
                                           ca.key.get(), nullptr);
    }
    X509* x = ca.certificate.get();
    const bool ok = x != nullptr &&
                    add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add_extension(x, x, NID_subject_key_identifier, "hash") &&
                    X509_sign(x, ca.key.get(), EVP_sha256()) > 0;
    if (!ok) return openssl_failed("making the private CA");
    return ca;
}

enum class KeyKind { ecdsa, rsa };

Result<KeyAndCertificate> make_server(const KeyAndCertificate& ca, const std::vector<std::string>& names,
                                      KeyKind kind, const char* purpose = "serverAuth") {
    KeyAndCertificate server;
    server.key.reset(kind == KeyKind::ecdsa ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
    std::string alternatives;
    for (const std::string& name : names) {
        if (!alternatives.empty()) alternatives += ',';
        alternatives += (is_address(name) ? "IP:" : "DNS:") + name;
    }
    // A common name holds 64 characters; what counts is the list of alternatives.
    const std::string common_name = names.front().size() <= 64 ? names.front() : "Carillon hub";
    if (server.key != nullptr) {
        server.certificate = begin_certificate(common_name, server_valid_days, server.key.get(),
                                               X509_get_subject_name(ca.certificate.get()));
    }
    X509* x = server.certificate.get();
    X509* issuer = ca.certificate.get();
    const char* usage =
        kind == KeyKind::ecdsa ? "critical,digitalSignature" : "critical,digitalSignature,keyEncipherment";
    const bool ok = x != nullptr && add_extension(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(x, issuer, NID_key_usage, usage) &&
                    add_extension(x, issuer, NID_ext_key_usage, purpose) &&
                    add_extension(x, issuer, NID_subject_alt_name, alternatives) &&
                    add_extension(x, issuer, NID_subject_key_identifier, "hash") &&
                    add_extension(x, issuer, NID_authority_key_identifier, "keyid:always") &&
                    X509_sign(x, ca.key.get(), EVP_sha256()) > 0;
    if (!ok) return openssl_failed("making a server certificate");
    return server;
}

// --- files -----------------------------------------------------------------------------------

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

Result<> save(const KeyAndCertificate& pair, const std::filesystem::path& certificate,
              const std::filesystem::path& key) {
    const BioPtr key_pem(BIO_new(BIO_s_mem()));
    const BioPtr certificate_pem(BIO_new(BIO_s_mem()));
    const bool ok =
        PEM_write_bio_PrivateKey(key_pem.get(), pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1 &&
        PEM_write_bio_X509(certificate_pem.get(), pair.certificate.get()) == 1;
    if (!ok) return openssl_failed("writing PEM");
    auto written = write_file(key, text_of(key_pem.get()), Readable::by_owner);
    if (!written) return written;
    return write_file(certificate, text_of(certificate_pem.get()), Readable::by_all);
}

Result<CertificatePtr> load_certificate(const std::filesystem::path& path) {
    auto pem = read_file(path);
    if (!pem) return fail(std::move(pem).error());
    const BioPtr bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
    CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) return openssl_failed(path.string() + " is not a certificate in PEM");
    return certificate;
}

/// By use: the public part that a damaged key carries along may be whole.
bool verifies_what_the_key_signs(const KeyAndCertificate& pair) {
    constexpr std::array<unsigned char, 4> text{'t', 'e', 's', 't'};
    const OpensslOwner<EVP_MD_CTX, EVP_MD_CTX_free> signing(EVP_MD_CTX_new());
    std::array<unsigned char, 1024> signature{};
    std::size_t size = signature.size();
    if (EVP_DigestSignInit(signing.get(), nullptr, EVP_sha256(), nullptr, pair.key.get()) != 1 ||
        EVP_DigestSign(signing.get(), signature.data(), &size, text.data(), text.size()) != 1) {
        return false;
    }
    const OpensslOwner<EVP_MD_CTX, EVP_MD_CTX_free> verifying(EVP_MD_CTX_new());
    EVP_PKEY* const key = X509_get0_pubkey(pair.certificate.get());
    return EVP_DigestVerifyInit(verifying.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
           EVP_DigestVerify(verifying.get(), signature.data(), size, text.data(), text.size()) == 1;
}

Result<KeyAndCertificate> load_pair(const std::filesystem::path& certificate,
                                    const std::filesystem::path& key) {
    KeyAndCertificate pair;
    auto loaded = load_certificate(certificate);
    if (!loaded) return fail(std::move(loaded).error());
    pair.certificate = *std::move(loaded);
    auto pem = read_file(key);
    if (!pem) return fail(std::move(pem).error());
    const BioPtr bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
    pair.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    if (pair.key == nullptr) return openssl_failed(key.string() + " is not a private key in PEM");
    if (!verifies_what_the_key_signs(pair)) {
        return openssl_failed(key.string() + " does not belong to " + certificate.string());
    }
    return pair;
}

// --- judging what is there -------------------------------------------------------------------

/// An IP address as it is written in the configuration is not always its shortest form.
std::string canonical(const std::string& name) {
    std::array<unsigned char, 16> bytes{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    for (const int family : {AF_INET, AF_INET6}) {
        if (::inet_pton(family, name.c_str(), bytes.data()) != 1) continue;
        ::inet_ntop(family, bytes.data(), text.data(), text.size());
        return text.data();
    }
    return name;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
    for (std::string& name : names) name = canonical(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::vector<std::string> names_of(const X509* certificate) {
    const OpensslOwner<GENERAL_NAMES, GENERAL_NAMES_free> alternatives(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> names;
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
        const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
        if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
        const unsigned char* bytes = ASN1_STRING_get0_data(value);
        const int size = ASN1_STRING_length(value);
        if (name->type == GEN_DNS) {
            names.emplace_back(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
            continue;
        }
        std::array<char, INET6_ADDRSTRLEN> text{};
        ::inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text.data(), text.size());
        names.emplace_back(text.data());
    }
    return names;
}

bool fits(const X509* certificate, X509* ca, const std::vector<std::string>& names) {
    std::time_t soon = std::time(nullptr) + server_renewed_days_before * day_s;
    const bool stays_valid = X509_cmp_time(X509_get0_notAfter(certificate), &soon) > 0;
    const bool is_by_ca = X509_verify(const_cast<X509*>(certificate), X509_get0_pubkey(ca)) == 1;
    ERR_clear_error();
    return stays_valid && is_by_ca && sorted(names_of(certificate)) == sorted(names);
}

/// Looks for the server certificates in `dir`; makes in `into` what is missing or does not fit.
Result<> add_server_pairs(HubCertificates& made, const KeyAndCertificate& ca,
                          const std::vector<std::string>& names, const std::filesystem::path& dir,
                          const std::filesystem::path& into) {
    for (const auto& [name, kind] :
         {std::pair("server-ecdsa", KeyKind::ecdsa), std::pair("server-rsa", KeyKind::rsa)}) {
        const std::string certificate = std::string(name) + ".pem";
        const std::string key = std::string(name) + "-key.pem";
        const auto present = load_pair(dir / certificate, dir / key);
        const bool stays = present && fits(present->certificate.get(), ca.certificate.get(), names);
        const std::filesystem::path& place = stays ? dir : into;
        made.files.key_pairs.push_back({(place / certificate).string(), (place / key).string()});
        if (stays) continue;
        const auto server = make_server(ca, names, kind);
        if (!server) return fail(server.error());
        if (auto saved = save(*server, place / certificate, place / key); !saved) return saved;
        made.made_server = true;
    }
    return {};
}

}  // namespace

Result<> check_authority(const std::filesystem::path& dir) {
    const std::filesystem::path ca = dir / "ca.pem";
    const std::filesystem::path key = dir / "ca-key.pem";
    std::error_code ignored;
    const bool has_ca = std::filesystem::exists(ca, ignored);
    const bool has_key = std::filesystem::exists(key, ignored);
    if (!has_ca && !has_key) return {};
    // The key is written first; a first start that was cut short begins again.
    if (!has_ca && !has_hub_file(dir)) return {};
    const auto pair = load_pair(ca, key);
    std::string detail;
    if (!pair) {
        detail = pair.error().detail;
    } else if (X509_verify(pair->certificate.get(), X509_get0_pubkey(pair->certificate.get())) != 1) {
        ERR_clear_error();
        detail = ca.string() + " is not as it was made: its signature is wrong";
    } else {
        return {};
    }
    return fail(Errc::store_corrupt,
                detail + ".\nNothing was changed. Restore ca.pem and ca-key.pem of " + dir.string() +
                    " from a backup. To have a new authority made,\nwhich every client must be given, "
                    "remove both.");
}

Result<HubCertificates> prepare_certificates(const std::filesystem::path& dir,
                                             const std::vector<std::string>& names) {
    HubCertificates made;
    made.ca = dir / "ca.pem";
    const std::filesystem::path ca_key = dir / "ca-key.pem";
    if (auto whole = check_authority(dir); !whole) return fail(std::move(whole).error());
    auto ca = load_pair(made.ca, ca_key);
    if (!ca) {
        ca = make_ca();
        if (!ca) return fail(std::move(ca).error());
        auto saved = save(*ca, made.ca, ca_key);
        if (!saved) return fail(std::move(saved).error());
        made.made_ca = true;
    }
    if (auto added = add_server_pairs(made, *ca, names, dir, dir); !added) return fail(std::move(added).error());
    return made;
}

Result<HubCertificates> prepare_certificates_beside(const std::filesystem::path& dir,
                                                    const std::vector<std::string>& names,
                                                    const std::filesystem::path& scratch) {
    HubCertificates made;
    made.ca = dir / "ca.pem";
    if (auto whole = check_authority(dir); !whole) return fail(std::move(whole).error());
    const auto ca = load_pair(made.ca, dir / "ca-key.pem");
    if (!ca) {
        return fail(Errc::config_invalid, dir.string() +
                                              " has no authority for server certificates: name a certificate by "
                                              "tls.certificate and tls.key");
    }
    if (auto added = add_server_pairs(made, *ca, names, dir, scratch); !added)
        return fail(std::move(added).error());
    return made;
}

Result<TlsFiles::KeyPair> prepare_node_certificate(const std::filesystem::path& dir,
                                                   const std::string& name) {
    const std::filesystem::path certificate = dir / "node.pem";
    const std::filesystem::path key = dir / "node-key.pem";
    const TlsFiles::KeyPair files{certificate.string(), key.string()};
    if (auto whole = check_authority(dir); !whole) return fail(std::move(whole).error());
    const auto ca = load_pair(dir / "ca.pem", dir / "ca-key.pem");
    if (!ca) return fail(ca.error());
    const auto present = load_pair(certificate, key);
    if (present && fits(present->certificate.get(), ca->certificate.get(), {name})) return files;
    const auto made = make_server(*ca, {name}, KeyKind::ecdsa, "serverAuth,clientAuth");
    if (!made) return fail(made.error());
    if (auto saved = save(*made, certificate, key); !saved) return fail(std::move(saved).error());
    return files;
}

}  // namespace carillon
