#include "core/hub/login_brake.hpp"
#include "endpoint/rest/harness.hpp"
#include "wire/sas/connection_string.hpp"

namespace carillon::rest {
namespace {

using namespace testing;

constexpr const char* json_type = "Content-Type: application/json\r\n";

/// A browser: it keeps the cookie, and its page the token for writing requests.
class WebSignIn : public RestTest {
protected:
    Answer sign_in_with(const std::string& body, std::string_view type = json_type) {
        const Answer answer = post("/carillon/session", body, type);
        if (answer.status != 200) return answer;
        const std::string cookie = answer.header("set-cookie");
        cookie_ = "Cookie: other=1; " + cookie.substr(0, cookie.find(';')) + "\r\n";
        csrf_ = "X-Carillon-CSRF: " + member(answer.body, "csrfToken").substr(1, 64) + "\r\n";
        return answer;
    }
    std::string key(std::string_view policy) const { return hub_->policies().find(policy)->primary_key; }
    std::string login(std::string_view policy, std::string_view access = "change") const {
        std::string body;
        JsonWriter(body)
            .begin_object()
            .member("policy", policy)
            .member("key", key(policy))
            .member("access", access)
            .end_object();
        return body;
    }
    /// A request without the token that the harness adds.
    Answer ask(std::string_view method, std::string_view target, std::string_view body,
               const std::string& fields) {
        if (wire_.is_closed) {
            disconnect();
            connect();
        }
        std::string text = text_of(method, target, body, "Authorization: none\r\n" + fields);
        text.erase(text.find("Authorization: none\r\n"), 21);
        wire_.receive(text);
        hub_.settle();
        return take();
    }
    Answer post(std::string_view target, std::string_view body, std::string_view fields) {
        return ask("POST", target, body, std::string(fields));
    }
    Answer get(std::string_view target) { return ask("GET", target, "", cookie_); }

