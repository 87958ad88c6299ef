#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using namespace testing;

class WebFiles : public RestTest {
protected:
    Answer get(std::string_view target, std::string_view fields = {}) {
        return call("GET", target, "", "Authorization: none\r\n" + std::string(fields));
    }
};

TEST_F(WebFiles, NeedNoTokenAndLoadFromNowhereElse) {
    const Answer page = get("/ui/");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.body, "<p>page</p>");
    EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8");
    EXPECT_EQ(page.header("cache-control"), "no-cache");
    EXPECT_TRUE(page.header("content-security-policy").starts_with("default-src 'self'; "));
    EXPECT_EQ(page.header("content-security-policy").find("unsafe"), std::string::npos);
    EXPECT_EQ(page.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(page.header("x-frame-options"), "DENY");
    EXPECT_FALSE(wire_.is_authenticated);
    const Answer script = get("/ui/assets/a-1.js");
    EXPECT_EQ(script.body, "let a");
    EXPECT_EQ(script.header("cache-control"), "public, max-age=31536000, immutable");
}

TEST_F(WebFiles, OfPlacesWithinThePageAreThePage) {
    for (const char* target : {"/ui/", "/ui/devices?q=a", "/ui/device?id=%2e%2e", "/ui/%zz"})
        EXPECT_EQ(get(target).body, "<p>page</p>") << target;
    EXPECT_EQ(get("/ui/assets/none.js").status, 404);
    EXPECT_EQ(get("/ui%2Fassets%2fa-1.js").body, "let a");
    EXPECT_EQ(get("/%75i%2Fdevices").body, "<p>page</p>");
    EXPECT_EQ(get("/uinot").status, 404);
    EXPECT_EQ(get("/uinot").error(), "GenericNotFound");
}

TEST_F(WebFiles, AreFoundBehindAProxyThatPutsAFolderInFront) {
    const Answer moved = get("/ui");
    EXPECT_EQ(moved.status, 302);
    EXPECT_EQ(moved.header("location"), "ui/");
    EXPECT_EQ(get("/%75i").header("location"), "ui/");
    for (const char* deeper : {"/ui/a//b/c/d/e/f/g/h/i/j", "/ui/device%2Fa", "/ui/devices/"})
        EXPECT_EQ(get(deeper).status, 404) << deeper;
}

TEST_F(WebFiles, AreSentSmallerToWhoTakesIt) {
    const Answer small = get("/ui/", "Accept-Encoding: br, gzip;q=0.5\r\n");
    EXPECT_EQ(small.body, "gzip of the page");
    EXPECT_EQ(small.header("content-encoding"), "gzip");
    EXPECT_EQ(small.header("vary"), "Accept-Encoding");
    for (const char* coding : {"br", "gzip;q=0", "gzip;q=0.00", "x-gzip"})
        EXPECT_EQ(get("/ui/", "Accept-Encoding: " + std::string(coding) + "\r\n").body, "<p>page</p>")
            << coding;
    EXPECT_EQ(get("/ui/assets/a-1.js", "Accept-Encoding: gzip\r\n").body, "let a");
}

TEST_F(WebFiles, AreNotSentTwice) {
    for (const char* known : {"\"page-1\"", "W/\"page-1\"", "\"x\", \"page-1\"", "*"}) {
        const Answer same = get("/ui/", "If-None-Match: " + std::string(known) + "\r\n");
        EXPECT_EQ(same.status, 304) << known;
        EXPECT_FALSE(same.has("content-length"));
        EXPECT_EQ(same.header("etag"), "\"page-1\"");
    }
    EXPECT_EQ(get("/ui/", "If-None-Match: \"page-2\"\r\n").status, 200);
}

TEST_F(WebFiles, AreOnlyRead) {
    const Answer refused = call("POST", "/ui/", "{}");
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.header("allow"), "GET, HEAD");
    begin("HEAD", "/ui/");
    hub_.settle();
    EXPECT_NE(wire_.sent.find("Content-Length: 11\r\n"), std::string::npos);
    EXPECT_TRUE(wire_.sent.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace carillon::rest
