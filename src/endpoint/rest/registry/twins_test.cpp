#include "core/shard/methods.hpp"
#include "endpoint/rest/harness.hpp"
#include "endpoint/rest/twins/twin_source.hpp"

namespace carillon::rest {
namespace {

using namespace testing;

class Twins : public RestTest {};

TEST_F(Twins, AreReadMergedAndReplaced) {
    create("d1");
    const Answer fresh = call("GET", at("/twins/d1"));
    EXPECT_EQ(fresh.status, 200);
    EXPECT_EQ(fresh.header("etag"), "\"AAAAAAAAAAE=\"");
    EXPECT_EQ(member(fresh.body, "version"), "2");
    const Answer patched =
        call("PATCH", at("/twins/d1"), R"({"tags":{"a":1},"properties":{"desired":{"x":1.0}}})");
    EXPECT_EQ(patched.status, 200);
    EXPECT_EQ(patched.header("etag"), "\"AAAAAAAAAAI=\"");
    EXPECT_EQ(member(patched.body, "tags"), R"({"a":1})");
    EXPECT_TRUE(patched.contains("\"x\":1.0"));
    EXPECT_EQ(call("GET", at("/twins/d1")).body, patched.body);
    const Answer replaced = call("PUT", at("/twins/d1"), R"({"properties":{"desired":{"y":2}}})");
    EXPECT_EQ(replaced.status, 200);
    EXPECT_FALSE(replaced.contains("\"tags\":{\"a\""));
    EXPECT_FALSE(replaced.contains("\"x\":1.0"));
}

/// Members of a letter each: their times make them megabytes of JSON.
std::string many_members(const std::string& name, int objects) {
    std::string json = "{\"properties\":{\"desired\":{\"" + name + "\":{";
    for (int outer = 0; outer < objects; ++outer) {
        json += (outer > 0 ? ",\"" : "\"") + std::to_string(outer) + "\":{";
        for (char c = 'A'; c <= 'Z'; ++c) json += (c > 'A' ? ",\"" : "\"") + std::string(1, c) + "\":\"\"";
        json += '}';
    }
    return json + "}}}}";
}

/// The body of an answer in chunks.
std::string joined_chunks(std::string_view text) {
    std::string body;
    while (!text.empty()) {
        const std::size_t end = text.find("\r\n");
        const std::size_t size = std::stoul(std::string(text.substr(0, end)), nullptr, 16);
        if (size == 0) break;
        body += text.substr(end + 2, size);
        text.remove_prefix(end + 2 + size + 2);
    }
    return body;
}

TEST_F(Twins, OfMegabytesAreWrittenAsTheyAreRead) {
    create("d1");
    for (const char* name : {"a", "b", "c"}) {
        EXPECT_EQ(call("PATCH", at("/twins/d1"), many_members(name, 350)).status, 200);
        wire_.sent.clear();
    }
    const auto* const record = hub_.find("d1");
    std::string expected;
    append_twin_json(expected, *record->committed, record->live(), Flavour::ga);
    ASSERT_GT(expected.size(), 2U * 1024 * 1024);
    // Each of them as a peer sees it that takes 64 KB at a time.
    const std::string query = R"({"query":"SELECT * FROM devices"})";
    const std::array requests{std::array<std::string, 3>{"GET", at("/twins/d1"), ""},
                              std::array<std::string, 3>{"PATCH", at("/twins/d1"), "{}"},
                              std::array<std::string, 3>{"POST", at("/devices/query"), query}};
    for (const auto& [method, path, sent] : requests) {
        wire_.is_slow = true;
        begin(method, path, sent);
        std::size_t held_max = 0;
        for (std::size_t before = 1; before != wire_.sent.size();) {
            before = wire_.sent.size();
            hub_.settle();
            held_max = std::max(held_max, wire_.held);
            wire_.is_congested = false;
            wire_.handler->drained();
            hub_.settle();
        }
        wire_.is_slow = false;
        EXPECT_LT(held_max, HttpLimits::gathered_bytes_max + 2 * TwinSource::piece_bytes) << method;
        const Answer answer = take();
        EXPECT_EQ(answer.status, 200) << method;
        EXPECT_EQ(answer.header("transfer-encoding"), "chunked") << method;
        const std::string body = joined_chunks(wire_.sent);
        wire_.sent.clear();
        const bool is_page = method == "POST";
        EXPECT_TRUE(body == (is_page ? '[' + expected + ']' : expected))
            << method << ": " << body.substr(0, 300);
        EXPECT_EQ(answer.header("x-ms-item-type"), is_page ? "Twin" : "");
        EXPECT_EQ(answer.has("etag"), !is_page);
    }
}

TEST_F(Twins, TakePostWithAnOverrideForPatch) {
    create("d1");
    EXPECT_EQ(
        call("POST", at("/twins/d1"), R"({"tags":{"a":1}})", "X-HTTP-Method-Override: PATCH\r\n").status,
        200);
    EXPECT_EQ(call("POST", at("/twins/d1"), R"({"tags":{"a":1}})").status, 405);
    EXPECT_EQ(
        call("POST", at("/twins/d1"), R"({"tags":{"a":1}})", "X-HTTP-Method-Override: DELETE\r\n").status,
        405);
    EXPECT_EQ(call("PUT", at("/twins/d1"), R"({})", "X-HTTP-Method-Override: PATCH\r\n").status, 200);
}

TEST_F(Twins, CompareBareEtagsOnlyForThePreview) {
    create("d1");
    EXPECT_EQ(call("PATCH", at("/twins/d1"), R"({"tags":{"a":1}})", "If-Match: \"AAAAAAAAAAE=\"\r\n").status,
              200);
    EXPECT_EQ(call("PATCH", at("/twins/d1"), R"({"tags":{"a":2}})", "If-Match: \"AAAAAAAAAAE=\"\r\n").error(),
              "PreconditionFailed");
    EXPECT_EQ(call("PATCH", at("/twins/d1"), R"({"tags":{"a":3}})", "If-Match: AAAAAAAAAAE=\r\n").status,
              200);
    EXPECT_EQ(
        call("PATCH", at("/twins/d1", preview), R"({"tags":{"a":4}})", "If-Match: AAAAAAAAAAE=\r\n").status,
        412);
    EXPECT_EQ(
        call("PATCH", at("/twins/d1", preview), R"({"tags":{"a":4}})", "If-Match: AAAAAAAAAAM=\r\n").status,
        200);
    EXPECT_EQ(call("PATCH", at("/twins/d1", preview), R"({"tags":{"a":4}})", "If-Match: *\r\n").status, 200);
}

TEST_F(Twins, OfUnknownDevicesAndModulesAreDevicesNotFound) {
    create("d1");
    for (const char* path : {"/twins/d2", "/twins/d2/modules/m", "/twins/d1/modules/m"}) {
        for (const char* method : {"GET", "PATCH", "PUT"}) {
            const Answer answer = call(method, at(path), "{}");
            EXPECT_EQ(answer.status, 404) << method << ' ' << path;
            EXPECT_EQ(answer.error(), "DeviceNotFound") << method << ' ' << path;
        }
    }
    EXPECT_TRUE(call("GET", at("/twins/d2")).contains("\"ErrorCode:DeviceNotFound;d2\""));
}

TEST_F(Twins, OfModulesAreTheirOwn) {
    create("d1");
    call("PUT", at("/devices/d1/modules/m"), "{}");
    EXPECT_EQ(call("PATCH", at("/twins/d1/modules/m"), R"({"tags":{"m":1}})").status, 200);
    EXPECT_EQ(member(call("GET", at("/twins/d1/modules/m")).body, "tags"), R"({"m":1})");
    EXPECT_EQ(member(call("GET", at("/twins/d1/modules/m")).body, "moduleId"), "\"m\"");
    EXPECT_FALSE(call("GET", at("/twins/d1")).contains("\"m\":1"));
}

TEST_F(Twins, RefuseBodiesThatDoNotFit) {
    create("d1");
    for (const char* body : {"", "{", "[]", "null", "3", "{\"tags\":{}} x"}) {
        EXPECT_EQ(call("PATCH", at("/twins/d1"), body).error(), "IotHubFormatError") << body;
    }
    EXPECT_EQ(call("PATCH", at("/twins/d1"), R"({"tags":{"a.b":1}})").error(), "ArgumentInvalid");
    EXPECT_EQ(call("PATCH", at("/twins/d1"), R"({"tags":{"a":[null]}})").error(), "ArgumentInvalid");
    EXPECT_EQ(call("PATCH", at("/twins/d1"), R"({"deviceId":"d2","tags":{"a":1}})").error(),
              "ArgumentInvalid");
    EXPECT_EQ(call("PATCH", at("/twins/d1"), "{\"tags\":{\"a\":\"" + std::string(4097, 'x') + "\"}}").error(),
              "ArgumentInvalid");
    EXPECT_EQ(member(call("GET", at("/twins/d1")).body, "version"), "2");
}

class DirectMethods : public RestTest {
protected:
    DirectMethods() {
        create("d1");
        record_ = hub_.find("d1");
    }
    void attach() { owner().attach(*record_, link_); }
    Shard& owner() { return hub_->shards().owner(record_->key.device); }
    void answer_with(int status, std::string payload) {
        link_.on_method = [this, status, payload](const carillon::testing::FakeLink::Call& call) {
            owner().methods().answered(*record_, call.id, status, payload);
        };
    }
    Answer invoke(std::string_view body, std::string_view version = ga) {
        return call("POST", at("/twins/d1/methods", version), body);
    }

