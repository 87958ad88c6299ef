#include "core/testing/blob_testing.hpp"
#include "core/transfers/transfers.hpp"
#include "endpoint/rest/harness.hpp"

namespace carillon::rest {
namespace {

using testing::Answer;
using testing::member;

class TransferRoutes : public testing::RestTest {
protected:
    TransferRoutes() { hub_->transfers().use(blobs_, hub_.storage(), hub_.storage(), {}); }

    /// Creates a job, lets it end, and gives what is then said of it.
    Answer run(const std::string& body) {
        const Answer created = call("POST", at("/jobs/create"), body);
        EXPECT_EQ(created.status, 200) << created.body;
        EXPECT_EQ(member(created.body, "status"), "\"enqueued\"");
        std::string id = member(created.body, "jobId");
        id = id.substr(1, id.size() - 2);
        return call("GET", at("/jobs/" + id));
    }

    carillon::testing::MemoryBlobs blobs_;
};

TEST_F(TransferRoutes, ImportAndExportAsTheServiceDoes) {
    blobs_.files["mem:in/devices.txt"] = "{\"id\":\"a\"}\n{\"id\":\"b\",\"importMode\":\"update\"}\n";
    const Answer import = run(
        R"({"type":"import","inputBlobContainerUri":"mem:in","outputBlobContainerUri":"mem:out","unknown":1})");
    EXPECT_EQ(member(import.body, "type"), "\"import\"");
    EXPECT_EQ(member(import.body, "status"), "\"completed\"") << "also with refused lines";
    EXPECT_EQ(member(import.body, "progress"), "100");
    EXPECT_EQ(member(import.body, "inputBlobContainerUri"), "\"\"") << "it may hold a secret";
    EXPECT_EQ(member(import.body, "inputBlobName"), "\"devices.txt\"");
    EXPECT_EQ(member(import.body, "errorCount"), "1");
    EXPECT_TRUE(import.contains("startTimeUtc"));
    EXPECT_TRUE(import.contains("endTimeUtc"));
    EXPECT_EQ(blobs_.files["mem:out/importErrors.log"],
              "{\"line\":2,\"deviceId\":\"b\",\"errorCode\":\"DeviceNotFound\",\"errorStatus\":\"b\"}\n");

    const Answer exported = run(
        R"({"type":"Export","outputBlobContainerUri":"mem:out","outputBlobName":"x.txt","excludeKeysInExport":true,
            "storageAuthenticationType":"KeyBased"})");
    EXPECT_EQ(member(exported.body, "status"), "\"completed\"") << exported.body;
    EXPECT_EQ(member(exported.body, "excludeKeysInExport"), "true");
    EXPECT_EQ(member(exported.body, "outputBlobName"), "\"x.txt\"");
    EXPECT_EQ(blobs_.files["mem:out/x.txt"].find("{\"id\":\"a\""), 0U);
    EXPECT_NE(blobs_.files["mem:out/x.txt"].find("\"primaryKey\":null"), std::string::npos);

