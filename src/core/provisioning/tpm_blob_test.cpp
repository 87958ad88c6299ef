#include "core/provisioning/tpm_blob.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

// That a TPM opens what is sealed is shown by tests/sdk/dps, where a device's side is written anew.

std::string bytes_of(std::initializer_list<int> numbers) {
    std::string out;
    for (const int number : numbers) out += static_cast<char>(number);
    return out;
}

/// A TPM2B_PUBLIC with a modulus of 2048 bits, which nobody has the private key of.
std::string storage_key(int name_algorithm = 0x0B, int key_bits_high = 0x08) {
    std::string modulus(256, '\x5A');
    modulus.front() = '\xC0';
    modulus.back() = '\x01';
    const std::string area = bytes_of({0,    1, 0,    name_algorithm, 0, 3, 0, 0xB2, 0, 0, 0, 6, 0, 128, 0,
                                       0x43, 0, 0x10, key_bits_high,  0, 0, 0, 0,    0, 1, 0}) +
                             modulus;
    return bytes_of({static_cast<int>(area.size() >> 8U), static_cast<int>(area.size() & 0xFFU)}) + area;
}

/// The parts of a blob: each a length and its bytes.
std::vector<std::string> parts_of(std::string_view blob) {
    std::vector<std::string> parts;
    while (blob.size() >= 2) {
        const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(blob[0]) << 8U |
                                                          static_cast<unsigned char>(blob[1]));
        if (blob.size() < size + 2) return {};
        parts.emplace_back(blob.substr(2, size));
        blob.remove_prefix(size + 2);
    }
    return parts;
}

TEST(TpmBlob, HasSixPartsAndTellsTheKeyNowhere) {
    SeededRandom random(1);
    const std::string key = "0123456789abcdef0123456789abcdef";
    const auto sealed = seal_for_tpm(storage_key(), storage_key(), key, random);
    ASSERT_TRUE(sealed) << sealed.error().detail;
    const auto parts = parts_of(*sealed);
    ASSERT_EQ(parts.size(), 6U);
    EXPECT_EQ(parts[1].size(), 256U) << "a secret of RSA-2048";
    EXPECT_EQ(parts[3].size(), 256U);
    EXPECT_EQ(parts[5], "");
    EXPECT_EQ(sealed->find(key), std::string::npos);
    const auto again = seal_for_tpm(storage_key(), storage_key(), key, random);
    EXPECT_NE(*again, *sealed) << "no two are the same";
}

TEST(TpmBlob, TakesKeysOfAllLengthsUpToTheLargest) {
    SeededRandom random(1);
    for (std::size_t size = 1; size <= TpmLimits::key_bytes_max; ++size)
        EXPECT_TRUE(seal_for_tpm(storage_key(), storage_key(), std::string(size, 'k'), random)) << size;
    EXPECT_FALSE(seal_for_tpm(storage_key(), storage_key(), "", random));
    EXPECT_FALSE(
        seal_for_tpm(storage_key(), storage_key(), std::string(TpmLimits::key_bytes_max + 1, 'k'), random));
}

TEST(TpmBlob, RefusesWhatIsNoStorageKeyAtEveryByte) {
    SeededRandom random(1);
    const std::string whole = storage_key();
    EXPECT_TRUE(check_tpm_key(base64_encode(whole)));
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        const std::string part = whole.substr(0, cut);
        EXPECT_FALSE(check_tpm_key(base64_encode(part))) << cut;
        EXPECT_EQ(seal_for_tpm(part, whole, "k", random).error().code, Errc::argument_invalid) << cut;
    }
    EXPECT_FALSE(check_tpm_key(base64_encode(whole + "x")));
    EXPECT_FALSE(check_tpm_key(base64_encode(storage_key(0x04)))) << "SHA-1";
    EXPECT_FALSE(check_tpm_key(base64_encode(storage_key(0x0B, 0x04)))) << "RSA-1024";
    EXPECT_FALSE(check_tpm_key("***"));
    EXPECT_FALSE(check_tpm_key(std::string(8 * TpmLimits::public_bytes_max, 'A')));
}

}  // namespace
}  // namespace carillon
