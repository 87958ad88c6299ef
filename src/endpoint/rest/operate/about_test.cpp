#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using namespace testing;

class About : public RestTest {};

TEST_F(About, TellsVersionAndThatRolloutsAreRead) {
    const Answer answer = call("GET", "/carillon/about");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"version":")" CARILLON_VERSION R"(","rollout":1})");
}

TEST_F(About, NeedsAToken) {
    EXPECT_EQ(call("GET", "/carillon/about", "", "Authorization: none\r\n").status, 401);
}

}  // namespace
}  // namespace carillon::rest
