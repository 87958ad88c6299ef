// Cloud-to-device messages and feedback for back ends, and what devices do over HTTPS.

#include "core/messages/messages.hpp"
#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using testing::Answer;
using testing::member;
using testing::RestTest;
using namespace std::chrono_literals;

class MessagesTest : public RestTest {
protected:
    MessagesTest() { create("d"); }

    std::string own_token(std::string_view device = "d") {
        const Identity identity = hub_.find(device)->committed->identity.unpack();
        return "Authorization: " +
               sas::make_token("hub.example.net/devices/" + std::string(device), identity.auth.primary_key,
                               clock_.wall_now().plus_s(3600)) +
               "\r\n";
    }
    Answer send(std::string_view body, std::string_view fields = {}) {
        return call("POST", at("/devices/d/messages/deviceBound"), body, fields);
    }
    Answer receive(std::string_view parameters = "") {
        return call("GET", at("/devices/d/messages/deviceBound" + std::string(parameters)), {}, own_token());
    }
    static std::string lock_of(const Answer& answer) {
        const std::string tag = answer.header("etag");
        return tag.size() > 2 ? tag.substr(1, tag.size() - 2) : tag;
    }
    Answer settle(std::string_view lock, std::string_view rest = "") {
        return call("DELETE", at("/devices/d/messages/deviceBound/" + std::string(lock) + std::string(rest)),
                    {}, own_token());
    }
    std::string count() { return member(call("GET", at("/devices/d")).body, "cloudToDeviceMessageCount"); }
    std::vector<Message> events() {
        std::vector<Message> out;
        auto visit = [&out](std::string_view, std::string_view value) {
            out.push_back(decode_message(as_bytes(value)).value());
            return true;
        };
        EXPECT_TRUE(store_.scan(Table::events, {}, {}, visit));
        return out;
    }
    Answer publish(std::string_view body, std::string_view fields = {}) {
        return call("POST", at("/devices/d/messages/events"), body, own_token() + std::string(fields));
    }
};

// --- back ends ---------------------------------------------------------------------------------------

TEST_F(MessagesTest, AreSentReceivedAndCompleted) {
    const Answer sent = send("open the door",
                             "iothub-messageid: m1\r\niothub-ack: Full\r\niothub-correlationid: c1\r\n"
                             "iothub-expiry: 2026-11-25T00:00:00Z\r\niothub-contenttype: text/plain\r\n"
                             "iothub-app-Room: 7\r\n");
    EXPECT_EQ(sent.status, 204);
    EXPECT_EQ(count(), "1");
    const Answer got = receive();
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "open the door");
    EXPECT_EQ(got.header("content-type"), "application/octet-stream");
    EXPECT_EQ(got.header("iothub-messageid"), "m1");
    EXPECT_EQ(got.header("iothub-correlationid"), "c1");
    EXPECT_EQ(got.header("iothub-ack"), "full");
    EXPECT_EQ(got.header("iothub-expiry"), "2026-11-25T00:00:00Z");
    EXPECT_EQ(got.header("iothub-contenttype"), "text/plain");
    EXPECT_EQ(got.header("iothub-to"), "/devices/d/messages/deviceBound");
    EXPECT_EQ(got.header("iothub-app-room"), "7");
    EXPECT_EQ(got.header("iothub-deliverycount"), "0");
    EXPECT_EQ(got.header("iothub-sequencenumber"), sent.header("iothub-sequencenumber"));
    EXPECT_EQ(got.header("iothub-enqueuedtime"), "2026-11-24T10:00:00Z");
    EXPECT_EQ(got.header("etag").front(), '"');
    EXPECT_EQ(receive().status, 204);
    EXPECT_EQ(settle(lock_of(got)).status, 204);
    EXPECT_EQ(count(), "0");
    const Answer again = settle(lock_of(got));
    EXPECT_EQ(again.status, 412);
    EXPECT_EQ(again.error(), "DeviceMessageLockLost");
}