    Record* record_ = nullptr;
    carillon::testing::FakeLink link_;
};

TEST_F(DirectMethods, CarryStatusAndPayloadBothWays) {
    attach();
    answer_with(418, R"({"tea":true})");
    const Answer answer =
        invoke(R"({"methodName":"brew","payload":{"cups":2},"responseTimeoutInSeconds":10})");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"status":418,"payload":{"tea":true}})");
    ASSERT_EQ(link_.methods.size(), 1U);
    EXPECT_EQ(link_.methods[0].name, "brew");
    EXPECT_EQ(link_.methods[0].payload, R"({"cups":2})");
    answer_with(200, "");
    EXPECT_EQ(invoke(R"({"methodName":"brew"})").body, R"({"status":200,"payload":null})");
    EXPECT_EQ(link_.methods[1].payload, "null");
    owner().detach(*record_, link_);
}

TEST_F(DirectMethods, ToAnAbsentDeviceFailInTheNestedEnvelope) {
    const Answer offline = invoke(R"({"methodName":"x"})");
    EXPECT_EQ(offline.status, 404);
    EXPECT_EQ(offline.error(), "DeviceNotOnline");
    EXPECT_TRUE(offline.contains(R"(\"errorCode\":404103)"));
    EXPECT_TRUE(offline.contains(R"(\"timeout\":\"00:00:00\")"));
    const Answer unknown = call("POST", at("/twins/nobody/methods"), R"({"methodName":"x"})");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_TRUE(unknown.contains("\"ErrorCode:DeviceNotFound;nobody\""));
    EXPECT_EQ(call("POST", at("/twins/d1/modules/m/methods"), R"({"methodName":"x"})").error(),
              "ModuleNotFound");
    EXPECT_EQ(call("POST", at("/twins/d2/modules/m/methods"), R"({"methodName":"x"})").error(),
              "DeviceNotFound");
}

