#include "model/cloud_message.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr WallTime noon = WallTime::from_unix_s(1'790'000'000);

CloudMessage full_cloud_message() {
    CloudMessage message;
    message.enqueued = noon;
    message.expires = noon.plus_s(60);
    message.expiry = noon.plus_s(60);
    message.ack = Ack::full;
    message.system = {{"message-id", "m1"}, {"to", "/devices/d/messages/devicebound"}};
    message.properties = {{"a", "1"}, {"empty", ""}, {"null", std::nullopt}};
    message.body = std::string("\0\xFFx", 3);
    return message;
}

TEST(CloudMessage, IsReadBackAsItWasStored) {
    const CloudMessage message = full_cloud_message();
    const auto read = decode_cloud_message(as_bytes(encode_cloud_message(message)));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->enqueued, message.enqueued);
    EXPECT_EQ(read->expires, message.expires);
    EXPECT_EQ(read->expiry, message.expiry);
    EXPECT_EQ(read->ack, message.ack);
    EXPECT_EQ(read->system, message.system);
    EXPECT_EQ(read->properties, message.properties);
    EXPECT_EQ(read->body, message.body);
    CloudMessage plain;
    const auto read_plain = decode_cloud_message(as_bytes(encode_cloud_message(plain)));
    ASSERT_TRUE(read_plain);
    EXPECT_FALSE(read_plain->expiry || read_plain->ack);
}

TEST(CloudMessage, CutAtAnyByteDoesNotDecode) {
    const std::string message = encode_cloud_message(full_cloud_message());
    QueuedMessage row;
    row.message_id = "m1";
    FeedbackRecord record;
    record.device_id = "d";
    const std::string queued = encode_queued_message(row);
    const std::string feedback = encode_feedback_record(record);
    for (std::size_t size = 0; size < message.size(); ++size) {
        EXPECT_FALSE(decode_cloud_message(as_bytes(message.substr(0, size)))) << size;
    }
    for (std::size_t size = 0; size < queued.size(); ++size) {
        EXPECT_FALSE(decode_queued_message(as_bytes(queued.substr(0, size)))) << size;
    }
    for (std::size_t size = 0; size < feedback.size(); ++size) {
        EXPECT_FALSE(decode_feedback_record(as_bytes(feedback.substr(0, size)))) << size;
    }
}

TEST(CloudMessage, MayHave64KbWithItsProperties) {
    CloudMessage message;
    message.system = {{"to", "x"}};
    message.properties = {{"name", "value"}};
    message.body.assign(CloudMessageLimits::bytes_max - 12, 'x');
    EXPECT_TRUE(check_cloud_message(message, noon));
    message.body += 'x';
    EXPECT_EQ(check_cloud_message(message, noon).error().code, Errc::message_too_large);
}

TEST(CloudMessage, HasPropertiesThatFitATopic) {
    CloudMessage message;
    message.properties = {{"name", std::string(21'331, '/')}};  // %2F
    EXPECT_TRUE(check_cloud_message(message, noon));
    *message.properties[0].second += '/';
    EXPECT_EQ(check_cloud_message(message, noon).error().code, Errc::message_too_large);
}

TEST(CloudMessage, MayBeCalledBy128Characters) {
    for (const std::string name : {"message-id", "correlation-id"}) {
        CloudMessage message;
        message.system = {{name, std::string(128, 'm')}};
        EXPECT_TRUE(check_cloud_message(message, noon));
        message.system[0].second += 'm';
        EXPECT_EQ(check_cloud_message(message, noon).error().code, Errc::argument_invalid);
    }
}

TEST(CloudMessage, ExpiresWithinTwoDaysAndNotInThePast) {
    CloudMessage message;
    const auto check = [&message](std::int64_t in_s) {
        message.expiry = noon.plus_s(in_s);
        const auto checked = check_cloud_message(message, noon);
        return checked ? Errc{} : checked.error().code;
    };
    EXPECT_EQ(check(1), Errc{});
    EXPECT_EQ(check(2 * 24 * 3600), Errc{});
    EXPECT_EQ(check(0), Errc::invalid_message_expiry_time);
    EXPECT_EQ(check(2 * 24 * 3600 + 1), Errc::invalid_message_expiry_time);
}

TEST(Ack, IsReadInAnyCaseAndAsksForItsOutcomes) {
    EXPECT_EQ(parse_ack("Full"), Ack::full);
    EXPECT_EQ(parse_ack("none"), Ack::none);
    EXPECT_EQ(parse_ack("both"), std::nullopt);
    EXPECT_EQ(parse_ack(""), std::nullopt);
    EXPECT_TRUE(is_asked_for(Ack::positive, MessageOutcome::success));
    EXPECT_FALSE(is_asked_for(Ack::positive, MessageOutcome::expired));
    EXPECT_FALSE(is_asked_for(Ack::negative, MessageOutcome::success));
    EXPECT_TRUE(is_asked_for(Ack::negative, MessageOutcome::purged));
    EXPECT_TRUE(is_asked_for(Ack::full, MessageOutcome::success));
    EXPECT_TRUE(is_asked_for(Ack::full, MessageOutcome::rejected));
    EXPECT_FALSE(is_asked_for(Ack::none, MessageOutcome::success));
}

TEST(LockToken, IsAGuidInTheByteOrderOfDotNet) {
    const LockToken token{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    EXPECT_EQ(lock_token_text(token), "03020100-0504-0706-0809-0a0b0c0d0e0f");
    EXPECT_EQ(parse_lock_token("03020100-0504-0706-0809-0A0B0c0d0e0f"), token);
    for (const char* text :
         {"", "03020100-0504-0706-0809-0a0b0c0d0e0", "03020100-0504-0706-0809-0a0b0c0d0e0fg",
          "03020100-0504-0706-0809-0a0b0c0d0e0g", "03020100x0504-0706-0809-0a0b0c0d0e0f"}) {
        EXPECT_EQ(parse_lock_token(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace carillon
