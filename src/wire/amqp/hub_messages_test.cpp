#include "wire/amqp/hub_messages.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace carillon::amqp {
namespace {

using Fill = std::function<void(MapWriter&)>;

/// A message of one map section and a body.
std::string with_map(std::uint64_t section, const Fill& fill, std::string_view body = {}) {
    std::string message;
    {
        MapWriter map(message, section);
        fill(map);
    }
    append_data(message, as_bytes(body));
    return message;
}

std::string put_token_of(std::string_view operation, std::string_view type, std::string_view token) {
    std::string message;
    std::string id;
    append_ulong(id, 7);
    Properties properties;
    properties.message_id = encoded_value(as_bytes(id));
    append_properties(message, properties);
    {
        MapWriter map(message, descriptor::application_properties);
        append_string(map.string_key("operation"), operation);
        append_string(map.string_key("type"), type);
        append_string(map.string_key("name"), "hub/devices/d1");
    }
    append_value_section(message);
    append_string(message, token);
    return message;
}

TEST(PutToken, IsReadWithItsIdAsItCame) {
    const std::string bytes =
        put_token_of("put-token", "servicebus.windows.net:sastoken", "SharedAccessSignature sr=x");
    const auto view = decode_message(as_bytes(bytes));
    ASSERT_TRUE(view);
    const auto request = parse_put_token(*view);
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->is_sas);
    EXPECT_EQ(request->name, "hub/devices/d1");
    EXPECT_EQ(request->token, "SharedAccessSignature sr=x");

    std::string answer;
    append_cbs_response(answer, request->message_id, 200, "OK");
    const auto read = decode_message(as_bytes(answer));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->properties.correlation_id.type, Type::ulong);
    EXPECT_EQ(read->properties.correlation_id.as_u64(), 7U);
    const Value status = find_in_map(read->application_properties, "status-code");
    EXPECT_EQ(status.type, Type::int_number);
    EXPECT_EQ(status.as_i64(), 200);
    EXPECT_EQ(find_in_map(read->application_properties, "status-description").as_text(), "OK");
}

TEST(PutToken, IsNoSharedAccessSignatureIfItsTypeOrTextIsAnother) {
    const auto is_sas = [](std::string_view type, std::string_view token) {
        const std::string bytes = put_token_of("put-token", type, token);
        return parse_put_token(*decode_message(as_bytes(bytes)))->is_sas;
    };
    EXPECT_TRUE(is_sas("azure-devices.net:sastoken", "SharedAccessSignature sr=x"));
    EXPECT_FALSE(is_sas("servicebus.windows.net:sastoken", "Bearer x"));
    EXPECT_TRUE(is_sas("jwt", "SharedAccessSignature sr=x")) << "as azure-eventhub for Python says";
    EXPECT_FALSE(is_sas("jwt", "eyJ0"));
    EXPECT_FALSE(is_sas("amqp:saml", "SharedAccessSignature sr=x"));
}

TEST(PutToken, IsRefusedWithoutTokenOrWithAnotherOperation) {
    const auto is_read = [](const std::string& bytes) {
        return parse_put_token(*decode_message(as_bytes(bytes))).has_value();
    };
    EXPECT_FALSE(is_read(put_token_of("delete-token", "jwt", "x")));
    EXPECT_FALSE(is_read(put_token_of("put-token", "jwt", "")));
    EXPECT_FALSE(is_read(with_map(descriptor::application_properties, [](MapWriter& map) {
        append_string(map.string_key("operation"), "put-token");
    })));
}

TEST(TwinRequest, IsNamedByOperationAndResource) {
    const auto request = [](std::string_view operation, std::string_view resource, const Fill& more = {}) {
        const std::string bytes = with_map(
            descriptor::message_annotations,
            [&](MapWriter& map) {
                append_string(map.symbol_key("operation"), operation);
                if (!resource.empty()) append_string(map.symbol_key("resource"), resource);
                if (more) more(map);
            },
            "{}");
        return parse_twin_request(*decode_message(as_bytes(bytes)));
    };
    constexpr const char* desired = "/notifications/twin/properties/desired";
    EXPECT_EQ(request("GET", "")->operation, TwinOperation::get);
    EXPECT_EQ(request("PUT", desired)->operation, TwinOperation::subscribe_desired);
    EXPECT_EQ(request("DELETE", desired)->operation, TwinOperation::unsubscribe_desired);
    const auto patch = request("PATCH", "/properties/reported");
    ASSERT_TRUE(patch);
    EXPECT_EQ(patch->operation, TwinOperation::patch_reported);
    EXPECT_EQ(patch->body, "{}");
    EXPECT_FALSE(patch->has_version);
    const auto versioned = request("PATCH", "/properties/reported",
                                   [](MapWriter& map) { append_string(map.symbol_key("version"), "12"); });
    EXPECT_EQ(versioned->version, 12);
    const auto wrong = request("PATCH", "/properties/reported",
                               [](MapWriter& map) { append_string(map.symbol_key("version"), "x"); });
    EXPECT_TRUE(wrong->has_version);
    EXPECT_FALSE(wrong->version);
    for (const auto& [operation, resource] :
         {std::pair("GET", "/x"), std::pair("PATCH", ""), std::pair("PUT", "/properties/reported"),
          std::pair("POST", "")}) {
        EXPECT_FALSE(request(operation, resource)) << operation << resource;
    }
}