TEST_F(MessagesTest, AreRejectedAndAbandoned) {
    send("x", "iothub-messageid: m1\r\niothub-ack: negative\r\n");
    const Answer first = receive();
    EXPECT_EQ(
        call("POST", at("/devices/d/messages/deviceBound/" + lock_of(first) + "/abandon"), "", own_token())
            .status,
        204);
    const Answer second = receive();
    EXPECT_EQ(second.body, "x");
    EXPECT_EQ(second.header("iothub-deliverycount"), "1");
    EXPECT_EQ(
        call("DELETE", at("/devices/d/messages/devicebound/" + lock_of(second)) + "&reject", "", own_token())
            .status,
        204);
    EXPECT_EQ(receive().status, 204);
    hub_.advance(15s);
    const Answer feedback = call("GET", at("/messages/serviceBound/feedback"));
    EXPECT_TRUE(feedback.contains(R"("statusCode":"Rejected")")) << feedback.body;
}

TEST_F(MessagesTest, AreRefusedWithTheirReason) {
    EXPECT_EQ(send(std::string(64 * 1024, 'x')).error(), "MessageTooLarge");
    EXPECT_EQ(send("x", "iothub-ack: maybe\r\n").error(), "ArgumentInvalid");
    EXPECT_EQ(send("x", "iothub-expiry: tomorrow\r\n").error(), "ArgumentInvalid");
    EXPECT_EQ(send("x", "iothub-expiry: 2020-01-01T00:00:00Z\r\n").error(), "InvalidMessageExpiryTime");
    EXPECT_EQ(send("x", "iothub-messageid: " + std::string(129, 'm') + "\r\n").error(), "ArgumentInvalid");
    EXPECT_EQ(call("POST", at("/devices/none/messages/deviceBound"), "x").error(), "DeviceNotFound");
    EXPECT_EQ(call("POST", at("/devices/d/modules/none/messages/deviceBound"), "x").error(),
              "ModuleNotFound");
    for (int i = 0; i < 50; ++i) ASSERT_EQ(send("x").status, 204);
    const Answer full = send("x");
    EXPECT_EQ(full.status, 403);
    EXPECT_EQ(full.error(), "DeviceMaximumQueueDepthExceeded");
    EXPECT_EQ(count(), "50");
}

TEST_F(MessagesTest, ArePurged) {
    for (int i = 0; i < 3; ++i) send("x");
    const Answer purged = call("DELETE", at("/devices/d/commands"));
    EXPECT_EQ(purged.status, 200);
    EXPECT_EQ(purged.body, R"({"totalMessagesPurged":3,"deviceId":"d","moduleId":null})");
    EXPECT_EQ(count(), "0");
    EXPECT_EQ(call("DELETE", at("/devices/none/commands")).error(), "DeviceNotFound");
}

TEST_F(MessagesTest, AreKeptForADeviceThatIsDisabled) {
    call("PUT", at("/devices/d"), R"({"status":"disabled"})",
         "If-Match: *\r\nAuthorization: " + token() + "\r\n");
    EXPECT_EQ(send("x").status, 204);
    const Answer refused = receive();
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.error(), "IotHubUnauthorized");
    call("PUT", at("/devices/d"), R"({"status":"enabled"})",
         "If-Match: *\r\nAuthorization: " + token() + "\r\n");
    EXPECT_EQ(receive().body, "x");
}

TEST_F(MessagesTest, GiveFeedbackThatIsReceivedAndSettled) {
    EXPECT_EQ(call("GET", at("/messages/servicebound/feedback")).status, 204);
    send("x", "iothub-messageid: m1\r\niothub-ack: positive\r\n");
    settle(lock_of(receive()));
    hub_.advance(15s);
    const Answer first = call("GET", at("/messages/serviceBound/feedback"));
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.header("content-type"), "application/vnd.microsoft.iothub.feedback.json");
    const std::string generation = member(call("GET", at("/devices/d")).body, "generationId");
    EXPECT_EQ(first.body,
              R"([{"originalMessageId":"m1","description":"Success","deviceGenerationId":)" + generation +
                  R"(,"deviceId":"d","enqueuedTimeUtc":"2026-11-24T10:00:00Z","statusCode":"Success"}])");
    EXPECT_EQ(call("GET", at("/messages/serviceBound/feedback")).status, 204);  // locked
    const std::string path = "/messages/serviceBound/feedback/";
    EXPECT_EQ(call("POST", at(path + lock_of(first) + "/abandon")).status, 204);
    const Answer second = call("GET", at("/messages/serviceBound/feedback"));
    EXPECT_EQ(second.body, first.body);
    EXPECT_EQ(call("DELETE", at(path + lock_of(first))).error(), "DeviceMessageLockLost");
    EXPECT_EQ(call("DELETE", at(path + lock_of(second))).status, 204);
    EXPECT_EQ(call("GET", at("/messages/serviceBound/feedback")).status, 204);
}

