#include "server/process/huge_pages.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>

namespace carillon {
namespace {

bool are_forbidden() { return ::prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1; }

void forbid(bool forbidden) { ASSERT_EQ(::prctl(PR_SET_THP_DISABLE, forbidden ? 1 : 0, 0, 0, 0), 0); }

class HugePagesTest : public ::testing::Test {
  protected:
    void SetUp() override { forbid(false); }
    void TearDown() override { forbid(false); }
};

TEST_F(HugePagesTest, AreForASizeThatIsWorthThem) {
    HugePages pages;
    EXPECT_FALSE(are_forbidden());
    pages.look(HugePages::worth_bytes / 2 - 1);
    EXPECT_TRUE(are_forbidden());
    pages.look(HugePages::worth_bytes - 1);
    EXPECT_TRUE(are_forbidden());
    pages.look(HugePages::worth_bytes);
    EXPECT_FALSE(are_forbidden());
    pages.look(HugePages::worth_bytes / 2);
    EXPECT_FALSE(are_forbidden());
}

TEST_F(HugePagesTest, StayForbiddenIfTheirParentForbadeThem) {
    forbid(true);
    HugePages pages;
    pages.look(HugePages::worth_bytes);
    EXPECT_TRUE(are_forbidden());
}

}  // namespace
}  // namespace carillon
