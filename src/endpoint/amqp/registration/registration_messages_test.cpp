#include "endpoint/amqp/registration/registration_messages.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

#include <gtest/gtest.h>

namespace carillon::amqp {
namespace {

TEST(RegistrationAddress, HasThreeSpellings) {
    for (const char* text :
         {"0ne00/registrations/Dev-1", "/0ne00/registrations/Dev-1",
          "amqps://hub.example.net/0ne00/registrations/Dev-1", "0ne00/Registrations/Dev%2D1"}) {
        const auto address = parse_registration_address(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->scope, "0ne00");
        EXPECT_EQ(address->id, "Dev-1");
    }
    for (const char* text : {"", "/", "0ne00/registrations", "0ne00/registrations/", "/registrations/x",
                             "a/b/c", "0ne00/registrations/x/y", "amqps://0ne00/registrations/x",
                             "0ne00/registrations/%", "devices/d/messages/events"}) {
        EXPECT_FALSE(parse_registration_address(text)) << text;
    }
}

TEST(TpmInit, NamesScopeIdAndKey) {
    const std::string_view key("\x01\0\x02", 3);
    const std::string whole = std::string(
                                  "\0"
                                  "0ne00\0dev-1\0",
                                  13) +
                              std::string(key);
    const auto init = parse_tpm_init(as_bytes(whole));
    ASSERT_TRUE(init);
    EXPECT_EQ(init->address.scope, "0ne00");
    EXPECT_EQ(init->address.id, "dev-1");
    EXPECT_EQ(init->endorsement_key, key) << "which may hold NULs";
    for (std::size_t size = 0; size <= 13; ++size) {
        EXPECT_FALSE(parse_tpm_init(as_bytes(std::string_view(whole).substr(0, size)))) << size;
    }
    EXPECT_FALSE(parse_tpm_init(as_bytes(std::string_view(whole).substr(1)))) << "without the first NUL";
    EXPECT_FALSE(parse_tpm_init(as_bytes(std::string_view("\0\0dev-1\0k", 9)))) << "no scope";
    EXPECT_FALSE(
        parse_tpm_init(as_bytes(std::string_view("\0"
                                                 "0ne00\0\0k",
                                                 9))))
        << "no id";
}

std::string message_of(std::string_view type, std::string_view operation_id, bool is_correlated) {
    std::string out;
    if (is_correlated) {
        std::string id;
        append_string(id, "c1");
        Properties properties;
        properties.correlation_id = encoded_value(as_bytes(id));
        append_properties(out, properties);
    }
    {
        MapWriter map(out, descriptor::application_properties);
        append_string(map.string_key("iotdps-operation-type"), type);
        if (!operation_id.empty()) append_string(map.string_key("iotdps-operation-id"), operation_id);
    }
    append_data(out, as_bytes(std::string_view("{}")));
    return out;
}

Result<RegistrationOperation> parse(const std::string& message) {
    const auto view = decode_message(as_bytes(message));
    if (!view) return fail(view.error());
    return parse_registration_operation(*view);
}

TEST(RegistrationOperation, RegistersOrAsks) {
    const auto begun = parse(message_of("iotdps-register", "", true));
    ASSERT_TRUE(begun);
    EXPECT_EQ(begun->body, "{}");
    EXPECT_EQ(begun->operation_id, "");
    EXPECT_EQ(encoded_value(as_bytes(begun->correlation)).as_text(), "c1");
    const auto asked = parse(message_of("iotdps-get-operationstatus", "5.x", false));
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->operation_id, "5.x");
    EXPECT_EQ(asked->correlation, "") << "azure-iot-sdk-c and -java send none";
}

TEST(RegistrationOperation, RefusesOtherAddresses) {
    EXPECT_EQ(parse(message_of("iotdps-get-operationstatus", "", false)).error().code,
              Errc::argument_invalid);
    EXPECT_EQ(parse(message_of("iotdps-forget", "5.x", false)).error().code, Errc::argument_invalid);
    std::string bare;
    append_data(bare, as_bytes(std::string_view("{}")));
    EXPECT_EQ(parse(bare).error().code, Errc::argument_invalid);
}

TEST(RegistrationAnswer, TellsHowLongToWaitInBothSpellings) {
    std::string correlation;
    append_string(correlation, "c1");
    std::string out;
    append_registration_answer(out, correlation, 2, R"({"status":"assigning"})");
    const auto view = decode_message(as_bytes(out));
    ASSERT_TRUE(view);
    EXPECT_EQ(view->properties.correlation_id.as_text(), "c1");
    EXPECT_EQ(view->body_kind, BodyKind::data);
    EXPECT_EQ(view->content(), R"({"status":"assigning"})");
    for (const char* key : {"retry-after", "Retry-After"}) {
        const Value seconds = find_in_map(view->application_properties, key);
        EXPECT_EQ(seconds.type, Type::int_number);
        EXPECT_EQ(seconds.as_i64(), 2);
    }
    std::string last;
    append_registration_answer(last, {}, 0, "{}");
    EXPECT_TRUE(decode_message(as_bytes(last))->application_properties.is_null());
}

}  // namespace
}  // namespace carillon::amqp