TEST_F(DirectMethods, WaitForTheAnswerAsLongAsTheySay) {
    attach();
    begin("POST", at("/twins/d1/methods"), R"({"methodName":"x","responseTimeoutInSeconds":300})");
    hub_.settle();
    EXPECT_EQ(take().status, 0);
    EXPECT_EQ(running_.load(), 1U);
    hub_.advance(std::chrono::seconds(299));
    timers_.run_due(clock_.now());
    EXPECT_EQ(take().status, 0);
    hub_.advance(std::chrono::seconds(2));
    const Answer late = take();
    EXPECT_EQ(late.status, 504);
    EXPECT_EQ(late.error(), "GatewayTimeout");
    EXPECT_TRUE(late.contains(R"(\"errorCode\":504101)"));
    EXPECT_EQ(running_.load(), 0U);
    owner().detach(*record_, link_);
}

TEST_F(DirectMethods, WaitForTheDeviceAsLongAsTheySay) {
    begin("POST", at("/twins/d1/methods"), R"({"methodName":"x","connectTimeoutInSeconds":20})");
    hub_.settle();
    EXPECT_EQ(take().status, 0);
    hub_.advance(std::chrono::seconds(21));
    const Answer answer = take();
    EXPECT_EQ(answer.error(), "DeviceNotOnline");
    EXPECT_TRUE(answer.contains(R"(\"timeout\":\"00:00:20\")")) << answer.body;
}