TEST(TwinResponse, HasTheRequestsIdAnIntStatusAndOneDataSection) {
    std::string id;
    append_string(id, "abc");
    std::string bytes;
    append_twin_response(bytes, encoded_value(as_bytes(id)), 204, 5, {});
    const auto view = decode_message(as_bytes(bytes));
    ASSERT_TRUE(view);
    EXPECT_EQ(view->properties.correlation_id.as_text(), "abc");
    EXPECT_EQ(find_in_map(view->message_annotations, "status").type, Type::int_number);
    EXPECT_EQ(find_in_map(view->message_annotations, "version").as_i64(), 5);
    EXPECT_EQ(view->body_kind, BodyKind::data);
}

TEST(DesiredNotification, HasItsResourceAndNoCorrelation) {
    std::string bytes;
    append_desired_notification(bytes, 3, R"({"a":1,"$version":3})");
    const auto view = decode_message(as_bytes(bytes));
    ASSERT_TRUE(view);
    EXPECT_TRUE(view->properties.correlation_id.is_null());
    EXPECT_EQ(find_in_map(view->message_annotations, "resource").as_text(), "/properties/desired");
    EXPECT_EQ(view->content(), R"({"a":1,"$version":3})");
}

/// What a device answers with `id`, in whatever form.
std::string answer_with(const std::string& id, const Fill& status) {
    std::string message;
    Properties properties;
    properties.correlation_id = encoded_value(as_bytes(id));
    append_properties(message, properties);
    {
        MapWriter map(message, descriptor::application_properties);
        status(map);
    }
    append_data(message, as_bytes(std::string_view("{}")));
    return message;
}

TEST(Method, IsAnsweredByItsUuidAsUuidOrAsText) {
    std::string request;
    append_method_request(request, 0x1234, "reboot", "null");
    const auto view = decode_message(as_bytes(request));
    ASSERT_TRUE(view);
    EXPECT_EQ(find_in_map(view->application_properties, "IoThub-methodname").as_text(), "reboot");
    EXPECT_EQ(view->content(), "null");
    const Value& id = view->properties.correlation_id;
    ASSERT_EQ(id.type, Type::uuid);

    const auto ok = [](MapWriter& map) { append_int(map.string_key("IoThub-status"), 200); };
    const std::string by_uuid = answer_with(std::string(as_text(id.encoded)), ok);
    const auto answered = parse_method_response(*decode_message(as_bytes(by_uuid)));
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->request_id, 0x1234);
    EXPECT_EQ(answered->status, 200);

    std::string text;
    append_string(text, "72656D68-6f64-4000-8000-000000001234");
    const std::string by_text =
        answer_with(text, [](MapWriter& map) { append_string(map.string_key("IoThub-status"), "201"); });
    const auto as_string = parse_method_response(*decode_message(as_bytes(by_text)));
    ASSERT_TRUE(as_string);
    EXPECT_EQ(as_string->request_id, 0x1234);
    EXPECT_EQ(as_string->status, 201);
}

TEST(Method, AnswerOfAnotherIdIsOfNoRequestAndWithoutStatusMalformed) {
    const auto ok = [](MapWriter& map) { append_int(map.string_key("IoThub-status"), 200); };
    for (const char* other :
         {"", "x", "72656d68-6f64-4000-8000-00000000123", "00000000-6f64-4000-8000-000000001234",
          "72656d68x6f64-4000-8000-000000001234"}) {
        std::string id;
        append_string(id, other);
        const std::string bytes = answer_with(id, ok);
        EXPECT_EQ(parse_method_response(*decode_message(as_bytes(bytes)))->request_id, 0) << other;
    }
    std::string id;
    append_string(id, "x");
    for (const Fill& bad :
         {Fill([](MapWriter&) {}),
          Fill([](MapWriter& map) { append_string(map.string_key("IoThub-status"), "x"); }),
          Fill([](MapWriter& map) { append_long(map.string_key("IoThub-status"), 1LL << 40); })}) {
        const std::string bytes = answer_with(id, bad);
        EXPECT_FALSE(parse_method_response(*decode_message(as_bytes(bytes))));
    }
}

}  // namespace
}  // namespace carillon::amqp
