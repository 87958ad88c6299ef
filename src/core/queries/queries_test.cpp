#include "core/testing/job_testing.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon {
namespace {

using testing::TestHub;
using namespace std::chrono_literals;

constexpr WallTime noon = WallTime::from_unix_s(1'790'000'000);

std::string device(int i) {
    std::string number = std::to_string(i);
    return "d" + std::string(3 - number.size(), '0') + number;
}

struct QueriesTest : ::testing::Test {
    ManualClock clock{noon};
    MemoryStore store;
    TestHub hub{store, clock, 4};

    Result<QueryPage> page(std::string statement, std::string token = {}, std::size_t size = 0,
                           Flavour flavour = Flavour::ga) {
        QueryRequest request{.statement = std::move(statement),
                             .page_size = size,
                             .continuation = std::move(token),
                             .flavour = flavour};
        return hub.run(hub->queries().run(std::move(request)));
    }
    /// The items of all pages; checks that no page but the last is short.
    std::vector<std::string> all(const std::string& statement, std::size_t size) {
        std::vector<std::string> items;
        std::string token;
        do {
            auto next = page(statement, token, size);
            EXPECT_TRUE(next) << next.error().detail;
            if (!next) break;
            token = next->continuation;
            EXPECT_TRUE(token.empty() || next->items.size() == size);
            items.insert(items.end(), next->items.begin(), next->items.end());
        } while (!token.empty());
        return items;
    }
    void add_devices(int count) {
        for (int i = 0; i < count; ++i) hub.add_device(device(i));
    }
    void tag(const std::string& id, const std::string& tags) {
        const auto key = *IdentityKey::parse(id);
        const std::string body = "{\"tags\":" + tags + "}";
        const auto json = JsonDocument::parse(body);
        auto patch = *TwinPatch::parse(json->root(), key);
        auto written = hub.run(hub->shards()
                                   .owner(key.device)
                                   .write_twin(key, Shard::TwinWrite::patch, std::move(patch), EtagMatch{}));
        ASSERT_TRUE(written);
    }
    void add_module(const std::string& id, const std::string& module) {
        const auto key = *IdentityKey::parse(id, module);
        ASSERT_TRUE(hub.run(hub->shards().owner(key.device).put_identity(key, "{}", EtagMatch{})));
    }
    void remove(const std::string& id) {
        const auto key = *IdentityKey::parse(id);
        const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
        ASSERT_TRUE(hub.run(hub->shards().owner(key.device).remove_identity(key, any)));
    }
};

std::string id_item(const std::string& id) {
    return "{\"deviceId\":\"" + id + "\"}";
}

TEST_F(QueriesTest, PagesHoldEveryRowOnceInKeyOrderOverAllShards) {
    add_devices(50);
    for (const std::size_t size : {1U, 7U, 10U, 25U, 49U, 50U, 51U}) {
        const auto items = all("SELECT deviceId FROM devices", size);
        ASSERT_EQ(items.size(), 50U) << size;
        for (int i = 0; i < 50; ++i) EXPECT_EQ(items[static_cast<std::size_t>(i)], id_item(device(i)));
    }
}

std::string long_tags() {
    return R"({"s":")" + std::string(4000, 'x') + R"(","t":")" + std::string(3000, 'y') + "\"}";
}
std::string select_tags(int times) {
    std::string list = "tags AS t0";
    for (int i = 1; i < times; ++i) list += ", tags AS t" + std::to_string(i);
    return "SELECT " + list + " FROM devices";
}

TEST_F(QueriesTest, APageEndsBeforeTheRowThatWouldMakeItLong) {
    add_devices(5);
    for (int i = 0; i < 5; ++i) tag(device(i), long_tags());
    std::size_t rows = 0;
    std::size_t pages = 0;
    std::string token;
    do {
        const auto found = page(select_tags(40), token);  // of 280 KB a row
        ASSERT_TRUE(found) << found.error().detail;
        std::size_t bytes = 0;
        for (const std::string& item : found->items) bytes += item.size();
        EXPECT_LE(bytes, Queries::page_bytes_max);
        rows += found->items.size();
        token = found->continuation;
        ++pages;
    } while (!token.empty());
    EXPECT_EQ(rows, 5U);
    EXPECT_EQ(pages, 3U);
}

/// Of more than a page of JSON, as control characters take six bytes there.
std::string very_long_tags() {
    std::string one;
    for (int i = 0; i < 4000; ++i) one += "\\u0001";
    std::string json = "{";
    for (int i = 0; i < 40; ++i) json += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":\"" + one + '"';
    return json + '}';
}

TEST_F(QueriesTest, ATwinThatIsLongerThanAPageHasOneOfItsOwn) {
    add_devices(4);
    tag(device(1), very_long_tags());
    tag(device(2), very_long_tags());
    std::vector<std::string> shape;
    std::string token;
    do {
        auto found = page("SELECT TOP 4 * FROM devices", token);
        ASSERT_TRUE(found) << found.error().detail;
        token = found->continuation;
        shape.push_back(found->long_twin ? "long" : std::to_string(found->items.size()));
        if (!found->long_twin) continue;
        EXPECT_TRUE(found->items.empty());
        std::string text;
        EXPECT_FALSE(found->long_twin->append(text, std::string::npos));
        EXPECT_GT(text.size(), Queries::page_bytes_max);
    } while (!token.empty());
    EXPECT_EQ(shape, (std::vector<std::string>{"1", "long", "long", "1"}));
    EXPECT_TRUE(page("SELECT TOP 1 * FROM devices WHERE deviceId = 'd001'")->continuation.empty());
}

TEST_F(QueriesTest, ARowThatIsLongerThanAPageIsRefused) {
    add_devices(1);
    tag(device(0), long_tags());
    EXPECT_TRUE(page(select_tags(100)));
    const auto refused = page(select_tags(120));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::argument_invalid);
    EXPECT_EQ(refused.error().detail, "The row of 'd000' takes more than 786432 bytes; select less");
}

