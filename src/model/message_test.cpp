#include "model/message.hpp"

#include "model/message_parts.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cstddef>
#include <string>

namespace carillon {
namespace {

Message full_message() {
    Message message;
    message.device_id = "thermostat-1";
    message.module_id = "filter";
    message.generation_id = "639000000000000000";
    message.auth_method = R"({"scope":"device"})";
    message.enqueued.ticks = 639'000'000'123'456'789;
    message.system = {{"message-id", "m-1"}, {"content-type", ""}};
    message.properties = {{"level", "high"}, {"empty", ""}, {"null", std::nullopt}};
    message.body = std::string("a\0b", 3);
    return message;
}

TEST(StoredMessage, PartsSayWhatTheMessageSays) {
    const Message sent = full_message();
    const std::string stored = encode_message(sent);
    const auto whole = decode_message(as_bytes(stored));
    const auto parts = read_message_parts(as_bytes(stored));
    ASSERT_TRUE(whole && parts);
    for (const std::string* text :
         {&whole->device_id, &whole->module_id, &whole->generation_id, &whole->auth_method, &whole->body})
        EXPECT_FALSE(text->empty());
    EXPECT_EQ(parts->device_id, sent.device_id);
    EXPECT_EQ(parts->module_id, sent.module_id);
    EXPECT_EQ(parts->generation_id, sent.generation_id);
    EXPECT_EQ(parts->auth_method, sent.auth_method);
    EXPECT_EQ(parts->enqueued.ticks, sent.enqueued.ticks);
    EXPECT_EQ(parts->body, sent.body);
    EXPECT_TRUE(
        std::equal(parts->system.begin(), parts->system.end(), sent.system.begin(), sent.system.end(),
                   [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; }));
    EXPECT_TRUE(std::equal(parts->properties.begin(), parts->properties.end(), sent.properties.begin(),
                           sent.properties.end(), [](const auto& a, const auto& b) {
                               return a.first == b.first && a.second.has_value() == b.second.has_value() &&
                                      a.second.value_or("") == b.second.value_or("");
                           }));
    EXPECT_EQ(whole->system, sent.system);
    EXPECT_EQ(whole->properties, sent.properties);
}

TEST(StoredMessage, WhatIsCutOffOrLongerIsRefusedByBothReaders) {
    const std::string stored = encode_message(full_message());
    for (std::size_t size = 0; size < stored.size(); ++size) {
        const Bytes cut = as_bytes(stored).first(size);
        EXPECT_FALSE(decode_message(cut)) << size;
        EXPECT_FALSE(read_message_parts(cut)) << size;
    }
    const std::string longer = stored + "x";
    EXPECT_FALSE(decode_message(as_bytes(longer)));
    EXPECT_FALSE(read_message_parts(as_bytes(longer)));
}

}  // namespace
}  // namespace carillon
