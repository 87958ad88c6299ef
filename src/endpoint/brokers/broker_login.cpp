#include "endpoint/brokers/broker_login.hpp"

#include "base/openssl_owner.hpp"
#include "base/text.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <array>
#include <optional>
#include <utility>

namespace carillon {

namespace {

using PemInput = OpensslOwner<BIO, BIO_free_all>;
using PemCertificate = OpensslOwner<X509, X509_free>;
using PemKey = OpensslOwner<EVP_PKEY, EVP_PKEY_free>;

auto refuse_login(const char* why) {
    ERR_clear_error();
    return fail(Errc::argument_invalid, why);
}

PemInput pem_input(std::string_view text) {
    return PemInput(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string pem_text(BIO* written) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(written, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

/// Nobody is here to be asked for a key's password.
int no_password(char*, int, int, void*) {
    return -1;
}

// --- nkeys -------------------------------------------------------------------------------------------

constexpr std::string_view base32_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t seed_letters = 58;
constexpr std::size_t key_bytes = 32;
constexpr unsigned seed_prefix = 18U << 3U;  // S
constexpr unsigned user_prefix = 20U << 3U;  // U

std::optional<std::string> base32_decoded(std::string_view text) {
    std::string bytes;
    unsigned held = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const std::size_t value = base32_letters.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        held = (held << 5U | static_cast<unsigned>(value)) & 0xFFFU;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(held >> bits & 0xFFU);
    }
    return bytes;
}

std::string base32_encoded(std::string_view bytes) {
    std::string text;
    unsigned held = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        held = (held << 8U | static_cast<unsigned char>(c)) & 0xFFFFU;
        bits += 8;
        for (; bits >= 5; bits -= 5) text += base32_letters[held >> (bits - 5) & 0x1FU];
    }
    if (bits > 0) text += base32_letters[held << (5 - bits) & 0x1FU];
    return text;
}

/// CRC-16/XMODEM, least byte first. Source: github.com/nats-io/nkeys, crc16.go.
std::string crc16(std::string_view bytes) {
    unsigned crc = 0;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
        for (int i = 0; i < 8; ++i) crc = (crc & 0x8000U) != 0 ? (crc << 1U ^ 0x1021U) : crc << 1U;
        crc &= 0xFFFFU;
    }
    return {static_cast<char>(crc & 0xFFU), static_cast<char>(crc >> 8U)};
}

/// The public key of a user's seed. Source: github.com/nats-io/nkeys, strkey.go.
Result<std::string> public_nkey(std::string_view seed) {
    const auto raw = base32_decoded(seed);
    constexpr std::size_t head = 2;
    if (!raw || raw->size() != head + key_bytes + 2 ||
        crc16(std::string_view(*raw).substr(0, head + key_bytes)) != raw->substr(head + key_bytes))
        return refuse_login("secret is not the seed of an nkey: a letter is mistyped");
    const auto first = static_cast<unsigned char>((*raw)[0]);
    const auto second = static_cast<unsigned char>((*raw)[1]);
    if ((first & 0xF8U) != seed_prefix || ((first & 7U) << 5U | second >> 3U) != user_prefix)
        return refuse_login("secret is the seed of an nkey that is not a user's");
    const auto* const bytes = reinterpret_cast<const unsigned char*>(raw->data()) + head;
    const PemKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes, key_bytes));
    std::array<unsigned char, key_bytes> shown{};
    std::size_t size = shown.size();
    if (key == nullptr || EVP_PKEY_get_raw_public_key(key.get(), shown.data(), &size) != 1)
        return refuse_login("secret is not the seed of an nkey");
    std::string named(1, static_cast<char>(user_prefix));
    named.append(reinterpret_cast<const char*>(shown.data()), shown.size());
    return base32_encoded(named + crc16(named));
}

/// What stands on the lines between those that begin and end `what`; empty if there is none.
std::string_view between_lines(std::string_view text, std::string_view what) {
    const std::size_t begin = text.find("BEGIN " + std::string(what));
    const std::size_t line = begin == std::string_view::npos ? begin : text.find('\n', begin);
    if (line == std::string_view::npos) return {};
    const std::size_t end = text.find("\n-", line + 1);
    if (end == std::string_view::npos) return {};
    return trimmed(text.substr(line + 1, end - line - 1));
}

}  // namespace

Result<BrokerCertificate> BrokerCertificate::parse(std::string_view pem) {
    BrokerCertificate parsed;
    PemCertificate own;
    const PemInput certificates = pem_input(pem);
    const PemInput chain(BIO_new(BIO_s_mem()));
    if (certificates == nullptr || chain == nullptr) return refuse_login("clientCertificate cannot be read");
    while (PemCertificate one{PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)}) {
        PEM_write_bio_X509(chain.get(), one.get());
        if (own == nullptr) own = std::move(one);
    }
    if (own == nullptr) return refuse_login("clientCertificate takes PEM with a certificate and its key");
    parsed.chain = pem_text(chain.get());
    const PemInput keys = pem_input(pem);
    const PemKey key(PEM_read_bio_PrivateKey(keys.get(), nullptr, no_password, nullptr));
    if (key == nullptr) return refuse_login("clientCertificate has no private key, or one that is encrypted");
    if (X509_check_private_key(own.get(), key.get()) != 1)
        return refuse_login("clientCertificate has a private key of another certificate");
    const PemInput out(BIO_new(BIO_s_mem()));
    if (out == nullptr ||
        PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return refuse_login("clientCertificate has a private key that cannot be used");
    parsed.key = pem_text(out.get());
    ERR_clear_error();
    return parsed;
}

Result<NatsLogin> NatsLogin::parse(std::string_view secret) {
    if (secret.empty()) return NatsLogin{};
    if (secret.find("-BEGIN NATS USER JWT-") != std::string_view::npos) {
        const auto jwt = between_lines(secret, "NATS USER JWT");
        const auto seed = between_lines(secret, "USER NKEY SEED");
        if (jwt.empty() || seed.empty())
            return refuse_login("secret has the beginning of a credentials file, but not all of it");
        if (auto known = public_nkey(seed); !known) return fail(std::move(known).error());
        return NatsLogin{Kind::credentials, std::string(jwt), std::string(seed)};
    }
    const bool is_seed = secret.size() == seed_letters && secret.starts_with("SU") &&
                         secret.find_first_not_of(base32_letters) == std::string_view::npos;
    if (is_seed) {
        auto known = public_nkey(secret);
        if (!known) return fail(std::move(known).error());
        return NatsLogin{Kind::nkey, *std::move(known), std::string(secret)};
    }
    const std::size_t colon = secret.find(':');
    if (colon == std::string_view::npos) return NatsLogin{Kind::token, {}, std::string(secret)};
    return NatsLogin{Kind::user, std::string(secret.substr(0, colon)), std::string(secret.substr(colon + 1))};
}

Result<> check_broker_login(const RouteEndpoint& endpoint, bool is_tls) {
    if (!endpoint.client_certificate.empty()) {
        if (!is_tls) return refuse_login("clientCertificate is for tls:// and kafkas://");
        if (auto good = BrokerCertificate::parse(endpoint.client_certificate); !good)
            return fail(std::move(good).error());
    }
    if (endpoint.kind != RouteEndpoint::Kind::nats) return {};
    if (auto good = NatsLogin::parse(endpoint.secret); !good) return fail(std::move(good).error());
    return {};
}

}  // namespace carillon
