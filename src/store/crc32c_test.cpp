#include "store/crc32c.hpp"

#include <gtest/gtest.h>
#include <random>
#include <string>

namespace carillon {
namespace {

TEST(Crc32c, GivesTheValuesOfTheStandard) {  // RFC 3720 appendix B.4.
    EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8A9136AAU);
    EXPECT_EQ(crc32c(0, std::string(32, '\xFF')), 0x62A8AB43U);
    EXPECT_EQ(crc32c(0, "123456789"), 0xE3069283U);
    EXPECT_EQ(crc32c(0, ""), 0U);
}

TEST(Crc32c, IsTheSameInPiecesAndWithoutTheInstruction) {
    std::mt19937 random(5);
    for (std::size_t size = 0; size < 100; ++size) {
        std::string bytes(size, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        const std::uint32_t whole = crc32c(0, bytes);
        const std::size_t cut = size / 3;
        EXPECT_EQ(crc32c(crc32c(0, bytes.substr(0, cut)), bytes.substr(cut)), whole);
        EXPECT_EQ(crc32c_by_table(0, bytes), whole);
    }
}

}  // namespace
}  // namespace carillon