TEST_F(QueriesTest, NoTokenIsGivenWhenNothingFollows) {
    EXPECT_TRUE(page("SELECT * FROM devices")->continuation.empty());
    add_devices(3);
    EXPECT_TRUE(page("SELECT * FROM devices", "", 3)->continuation.empty());
    EXPECT_FALSE(page("SELECT * FROM devices", "", 2)->continuation.empty());
    EXPECT_TRUE(page("SELECT * FROM devices WHERE deviceId <= 'd001'", "", 2)->continuation.empty());
}

TEST_F(QueriesTest, RowsThatComeAndGoBetweenPagesNeitherRepeatNorHideOthers) {
    add_devices(10);
    const auto first = page("SELECT deviceId FROM devices", "", 4);
    remove(device(3));        // the last one given
    hub.add_device("d0015");  // sorts before the token
    hub.add_device("d0055");  // sorts behind it
    const auto rest = page("SELECT deviceId FROM devices", first->continuation, 100);
    std::vector<std::string> expected;
    for (const auto& id : {"d004", "d005", "d0055", "d006", "d007", "d008", "d009"}) {
        expected.push_back(id_item(id));
    }
    EXPECT_EQ(rest->items, expected);
}

TEST_F(QueriesTest, WholeTwinsArePrintedAsTwins) {
    add_devices(1);
    const auto found = page("SELECT * FROM devices");
    ASSERT_EQ(found->items.size(), 1U);
    EXPECT_EQ(found->kind, ItemKind::twin);
    const Record* record = hub.find(device(0));
    std::string expected;
    append_twin_json(expected, *record->committed, record->live(), Flavour::ga);
    EXPECT_EQ(found->items[0], expected);
    EXPECT_EQ(page("SELECT deviceId FROM devices")->kind, ItemKind::raw);
    EXPECT_EQ(page("SELECT * FROM devices.jobs")->kind, ItemKind::device_job);
}

TEST_F(QueriesTest, AWriteIsSeenOnceItIsAnswered) {
    add_devices(2);
    EXPECT_TRUE(page("SELECT * FROM devices WHERE tags.a = 1")->items.empty());
    tag(device(1), R"({"a":1})");
    EXPECT_EQ(page("SELECT deviceId FROM devices WHERE tags.a = 1")->items, std::vector{id_item(device(1))});
}