// --- devices -----------------------------------------------------------------------------------------

TEST_F(MessagesTest, OfADeviceAreKeptWithTheirProperties) {
    EXPECT_EQ(
        publish("21 degrees",
                "IoTHub-MessageId: m1\r\niothub-app-Level: high\r\niothub-contenttype: text/plain\r\n"
                "dt-subject: thermometer\r\niothub-operation: d2c\r\niothub-ack: full\r\nX-Other: 1\r\n")
            .status,
        204);
    ASSERT_EQ(events().size(), 1U);
    const Message event = events()[0];
    EXPECT_EQ(event.body, "21 degrees");
    EXPECT_EQ(event.device_id, "d");
    EXPECT_NE(event.auth_method.find(R"("scope":"device","type":"sas")"), std::string::npos);
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(event.system,
              (Pairs{{"message-id", "m1"}, {"content-type", "text/plain"}, {"dt-subject", "thermometer"}}));
    ASSERT_EQ(event.properties.size(), 1U);
    EXPECT_EQ(event.properties[0].first, "Level");
    EXPECT_TRUE(
        member(call("GET", at("/devices/d")).body, "lastActivityTime").starts_with("\"2026-11-24T10:00"));
}

TEST_F(MessagesTest, OfABatchAreKeptTogetherOrNotAtAll) {
    const std::string type = "Content-Type: application/vnd.microsoft.iothub.json\r\n";
    EXPECT_EQ(publish(R"([{"body":"b25l","properties":{"iothub-app-a":"1","iothub-messageid":"m"}},)"
                      R"({"body":"two","base64Encoded":false}])",
                      type)
                  .status,
              204);
    const auto kept = events();
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept[0].body + " " + kept[1].body, "one two");
    EXPECT_EQ(kept[0].system[0].second, "m");
    EXPECT_EQ(kept[0].properties[0].second, "1");
    for (const char* body :
         {R"([{"body":"b25l"},{"body":"!"}])", "[]", "{}", "", R"([{"body":1}])", R"([{"properties":{}}])",
          R"([{"body":"b25l","properties":{"iothub-app-a":1}}])", R"([{"body":"b25l","properties":[]}])",
          R"([{"body":"b25l","base64Encoded":"no"}])", "[1]", "[{]"}) {
        EXPECT_EQ(publish(body, type).status, 400) << body;
    }
    EXPECT_EQ(events().size(), 2U);
}

TEST_F(MessagesTest, OfABatchAreBounded) {
    const auto send_batch = [this](std::size_t messages, std::size_t properties) {
        std::string body = "[";
        for (std::size_t i = 0; i < messages; ++i) {
            body += i == 0 ? R"({"body":"","properties":{)" : R"(,{"body":"","properties":{)";
            for (std::size_t p = 0; p < properties; ++p) {
                if (p > 0) body += ',';
                body += "\"iothub-app-" + std::to_string(p) + "\":\"\"";
            }
            body += "}}";
        }
        return publish(body + "]", "Content-Type: application/vnd.microsoft.iothub.json\r\n").status;
    };
    EXPECT_EQ(send_batch(1000, 0), 204);
    EXPECT_EQ(send_batch(1001, 0), 400);
    EXPECT_EQ(send_batch(1, 100), 204);
    EXPECT_EQ(send_batch(1, 101), 400);
}

TEST_F(MessagesTest, OfADeviceMayHave256Kb) {
    EXPECT_EQ(publish(std::string(256 * 1024, 'x')).status, 204);
    EXPECT_EQ(publish(std::string(256 * 1024 + 1, 'x')).error(), "MessageTooLarge");
    EXPECT_EQ(publish(std::string(256 * 1024, 'x'), "iothub-app-a: 1\r\n").error(), "MessageTooLarge");
    EXPECT_EQ(publish(std::string(400 * 1024, 'x')).status, 413);
}

