#include "base/callback_scope.hpp"

#include "base/unique_function.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <optional>

namespace carillon {
namespace {

TEST(CallbackScope, PassesArgumentsOnWhileItLasts) {
    CallbackScope scope;
    int sum = 0;
    UniqueFunction<void(int, int)> add = scope.bind([&sum](int a, int b) { sum = a + b; });
    add(3, 4);
    EXPECT_EQ(sum, 7);
}

TEST(CallbackScope, CallsNothingOfAnObjectThatIsGone) {
    std::optional<CallbackScope> scope(std::in_place);
    int calls = 0;
    auto count = scope->bind([&calls] { ++calls; });
    count();
    scope.reset();
    count();
    EXPECT_EQ(calls, 1);
}

TEST(CallbackScope, MayBeEndedEarly) {
    CallbackScope scope;
    int calls = 0;
    auto count = scope.bind([&calls] { ++calls; });
    scope.end();
    count();
    EXPECT_EQ(calls, 0);
}

/// As when a callback destroys the object that it belongs to.
TEST(CallbackScope, AnOwnerMayEndWithinItsCallback) {
    auto scope = std::make_unique<CallbackScope>();
    int calls = 0;
    auto end = scope->bind([&scope, &calls] {
        scope.reset();
        ++calls;
    });
    end();
    end();
    EXPECT_EQ(calls, 1);
}

TEST(CallbackScope, TakesCallsThatOnlyMove) {
    CallbackScope scope;
    int seen = 0;
    UniqueFunction<void()> call = scope.bind([&seen, held = std::make_unique<int>(5)] { seen = *held; });
    call();
    EXPECT_EQ(seen, 5);
}

}  // namespace
}  // namespace carillon
