#include "endpoint/amqp/mail_room.hpp"

#include <gtest/gtest.h>

namespace carillon::amqp {
namespace {

TEST(MailRoom, TakesNoMoreThanItsBoundWhateverItIsMadeOf) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1000}, std::size_t{100'000}}) {
        MailRoom room;
        std::size_t taken = 0;
        while (room.take(bytes)) taken += bytes + MailRoom::overhead_bytes;
        EXPECT_LE(taken, MailRoom::bytes_max);
        EXPECT_GT(taken + bytes + MailRoom::overhead_bytes, MailRoom::bytes_max);
        room.give_back(bytes);
        EXPECT_TRUE(room.take(bytes)) << "what has arrived makes room";
        EXPECT_FALSE(room.take(bytes));
    }
}

TEST(MailRoom, TakesNothingThatAloneIsTooLong) {
    MailRoom room;
    EXPECT_FALSE(room.take(MailRoom::bytes_max - MailRoom::overhead_bytes + 1));
    EXPECT_TRUE(room.take(MailRoom::bytes_max - MailRoom::overhead_bytes));
}

TEST(MailRoom, SaysWhenItIsHalfFull) {
    MailRoom room;
    EXPECT_TRUE(room.take(MailRoom::bytes_max / 2 - MailRoom::overhead_bytes));
    EXPECT_FALSE(room.is_half_full());
    EXPECT_TRUE(room.take(0));
    EXPECT_TRUE(room.is_half_full());
}

}  // namespace
}  // namespace carillon::amqp