    std::string cookie_;
    std::string csrf_;
};

TEST_F(WebSignIn, TakesAPolicysKeyOrConnectionStringAndGivesACookie) {
    const Answer answer = sign_in_with(login("service"));
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(member(answer.body, "policy"), "\"service\"");
    EXPECT_EQ(member(answer.body, "rights"), R"(["ServiceConnect"])");
    EXPECT_EQ(member(answer.body, "access"), "\"change\"");
    const std::string cookie = answer.header("set-cookie");
    EXPECT_TRUE(cookie.starts_with("__Host-carillon="));
    EXPECT_TRUE(cookie.ends_with("; Path=/; Max-Age=43200; Secure; HttpOnly; SameSite=Strict")) << cookie;
    EXPECT_EQ(get(at("/twins/none")).status, 404);
    EXPECT_EQ(get(at("/devices")).status, 401) << "the policy has no right to the registry";
    EXPECT_EQ(member(get("/carillon/session").body, "policy"), "\"service\"");

    sas::ConnectionString owner;
    owner.host_name = "hub.example.net";
    owner.key_name = "iothubowner";
    owner.key = hub_->policies().find("iothubowner")->secondary_key;
    const Answer second = sign_in_with(R"({"connectionString":")" + sas::to_text(owner) + "\\n\"}");
    EXPECT_EQ(second.status, 200) << second.body;
    EXPECT_EQ(member(second.body, "access"), "\"read\"") << "reading is what one gets without asking";
    EXPECT_EQ(get(at("/devices")).status, 200);
}

TEST_F(WebSignIn, RefusesWrongKeysAndSlowsWhoGuesses) {
    const std::string wrong = R"({"policy":"iothubowner","key":"AAAA"})";
    for (const char* body : {wrong.c_str(), R"({"policy":"nobody","key":""})", R"({"code":"x"})"}) {
        EXPECT_EQ(sign_in_with(body).status, 401) << body;
    }
    EXPECT_EQ(sign_in_with(R"({"connectionString":"nonsense"})").status, 400);
    EXPECT_EQ(sign_in_with(
                  R"({"connectionString":"HostName=h;DeviceId=d;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAA"})")
                  .status,
              400);
    for (int i = 1; i < LoginBrake::identity_pace.at_once; ++i) EXPECT_EQ(sign_in_with(wrong).status, 401);
    EXPECT_EQ(sign_in_with(wrong).status, 0) << "not yet";
    clock_.advance(LoginBrake::identity_pace.each);
    timers_.run_due(clock_.now());
    EXPECT_EQ(take().status, 401);
    EXPECT_EQ(sign_in_with(login("iothubowner")).status, 200) << "the right key does not wait";
}

TEST_F(WebSignIn, CannotBeMadeByAFormOfAnotherSite) {
    for (const char* type :
         {"", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"})
        EXPECT_EQ(sign_in_with(login("iothubowner"), type).status, 400) << type;
}

TEST_F(WebSignIn, NeedsTheTokenForEveryWritingRequest) {
    sign_in_with(login("iothubowner"));
    for (const std::string& fields :
         {cookie_, cookie_ + "X-Carillon-CSRF: " + std::string(64, '0') + "\r\n"}) {
        EXPECT_EQ(ask("PUT", at("/devices/d1"), "{}", fields).error(), "IotHubUnauthorized");
        EXPECT_EQ(ask("DELETE", at("/devices/d1"), "", fields).error(), "IotHubUnauthorized");
        EXPECT_EQ(ask("POST", at("/devices/query"), R"({"query":"SELECT * FROM devices"})", fields).status,
                  401);
        EXPECT_EQ(ask("DELETE", "/carillon/session", "", fields).status, 401);
    }
    EXPECT_EQ(get(at("/devices/d1")).status, 404);
    EXPECT_EQ(ask("PUT", at("/devices/d1"), "{}", cookie_ + csrf_).status, 200);
    const Answer found = get(at("/devices/d1"));
    EXPECT_EQ(found.status, 200);
    EXPECT_EQ(found.header("cache-control"), "no-store");
    EXPECT_EQ(found.header("x-content-type-options"), "nosniff");
}

TEST_F(WebSignIn, ForReadingChangesNothing) {
    create("d1");
    sign_in_with(login("iothubowner", "read"));
    const std::string fields = cookie_ + csrf_;
    EXPECT_EQ(ask("PATCH", at("/twins/d1"), R"({"tags":{"a":1}})", fields).status, 401);
    EXPECT_EQ(
        ask("POST", at("/twins/d1"), R"({"tags":{"a":1}})", fields + "X-HTTP-Method-Override: PATCH\r\n")
            .status,
        401);
    EXPECT_EQ(ask("POST", at("/twins/d1/methods"), R"({"methodName":"m"})", fields).status, 401);
    EXPECT_EQ(ask("PUT", at("/jobs/v2/j"), "{}", fields).status, 401);
    EXPECT_EQ(ask("DELETE", at("/devices/d1"), "", fields + "If-Match: *\r\n").status, 401);
    EXPECT_EQ(ask("POST", at("/devices/query"), R"({"query":"SELECT * FROM devices"})", fields).status, 200);
    EXPECT_EQ(member(get(at("/twins/d1")).body, "version"), "2");
}

TEST_F(WebSignIn, CountsForNothingBesideAToken) {
    sign_in_with(login("iothubowner"));
    EXPECT_EQ(ask("GET", at("/devices"), "", cookie_ + "Authorization: x\r\n").status, 401);
    EXPECT_EQ(call("PUT", at("/devices/d2"), "{}", cookie_).status, 200) << "a token needs no other";
}

TEST_F(WebSignIn, TakesTheWordOfATrustedProxyForWhoThePersonIs) {
    const std::string proxy = std::string(json_type) + "X-User: alice\r\n";
    const std::string body = R"({"proxy":true,"access":"change"})";
    EXPECT_EQ(sign_in_with(body, proxy).status, 401) << "no proxy is trusted";
    web_.proxy = {.header = "X-User", .addresses = {"192.0.2.1"}, .policy = "service"};
    EXPECT_EQ(ask("GET", "/carillon/session", "", "X-User: alice\r\n").header("x-carillon-person"), "alice");
    EXPECT_EQ(ask("GET", "/carillon/session", "", "").header("x-carillon-person"), "");
    EXPECT_EQ(sign_in_with(body).status, 401) << "the proxy names nobody";
    EXPECT_EQ(sign_in_with(body, proxy + "X-User: mallory\r\n").status, 401) << "the client added one";
    EXPECT_EQ(sign_in_with(body, std::string(json_type) + "X-User:  \r\n").status, 401);
    const Answer answer = sign_in_with(body, proxy);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(member(answer.body, "policy"), "\"service\"");
    EXPECT_EQ(member(answer.body, "access"), "\"change\"");
    web_.proxy.addresses = {"192.0.2.2"};
    EXPECT_EQ(sign_in_with(body, proxy).status, 401) << "it comes from elsewhere";
    web_.proxy = {.header = "X-User", .addresses = {"192.0.2.1"}, .policy = "none"};
    EXPECT_EQ(sign_in_with(body, proxy).status, 401) << "there is no such policy";
}

TEST_F(WebSignIn, EndsByItsTimeOrBySigningOut) {
    sign_in_with(login("iothubowner"));
    const std::string before = cookie_;
    const Answer out = ask("DELETE", "/carillon/session", "", cookie_ + csrf_);
    EXPECT_EQ(out.status, 204);
    EXPECT_NE(out.header("set-cookie").find("Max-Age=0"), std::string::npos);
    EXPECT_EQ(get(at("/devices")).status, 401);
    EXPECT_EQ(get("/carillon/session").status, 401);
    const auto stored = store_.get(Table::meta, WebDashboard::stored_key);
    ASSERT_TRUE(stored && *stored);
    EXPECT_NE((*stored)->find('\n'), std::string::npos) << "it stays ended when the hub starts again";
    EXPECT_EQ(ask("DELETE", "/carillon/session", "", cookie_ + csrf_).status, 204);

    sign_in_with(login("iothubowner"));
    EXPECT_NE(cookie_, before);
    clock_.advance(std::chrono::seconds(WebSessions::lifetime_s));
    EXPECT_EQ(get(at("/devices")).status, 401);
}

TEST_F(WebSignIn, IsOpenedOnceByALinkOfWhoHasAToken) {
    const Answer made = call("POST", "/carillon/session/links", R"({"access":"change"})");
    EXPECT_EQ(made.status, 200) << made.body;
    const std::string path = member(made.body, "path");
    ASSERT_TRUE(path.starts_with("\"/ui/sign-in#")) << path;
    const std::string code = R"({"code":")" + path.substr(13);
    const Answer opened = sign_in_with(code + "}");
    EXPECT_EQ(opened.status, 200) << opened.body;
    EXPECT_EQ(member(opened.body, "access"), "\"change\"");
    EXPECT_NE(opened.header("set-cookie").find("Max-Age=3600;"), std::string::npos) << "as long as the token";
    EXPECT_EQ(sign_in_with(code + "}").status, 401);
    EXPECT_EQ(post("/carillon/session/links", "{}", cookie_ + csrf_).status, 401)
        << "a session makes no session";
    EXPECT_EQ(call("POST", "/carillon/session/links", "", "Authorization: none\r\n").status, 401);
    const std::string narrow = sas::make_token("hub.example.net/carillon", key("iothubowner"),
                                               clock_.wall_now().plus_s(60), "iothubowner");
    EXPECT_EQ(call("POST", "/carillon/session/links", "", "Authorization: " + narrow + "\r\n").status, 401);
}

}  // namespace
}  // namespace carillon::rest