TEST_F(QueriesTest, TokensOfOthersAreRefused) {
    add_devices(3);
    const std::string statement = "SELECT * FROM devices";
    const std::string token = page(statement, "", 1)->continuation;
    ASSERT_FALSE(token.empty());
    EXPECT_TRUE(page(statement, token, 2));
    EXPECT_EQ(page("SELECT * FROM  devices", token).error().code, Errc::argument_invalid);
    EXPECT_EQ(page(statement, token, 1, Flavour::preview).error().code, Errc::argument_invalid);
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string forged = token;
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(page(statement, forged)) << i;
        EXPECT_FALSE(page(statement, token.substr(0, i) + " ")) << i;
    }
    for (const char* text : {"x", "Yg", "AQ", "%", "=", "AQ=="}) EXPECT_FALSE(page(statement, text)) << text;
    EXPECT_FALSE(page(statement, std::string(100'000, 'A')));
}

TEST_F(QueriesTest, TokensAreUrlSafe) {
    for (int i = 0; i < 64; ++i) {
        const std::string position(static_cast<std::size_t>(i), static_cast<char>(0xFF - i));
        const std::string token = hub->page_tokens().seal("purpose", position);
        EXPECT_EQ(token.find_first_of("+/= \n"), std::string::npos);
        EXPECT_EQ(*hub->page_tokens().open("purpose", token), position);
        EXPECT_FALSE(hub->page_tokens().open("other purpose", token));
    }
}

TEST_F(QueriesTest, TopCountsOverAllPages) {
    add_devices(10);
    EXPECT_EQ(all("SELECT TOP 7 deviceId FROM devices", 3).size(), 7U);
    EXPECT_EQ(all("SELECT TOP 6 deviceId FROM devices", 3).size(), 6U);
    EXPECT_TRUE(page("SELECT TOP 3 * FROM devices", "", 3)->continuation.empty());
    EXPECT_EQ(all("SELECT TOP 99 deviceId FROM devices", 4).size(), 10U);
}

TEST_F(QueriesTest, PageSizesAreClampedByFlavour) {
    add_devices(120);
    EXPECT_EQ(page("SELECT * FROM devices")->items.size(), 100U);
    EXPECT_EQ(page("SELECT * FROM devices", "", 5000)->items.size(), 100U);
    EXPECT_EQ(page("SELECT * FROM devices", "", 0, Flavour::preview)->items.size(), 100U);
    EXPECT_EQ(page("SELECT * FROM devices", "", 110, Flavour::preview)->items.size(), 110U);
}

TEST_F(QueriesTest, NamedDevicesAreFoundWhereverTheyLive) {
    add_devices(40);
    const std::string statement =
        "SELECT deviceId FROM devices WHERE deviceId IN ['d031', 'd002', 'none', 'd002', 'd017', 'not "
        "valid']";
    const std::vector<std::string> expected{id_item("d002"), id_item("d017"), id_item("d031")};
    EXPECT_EQ(all(statement, 1), expected);
    EXPECT_EQ(all(statement, 100), expected);
    EXPECT_EQ(all("SELECT deviceId FROM devices WHERE deviceId = 'd005' AND status = 'enabled'", 1),
              std::vector{id_item("d005")});
    EXPECT_EQ(all("SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'd03') AND deviceId > 'd037'", 1),
              (std::vector{id_item("d038"), id_item("d039")}));
    EXPECT_TRUE(all("SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'no such')", 1).empty());
}

TEST_F(QueriesTest, ModulesAreRowsOfTheirOwn) {
    add_devices(3);
    for (const char* module : {"m2", "m1", "m3"}) add_module("d001", module);
    add_module("d002", "m1");
    const auto item = [](const std::string& id, const std::string& module) {
        return "{\"deviceId\":\"" + id + "\",\"moduleId\":\"" + module + "\"}";
    };
    const std::vector<std::string> of_one{item("d001", "m1"), item("d001", "m2"), item("d001", "m3")};
    EXPECT_EQ(all("SELECT deviceId, moduleId FROM devices.modules WHERE deviceId = 'd001'", 1), of_one);
    EXPECT_EQ(all("SELECT deviceId, moduleId FROM devices.modules WHERE deviceId = 'd001'", 100), of_one);
    EXPECT_EQ(all("SELECT deviceId, moduleId FROM devices.modules", 2).size(), 4U);
    EXPECT_EQ(all("SELECT deviceId FROM devices", 2).size(), 3U);
    const std::string named = "SELECT deviceId FROM devices WHERE deviceId IN ['d001', 'd002']";
    for (const std::size_t size : {1U, 100U}) EXPECT_EQ(all(named, size), (std::vector{id_item("d001"), id_item("d002")}));
}

TEST_F(QueriesTest, AggregatesSpanShardsAndGroupsArePaged) {
    add_devices(30);
    for (int i = 0; i < 30; ++i) tag(device(i), "{\"n\":" + std::to_string(i % 3) + "}");
    EXPECT_EQ(page("SELECT COUNT() AS c, SUM(tags.n) AS s FROM devices")->items,
              std::vector<std::string>{R"({"c":30,"s":30})"});
    const std::vector<std::string> groups{R"({"n":0,"c":10})", R"({"n":1,"c":10})", R"({"n":2,"c":10})"};
    for (const std::size_t size : {1U, 2U, 3U, 4U}) {
        EXPECT_EQ(all("SELECT tags.n, COUNT() AS c FROM devices GROUP BY tags.n", size), groups) << size;
    }
    EXPECT_EQ(all("SELECT TOP 2 tags.n, COUNT() AS c FROM devices GROUP BY tags.n", 1).size(), 2U);
    EXPECT_EQ(page("SELECT COUNT() AS c FROM devices WHERE false")->items,
              std::vector<std::string>{R"({"c":0})"});
}

TEST_F(QueriesTest, GroupsWithLongCommonBeginningsArePaged) {
    add_devices(6);
    const std::string begin(400, 'x');
    for (int i = 0; i < 6; ++i) {
        tag(device(i), "{\"t\":\"" + begin + std::to_string(i) + "\"}");
    }
    for (const std::size_t size : {1U, 2U, 4U, 5U}) {
        EXPECT_EQ(all("SELECT tags.t, COUNT() AS c FROM devices GROUP BY tags.t", size).size(), 6U) << size;
    }
}

TEST_F(QueriesTest, DeviceJobsArePagedAndFiltered) {
    add_devices(12);
    for (const char* id : {"first", "second"}) {
        auto definition = testing::parse_job(id, testing::twin_body("deviceId < 'd010'"), clock.wall_now());
        ASSERT_TRUE(definition);
        ASSERT_TRUE(hub.run(hub->jobs().create(*std::move(definition))));
    }
    EXPECT_EQ(all("SELECT * FROM devices.jobs", 3).size(), 20U);
    EXPECT_EQ(all("SELECT * FROM devices.jobs", 100).size(), 20U);
    const auto of_one = all("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'second'", 5);
    ASSERT_EQ(of_one.size(), 10U);
    for (const std::string& item : of_one) EXPECT_NE(item.find("\"jobId\":\"second\""), std::string::npos);
    const std::string one_device = "SELECT * FROM devices.jobs WHERE deviceId = 'd003'";
    EXPECT_EQ(all(one_device + " AND status = 'completed'", 1).size(), 2U);
    EXPECT_TRUE(all(one_device + " AND status = 'failed'", 1).empty());
    EXPECT_EQ(all("SELECT TOP 7 * FROM devices.jobs", 3).size(), 7U);
    EXPECT_FALSE(page("SELECT * FROM devices.jobs", "", 19)->continuation.empty());
    EXPECT_TRUE(page("SELECT * FROM devices.jobs", "", 20)->continuation.empty());
}

TEST_F(QueriesTest, FaultyStatementsSayWhere) {
    const auto refused = page("SELECT * FROM nowhere");
    EXPECT_EQ(refused.error().code, Errc::argument_invalid);
    EXPECT_EQ(refused.error().detail, "Line 1:15 Unknown collection 'nowhere'");
}

}  // namespace
}  // namespace carillon