TEST_F(MessagesTest, AreForTheDeviceThatProvesItself) {
    create("e");
    const auto post = [this](std::string_view path, const std::string& fields) {
        return call("POST", at(path), "x", fields);
    };
    const std::string events_of_d = "/devices/d/messages/events";
    const auto policy = [this](std::string_view name) { return "Authorization: " + token(name) + "\r\n"; };
    EXPECT_EQ(post(events_of_d, own_token()).status, 204);
    EXPECT_EQ(post(events_of_d, policy("device")).status, 204);
    EXPECT_EQ(post(events_of_d, policy("iothubowner")).status, 204);
    for (const std::string& fields :
         {policy("service"), policy("registryReadWrite"), own_token("e"),
          std::string("Authorization: nonsense\r\n"), std::string("Authorization: \r\n")}) {
        const Answer answer = post(events_of_d, fields);
        EXPECT_EQ(answer.status, 401) << fields;
        EXPECT_EQ(answer.error(), "IotHubUnauthorizedAccess");
    }
    EXPECT_EQ(post("/devices/none/messages/events", own_token()).status, 401);
    EXPECT_EQ(post("/devices/none/messages/events", policy("device")).status, 401);
}

TEST_F(MessagesTest, OfAStrangerAreNotRead) {
    disconnect();
    connect();
    // The peer is judged by the header, before its body has come.
    std::string text = text_of("POST", at("/devices/d/messages/events"), std::string(200 * 1024, 'x'),
                               "Authorization: nonsense\r\n");
    wire_.receive(text.substr(0, 2000));
    hub_.settle();
    EXPECT_EQ(take().status, 401);
    EXPECT_TRUE(wire_.is_closed);
    EXPECT_FALSE(wire_.is_authenticated);
}

TEST_F(MessagesTest, MayComeInPiecesOnceTheDeviceIsKnown) {
    disconnect();
    connect();
    const std::string text =
        text_of("POST", at("/devices/d/messages/events"), std::string(100 * 1024, 'x'), own_token());
    for (std::size_t from = 0; from < text.size(); from += 10'000) {
        wire_.receive(text.substr(from, 10'000));
        if (from == 0) hub_.settle();
    }
    hub_.settle();
    EXPECT_EQ(take().status, 204);
    EXPECT_TRUE(wire_.is_authenticated);
    EXPECT_EQ(events().size(), 1U);
}

TEST_F(MessagesTest, OfAStrangerAreRefusedOnceAndNotCarriedOutBehindTheRefusal) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(call("POST", at("/devices/d/messages/events"), "", "Authorization: \r\n").status, 401);
        EXPECT_EQ(call("POST", at("/devices/a%20b/messages/events"), "", own_token()).status, 400);
    }
    EXPECT_TRUE(events().empty());
    EXPECT_EQ(wire_.sent, "");  // one answer each
}

TEST_F(MessagesTest, AreLockedForAsLongAsTheDeviceAsks) {
    send("x");
    EXPECT_EQ(receive("?iothub-messagelocktimeout=5").status, 200);
    hub_.advance(4s);
    EXPECT_EQ(receive().status, 204);
    hub_.advance(1s);
    EXPECT_EQ(receive().status, 200);
    for (const char* text : {"4", "301", "x", ""}) {
        EXPECT_EQ(receive("?iothub-messagelocktimeout=" + std::string(text)).status, 400) << text;
    }
}

TEST_F(MessagesTest, WithPropertiesThatAreNoFieldsAreDeliveredWithoutThose) {
    CloudMessage message;
    message.system = {{"message-id", "a\r\nSet-Cookie: x"}};
    message.properties = {{"a b", "1"}, {"line", "1\r\n2"}, {"good", "3"}};
    message.body = "x";
    ASSERT_TRUE(hub_.run(hub_->messages().send(IdentityKey::parse("d").value(), message)));
    const Answer got = receive();
    EXPECT_EQ(got.body, "x");
    EXPECT_FALSE(got.has("set-cookie"));
    EXPECT_FALSE(got.has("iothub-messageid"));
    EXPECT_FALSE(got.has("iothub-app-line"));
    EXPECT_EQ(got.header("iothub-app-good"), "3");
}

}  // namespace
}  // namespace carillon::rest
