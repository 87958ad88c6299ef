#include "core/provisioning/tpm_blob.hpp"

#include "base/openssl_owner.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <array>
#include <cstdint>
#include <optional>

namespace carillon {

namespace {

// Source: TPM 2.0 Library, Part 2 §6.3 and §8.3.
constexpr std::uint16_t alg_rsa = 0x0001;
constexpr std::uint16_t alg_hmac = 0x0005;
constexpr std::uint16_t alg_aes = 0x0006;
constexpr std::uint16_t alg_keyedhash = 0x0008;
constexpr std::uint16_t alg_sha256 = 0x000B;
constexpr std::uint16_t alg_null = 0x0010;
constexpr std::uint16_t alg_cfb = 0x0043;
constexpr std::uint32_t user_with_auth = 1U << 6U;
constexpr std::uint32_t sign = 1U << 18U;
constexpr std::uint32_t default_exponent = 65537;

constexpr std::size_t seed_bytes = 32;         ///< As many as the name's hash gives.
constexpr std::size_t wrapper_key_bytes = 16;  ///< Of AES-128.
constexpr unsigned wrapper_key_bits = 128;
constexpr unsigned integrity_key_bits = 256;

using Key = OpensslOwner<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = OpensslOwner<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using CipherContext = OpensslOwner<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Number = OpensslOwner<BIGNUM, BN_free>;
using ParamBuilder = OpensslOwner<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = OpensslOwner<OSSL_PARAM, OSSL_PARAM_free>;

const unsigned char* data_of(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string big_endian16(std::size_t number) {
    return {static_cast<char>(number >> 8U & 0xFFU), static_cast<char>(number & 0xFFU)};
}
std::string big_endian32(std::uint32_t number) {
    return big_endian16(number >> 16U) + big_endian16(number & 0xFFFFU);
}
std::string hash_of(std::initializer_list<std::string_view> parts) {
    return std::string(as_text(sha256(parts)));
}
/// Bytes behind their length, as every TPM2B is.
std::string sized(std::string_view bytes) {
    return big_endian16(bytes.size()) + std::string(bytes);
}

/// Reads integers one after another; goes bad at the end and stays bad.
class TpmReader {
public:
    explicit TpmReader(std::string_view bytes) : rest_(bytes) {}

    std::uint16_t u16() {
        const std::string_view two = take(2);
        if (two.size() != 2) return 0;
        return static_cast<std::uint16_t>(data_of(two)[0] << 8U | data_of(two)[1]);
    }
    std::uint32_t u32() {
        const std::uint32_t high = u16();
        return high << 16U | u16();
    }
    std::string_view sized() { return take(u16()); }
    void refuse_unless(bool holds) { ok_ = ok_ && holds; }
    bool is_whole() const { return ok_ && rest_.empty(); }

private:
    std::string_view take(std::size_t count) {
        ok_ = ok_ && rest_.size() >= count;
        if (!ok_) return {};
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::string_view rest_;
    bool ok_ = true;
};

/// A storage key of a TPM, as far as sealing for it needs.
struct StorageKey {
    std::string name;  ///< Its TPM's name for it. Source: Part 1 §16.
    Key key;
};

Key rsa_key(std::string_view modulus, std::uint32_t exponent) {
    const Number n(BN_bin2bn(data_of(modulus), static_cast<int>(modulus.size()), nullptr));
    const Number e(BN_new());
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    if (!n || !e || !builder || !context || BN_set_word(e.get(), exponent) != 1) return nullptr;
    if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
        return nullptr;
    const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
    EVP_PKEY* made = nullptr;
    if (!params || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
        return nullptr;
    return Key(made);
}

/// TPMT_PUBLIC of a storage key: type, nameAlg, objectAttributes, authPolicy, symmetric (algorithm, bits,
/// mode), scheme, key bits, exponent, modulus. Source: Part 2 §12.2.4.
std::optional<StorageKey> read_storage_key(std::string_view tpm2b_public) {
    TpmReader outer(tpm2b_public);
    const std::string_view area = outer.sized();
    if (!outer.is_whole()) return std::nullopt;
    TpmReader in(area);
    in.refuse_unless(in.u16() == alg_rsa);
    in.refuse_unless(in.u16() == alg_sha256);
    in.u32();
    in.sized();
    in.refuse_unless(in.u16() == alg_aes);
    in.refuse_unless(in.u16() == wrapper_key_bits);
    in.refuse_unless(in.u16() == alg_cfb);
    in.refuse_unless(in.u16() == alg_null);
    const std::size_t key_bits = in.u16();
    const std::uint32_t exponent = in.u32();
    const std::string_view modulus = in.sized();
    in.refuse_unless(key_bits == 2048 || key_bits == 3072 || key_bits == 4096);
    in.refuse_unless(modulus.size() * 8 == key_bits);
    if (!in.is_whole()) return std::nullopt;
    StorageKey read{.name = big_endian16(alg_sha256) + hash_of({area}),
                    .key = rsa_key(modulus, exponent == 0 ? default_exponent : exponent)};
    ERR_clear_error();
    if (read.key == nullptr) return std::nullopt;
    return read;
}

std::string random_bytes(std::size_t count, Random& random) {
    std::string bytes(count, '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    return bytes;
}

/// A key out of a seed. Source: Part 1 §11.4.10.2, KDFa by SHA-256; one block is enough.
std::string kdf_a(std::string_view seed, std::string_view label, std::string_view context, unsigned bits) {
    std::string text = big_endian32(1);
    text.append(label).append(1, '\0').append(context).append(big_endian32(bits));
    return hmac_sha256(seed, text).substr(0, bits / 8);
}

/// AES-CFB with an initialization vector of zeros: each key is used once.
std::optional<std::string> encrypt(std::string_view key, std::string_view plain) {
    const CipherContext context(EVP_CIPHER_CTX_new());
    const std::array<unsigned char, 16> zeros{};
    std::string out(plain.size(), '\0');
    int size = 0;
    if (context == nullptr ||
        EVP_EncryptInit_ex(context.get(), EVP_aes_128_cfb128(), nullptr, data_of(key), zeros.data()) != 1 ||
        EVP_EncryptUpdate(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, data_of(plain),
                          static_cast<int>(plain.size())) != 1 ||
        static_cast<std::size_t>(size) != plain.size())
        return std::nullopt;
    return out;
}

/// RSA-OAEP, whose label ends in a NUL. Source: Part 1 §B.4.
std::optional<std::string> encrypt_seed(const Key& key, std::string_view label, std::string_view seed) {
    const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
    std::string name = std::string(label) + '\0';
    auto* const owned = static_cast<unsigned char*>(OPENSSL_memdup(name.data(), name.size()));
    if (context == nullptr || owned == nullptr || EVP_PKEY_encrypt_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), owned, static_cast<int>(name.size())) != 1) {
        OPENSSL_free(owned);
        return std::nullopt;
    }
    std::size_t size = 0;
    if (EVP_PKEY_encrypt(context.get(), nullptr, &size, data_of(seed), seed.size()) != 1) return std::nullopt;
    std::string out(size, '\0');
    if (EVP_PKEY_encrypt(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, data_of(seed),
                         seed.size()) != 1)
        return std::nullopt;
    out.resize(size);
    return out;
}

/// What only the holder of `holder` can open, and only for the object `name`: a size with the integrity and
/// the encrypted bytes, and behind it the encrypted seed of both keys. Source: Part 1 §24.4 and §23.3.2.4.
std::optional<std::string> protect(const Key& holder, std::string_view label, std::string_view name,
                                   std::string_view plain, Random& random) {
    const std::string seed = random_bytes(seed_bytes, random);
    const auto inner = encrypt(kdf_a(seed, "STORAGE", name, wrapper_key_bits), plain);
    const auto secret = encrypt_seed(holder, label, seed);
    if (!inner || !secret) return std::nullopt;
    const std::string integrity_key = kdf_a(seed, "INTEGRITY", {}, integrity_key_bits);
    const std::string integrity = hmac_sha256(integrity_key, *inner + std::string(name));
    return sized(sized(integrity) + *inner) + sized(*secret);
}

/// TPMT_PUBLIC of the HMAC key. Source: Part 2 §12.2.4, TPMS_KEYEDHASH_PARMS.
std::string public_area(std::string_view unique) {
    return big_endian16(alg_keyedhash) + big_endian16(alg_sha256) + big_endian32(user_with_auth | sign) +
           sized({}) + big_endian16(alg_hmac) + big_endian16(alg_sha256) + sized(unique);
}

std::optional<std::string> seal(const StorageKey& holder, const StorageKey& parent, std::string_view key,
                                Random& random) {
    const std::string wrapper_key = random_bytes(wrapper_key_bytes, random);
    const auto credential = protect(holder.key, "IDENTITY", parent.name, sized(wrapper_key), random);
    // The object: its sensitive area (type, no authorization, an obfuscation value, the key), its public one.
    const std::string obfuscation = random_bytes(seed_bytes, random);
    const std::string area = public_area(hash_of({obfuscation, key}));
    const std::string name = big_endian16(alg_sha256) + hash_of({area});
    const std::string sensitive =
        sized(big_endian16(alg_keyedhash) + sized({}) + sized(obfuscation) + sized(key));
    const auto wrapped = encrypt(wrapper_key, sized(hash_of({sensitive, name})) + sensitive);
    if (!credential || !wrapped) return std::nullopt;
    const auto duplicate = protect(parent.key, "DUPLICATE", name, *wrapped, random);
    if (!duplicate) return std::nullopt;
    return *credential + *duplicate + sized(area) + sized({});
}

}  // namespace

Result<std::string> seal_for_tpm(std::string_view endorsement_key, std::string_view storage_root_key,
                                 std::string_view key, Random& random) {
    const auto holder = read_storage_key(endorsement_key);
    const auto parent = read_storage_key(storage_root_key);
    if (!holder || !parent || key.empty() || key.size() > TpmLimits::key_bytes_max) {
        return fail(Errc::argument_invalid,
                    "A key of a TPM must be a TPM2B_PUBLIC of RSA with SHA-256 and AES-128-CFB.");
    }
    auto sealed = seal(*holder, *parent, key, random);
    ERR_clear_error();
    if (!sealed) return fail(Errc::argument_invalid, "A key of a TPM cannot be used to encrypt.");
    return *std::move(sealed);
}

Result<> check_tpm_key(std::string_view base64) {
    const auto bytes =
        base64.size() <= 2 * TpmLimits::public_bytes_max ? base64_decode(base64) : std::nullopt;
    if (bytes && bytes->size() <= TpmLimits::public_bytes_max && read_storage_key(*bytes)) return {};
    return fail(Errc::argument_invalid,
                "A key of a TPM must be a TPM2B_PUBLIC of RSA with SHA-256 and AES-128-CFB, in base64.");
}

}  // namespace carillon