TEST_F(DirectMethods, FailWhenTheConnectionBreaks) {
    attach();
    begin("POST", at("/twins/d1/methods"), R"({"methodName":"x"})");
    hub_.settle();
    owner().detach(*record_, link_);
    hub_.settle();
    const Answer answer = take();
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.error(), "DeviceConnectionClosedRemotely");
}

TEST_F(DirectMethods, FailWhereTheAnswerIsNotJson) {
    attach();
    begin("POST", at("/twins/d1/methods"), R"({"methodName":"x"})");
    hub_.settle();
    owner().methods().answered(*record_, link_.methods.at(0).id, 200, "done");
    hub_.settle();
    const Answer answer = take();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.error(), "GenericBadGateway");
    EXPECT_TRUE(answer.contains("InvalidResponseWhileProxying")) << answer.body;
    owner().detach(*record_, link_);
}

TEST_F(DirectMethods, SurviveACallerThatLeaves) {
    attach();
    begin("POST", at("/twins/d1/methods"), R"({"methodName":"x"})");
    hub_.settle();
    disconnect();
    owner().methods().answered(*record_, link_.methods.at(0).id, 200, "1");
    hub_.settle();
    EXPECT_EQ(running_.load(), 0U);
    owner().detach(*record_, link_);
}

TEST_F(DirectMethods, RefuseArgumentsOutOfRange) {
    for (const char* body : {R"({})", R"({"methodName":""})", R"({"methodName":null})", R"({"methodName":5})",
                             R"({"methodName":"a/b"})", R"({"methodName":"x","responseTimeoutInSeconds":4})",
                             R"({"methodName":"x","responseTimeoutInSeconds":301})",
                             R"({"methodName":"x","responseTimeoutInSeconds":"soon"})",
                             R"({"methodName":"x","connectTimeoutInSeconds":-1})",
                             R"({"methodName":"x","connectTimeoutInSeconds":31})", R"([])"}) {
        const Answer answer = invoke(body);
        EXPECT_EQ(answer.error(), "ArgumentInvalid") << body;
        EXPECT_TRUE(answer.contains(R"({"Message":"{\"errorCode\":400004,)")) << answer.body;
    }
    EXPECT_TRUE(invoke("null").contains(R"(\"errorCode\":400005,)"));
    EXPECT_TRUE(invoke("{").contains(R"(\"errorCode\":400006,)"));
    // An unknown device has the shape by which Node clients tell it.
    EXPECT_TRUE(call("POST", at("/twins/none/methods"), R"({"methodName":"x"})")
                    .contains(R"({"Message":"ErrorCode:DeviceNotFound;none")"));
    EXPECT_EQ(invoke("{").error(), "IotHubFormatError");
    EXPECT_EQ(invoke(R"({"methodName":"x","timeoutInSeconds":3})", preview).error(), "DeviceNotOnline");
    EXPECT_EQ(invoke(R"({"methodName":"x","timeoutInSeconds":3601})", preview).error(), "ArgumentInvalid");
    EXPECT_EQ(invoke("{\"methodName\":\"x\",\"payload\":\"" + std::string(131072, 'x') + "\"}").error(),
              "ArgumentInvalid");
}

}  // namespace
}  // namespace carillon::rest