    const Answer list = call("GET", at("/jobs"));
    EXPECT_EQ(list.body, "[" + exported.body + "," + import.body + "]");
}

TEST_F(TransferRoutes, RefuseWhatCannotBeDone) {
    for (
        const auto& [body, error] :
        {std::pair{"[]", "IotHubFormatError"}, std::pair{"{}", "ArgumentInvalid"},
         std::pair{R"({"type":"backup"})", "ArgumentInvalid"},
         std::pair{R"({"type":"import"})", "ArgumentNull"}, std::pair{R"({"type":"export"})", "ArgumentNull"},
         std::pair{R"({"type":"export","outputBlobContainerUri":7})", "ArgumentInvalid"},
         std::pair{R"({"type":"export","outputBlobContainerUri":"ftp://x"})", "BlobContainerValidationError"},
         std::pair{R"({"type":"import","inputBlobContainerUri":"mem:in"})", "BlobContainerValidationError"},
         std::pair{
             R"({"type":"export","outputBlobContainerUri":"mem:o","storageAuthenticationType":"IdentityBased"})",
             "BlobContainerValidationError"}}) {
        const Answer refused = call("POST", at("/jobs/create"), body);
        EXPECT_EQ(refused.error(), error) << body;
        EXPECT_EQ(refused.status, 400) << body;
    }
    EXPECT_EQ(call("GET", at("/jobs")).body, "[]");
    EXPECT_EQ(call("GET", at("/jobs/none")).error(), "JobNotFound");
    EXPECT_EQ(call("DELETE", at("/jobs/none")).error(), "JobNotFound");
    blobs_.files["mem:in/devices.txt"] = "";
    const Answer ended = run(R"({"type":"import","inputBlobContainerUri":"mem:in"})");
    EXPECT_EQ(member(ended.body, "status"), "\"completed\"");
    std::string id = member(ended.body, "jobId");
    EXPECT_EQ(call("DELETE", at("/jobs/" + id.substr(1, id.size() - 2))).status, 405);
}

TEST_F(TransferRoutes, GiveTheRegistryPageByPage) {
    const std::string tag(3000, 't');
    for (int i = 0; i < 600; ++i) {
        const std::string id = "d" + std::to_string(1000 + i);
        create(id);
        call("PATCH", at("/twins/" + id), R"({"tags":{"t":")" + tag + "\"}}");
    }
    call("PUT", at("/devices/d1000/modules/m"), "{}");
    std::size_t seen = 0;
    std::size_t pages = 0;
    std::string last;
    std::string fields;
    do {
        const Answer page =
            call("GET", "/carillon/registry?excludeKeys=true&api-version=2021-04-12", "", fields);
        ASSERT_EQ(page.status, 200) << page.body;
        const auto json = JsonDocument::parse(page.body);
        ASSERT_TRUE(json);
        for (JsonValue line = json->root().first(); line.exists(); line = line.next()) {
            const std::string key =
                std::string(line.find("id").string()) + "/" + std::string(line.find("moduleId").string());
            EXPECT_LT(last, key);
            last = key;
            ++seen;
            EXPECT_TRUE(
                line.find("authentication").find("symmetricKey").find("primaryKey").is_null_or_absent());
        }
        ++pages;
        fields = page.has("x-ms-continuation")
                     ? "x-ms-continuation: " + page.header("x-ms-continuation") + "\r\n"
                     : "";
    } while (!fields.empty());
    EXPECT_EQ(seen, 601U);
    EXPECT_GT(pages, 1U);
    // A token of the walk without keys does not open the one with keys.
    const Answer with_keys = call("GET", at("/carillon/registry"));
    EXPECT_TRUE(with_keys.contains("\"primaryKey\":\""));
    EXPECT_EQ(call("GET", at("/carillon/registry?excludeKeys=true"), "",
                   "x-ms-continuation: " + with_keys.header("x-ms-continuation") + "\r\n")
                  .status,
              400);
}

TEST_F(TransferRoutes, MakeNewKeysForThoseThatHaveSome) {
    create("a");
    create("b");
    call("PUT", at("/devices/b/modules/m"), "{}");
    call("PUT", at("/devices/c"), R"({"authentication":{"type":"certificateAuthority"}})");
    const std::string before = call("GET", at("/devices/a")).body;
    const auto key = [](const std::string& json, const char* name) {
        const auto parsed = JsonDocument::parse(json);
        return std::string(parsed->root().find("authentication").find("symmetricKey").find(name).string());
    };
    const Answer good =
        call("POST", at("/devices/keys/regenerate"),
             R"({"policyKey":"primaryKey","devices":[{"id":"a"},{"id":"b","moduleId":"m"}]})");
    EXPECT_EQ(good.status, 200) << good.body;
    EXPECT_EQ(member(good.body, "policyKey"), "\"primaryKey\"");
    EXPECT_EQ(member(good.body, "errors"), "[]");
    const std::string after = call("GET", at("/devices/a")).body;
    EXPECT_NE(key(after, "primaryKey"), key(before, "primaryKey"));
    EXPECT_EQ(key(after, "secondaryKey"), key(before, "secondaryKey"));
    EXPECT_TRUE(good.contains(R"({"id":"a","primaryKey":")" + key(after, "primaryKey") + "\"}")) << good.body;
    const Answer mixed = call("POST", at("/devices/keys/regenerate"),
                              R"({"policyKey":"both","devices":[{"id":"b"},{"id":"c"},{"id":"none"}]})");
    EXPECT_EQ(mixed.status, 207);
    EXPECT_TRUE(mixed.contains(R"({"id":"c","errorCode":"ArgumentInvalid")")) << mixed.body;
    EXPECT_TRUE(mixed.contains(R"({"id":"none","errorCode":"DeviceNotFound")")) << mixed.body;
    EXPECT_EQ(
        call("POST", at("/devices/keys/regenerate"), R"({"policyKey":"both","devices":[{"id":"none"}]})")
            .status,
        400);
    for (const char* body : {R"({"policyKey":"third","devices":[{"id":"a"}]})",
                             R"({"policyKey":"both","devices":[]})", R"({"policyKey":"both"})"}) {
        EXPECT_EQ(call("POST", at("/devices/keys/regenerate"), body).error(), "ArgumentInvalid") << body;
    }
}

}  // namespace
}  // namespace carillon::rest
