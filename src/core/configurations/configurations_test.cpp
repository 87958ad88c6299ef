#include "core/configurations/configuration_shard.hpp"
#include "core/testing/configuration_testing.hpp"
#include "core/testing/far_shards.hpp"

namespace carillon {
namespace {

using testing::ConfigurationBench;
using namespace std::chrono_literals;

class ConfigurationsTest : public ::testing::Test {
protected:
    ConfigurationBench hub_;
};

TEST_F(ConfigurationsTest, GiveTheirSettingsToTheTwinsTheySelect) {
    hub_.add("a");
    hub_.add("b");
    hub_.patch("a", R"({"tags":{"site":"x"},"properties":{"desired":{"own":1}}})");
    auto& link = hub_.connect("a");
    ASSERT_TRUE(hub_.put("fw", R"({"properties.desired.fw":{"url":"u","size":1.0}})", "tags.site = 'x'", 5));
    EXPECT_EQ(hub_.desired("a"), R"({"own":1,"fw":{"size":1.0,"url":"u"}})");
    EXPECT_EQ(hub_.states("a"), R"({"fw":{"status":"Applied"}})");
    ASSERT_EQ(link.desired.size(), 1U);
    EXPECT_EQ(link.desired[0].second, R"({"fw":{"size":1.0,"url":"u"},"$version":3})");
    EXPECT_EQ(hub_.desired("b"), "{}");
    EXPECT_EQ(hub_.states("b"), "");
    EXPECT_EQ(hub_.counts("fw"), "1/1");
}

TEST_F(ConfigurationsTest, AreCountedByBytesWhereShardsAreFar) {
    for (const char* id : {"a", "b", "c", "d"}) hub_.add(id);
    hub_.patch("a", R"({"tags":{"site":"x"}})");
    hub_.patch("b", R"({"tags":{"site":"x"}})");
    hub_.add("b/m");
    hub_.patch("b/m", R"({"tags":{"site":"x"}})");
    testing::FarShards far((*hub_.hub)->port(), 1);
    const char* metrics = R"({"all":"select *","some":"SELECT deviceId FROM devices WHERE tags.site = 'x'",)"
                          R"("modules":"select * from devices.modules where tags.site = 'x'"})";
    ASSERT_TRUE(
        hub_.put("one", R"({"properties.desired.x":1})", "tags.site = 'x'", 1, {}, "deviceContent", metrics));
    ASSERT_TRUE(hub_.put("two", R"({"properties.desired.x":2})", "deviceId = 'a'", 2));
    EXPECT_EQ(hub_.counts("one"), "2/1");
    EXPECT_EQ(hub_.counts("two"), "1/1");
    const auto custom = hub_.view("one")->counts->custom;
    const std::map<std::string, std::int64_t> counted(custom.begin(), custom.end());
    const std::map<std::string, std::int64_t> expected{{"all", 4}, {"modules", 1}, {"some", 2}};
    EXPECT_EQ(counted, expected);
    EXPECT_GT(far.carried, 10U);
    far.lost_percent = 100;
    EXPECT_EQ(hub_.view("one").error().code, Errc::service_unavailable);
    EXPECT_EQ(hub_.run((*hub_.hub)->configurations().list()).size(), 2U);
    const auto put = hub_.put("two", R"({"properties.desired.x":2})", "deviceId = 'a'", 3, "*");
    ASSERT_TRUE(put) << "it is on disk";
    EXPECT_FALSE(put->counts);
    hub_.hub.reset();
}

TEST_F(ConfigurationsTest, AreReadFromDiskWhateverFunctionsStatementsMayHoldToday) {
    Configuration configuration;
    configuration.id = "c";
    configuration.content = R"({"deviceContent":{"properties.desired.x":1}})";
    configuration.target_condition = "CONTAINS(tags.site, 'x')";
    configuration.metric_queries = {{"m", "SELECT deviceId FROM devices WHERE CONTAINS(deviceId, 'x')"}};
    EXPECT_FALSE(ConfigurationRule::make(1, configuration)) << "it is for permissive hubs only";
    const query::QueryOptions permissive{.functions = query::FunctionSet::permissive};
    const auto rule = ConfigurationRule::make(1, configuration, permissive);
    ASSERT_TRUE(rule) << rule.error().detail;
    EXPECT_TRUE(decode_configuration(configuration_key(1), encode_configuration(**rule)));
}

TEST_F(ConfigurationsTest, ReachTwinsThatComeToMatchLater) {
    ASSERT_TRUE(hub_.put("site", R"({"properties.desired.s":1})", "tags.site = 'x'"));
    ASSERT_TRUE(hub_.put("old", R"({"properties.desired.update":true})", "properties.reported.fw < 3"));
    ASSERT_TRUE(hub_.put("all", R"({"properties.desired.all":true})"));
    hub_.add("a");
    EXPECT_EQ(hub_.desired("a"), R"({"all":true})");
    hub_.patch("a", R"({"tags":{"site":"x"}})");
    EXPECT_EQ(hub_.desired("a"), R"({"all":true,"s":1})");
    hub_.report("a", R"({"fw":2})");
    EXPECT_EQ(hub_.desired("a"), R"({"all":true,"s":1,"update":true})");
    EXPECT_EQ(hub_.states("a"),
              R"({"all":{"status":"Applied"},"old":{"status":"Applied"},"site":{"status":"Applied"}})");
    hub_.report("a", R"({"fw":3})");
    EXPECT_EQ(hub_.desired("a"), R"({"all":true,"s":1})");
    hub_.patch("a", R"({"tags":{"site":null}})");
    EXPECT_EQ(hub_.desired("a"), R"({"all":true})");
    EXPECT_EQ(hub_.counts("site"), "0/0");
    EXPECT_EQ(hub_.counts("all"), "1/1");
}

TEST_F(ConfigurationsTest, OfTwoForOneSettingTheHigherPriorityWinsAndOfEqualOnesTheNewer) {
    hub_.add("a");
    ASSERT_TRUE(hub_.put("high", R"({"properties.desired.x":"high"})", "*", 10));
    ASSERT_TRUE(hub_.put("low", R"({"properties.desired.x":"low","properties.desired.y":1})", "*", 5));
    ASSERT_TRUE(hub_.put("lost", R"({"properties.desired.x":"lost"})", "*", 5));
    EXPECT_EQ(hub_.desired("a"), R"({"x":"high","y":1})");
    EXPECT_EQ(hub_.states("a"),
              R"({"high":{"status":"Applied"},"lost":{"status":"Targeted"},"low":{"status":"Applied"}})");
    EXPECT_EQ(hub_.counts("lost"), "1/0");
    ASSERT_TRUE(hub_.remove("high"));
    EXPECT_EQ(hub_.desired("a"), R"({"x":"lost","y":1})") << "the newer of the two";
    ASSERT_TRUE(hub_.remove("lost"));
    EXPECT_EQ(hub_.desired("a"), R"({"x":"low","y":1})");
    ASSERT_TRUE(hub_.remove("low"));
    EXPECT_EQ(hub_.desired("a"), "{}");
    EXPECT_EQ(hub_.states("a"), "");
    EXPECT_EQ(hub_.store.size(Table::configurations), 0U) << "nothing is remembered of what is gone";
}

TEST_F(ConfigurationsTest, AChangeOfPriorityOrConditionTakesEffect) {
    hub_.add("a");
    hub_.patch("a", R"({"tags":{"n":1}})");
    ASSERT_TRUE(hub_.put("one", R"({"properties.desired.x":1})", "*", 1));
    ASSERT_TRUE(hub_.put("two", R"({"properties.desired.x":2})", "*", 2));
    EXPECT_EQ(hub_.desired("a"), R"({"x":2})");
    ASSERT_TRUE(hub_.put("one", R"({"properties.desired.x":1})", "*", 3, "*"));
    EXPECT_EQ(hub_.desired("a"), R"({"x":1})");
    ASSERT_TRUE(hub_.put("one", R"({"properties.desired.x":1})", "tags.n = 2", 3, "*"));
    EXPECT_EQ(hub_.desired("a"), R"({"x":2})");
    ASSERT_TRUE(hub_.put("two", R"({"properties.desired.x":2})", "", 2, "*"));
    EXPECT_EQ(hub_.desired("a"), "{}") << "a configuration without a condition selects nothing";
}

TEST_F(ConfigurationsTest, LeaveAloneWhatABackEndPutBeside) {
    hub_.add("a");
    ASSERT_TRUE(hub_.put("c", R"({"properties.desired.group":{"x":1,"y":2}})"));
    hub_.patch("a", R"({"properties":{"desired":{"group":{"own":3}}}})");
    EXPECT_EQ(hub_.desired("a"), R"({"group":{"x":1,"y":2,"own":3}})");
    ASSERT_TRUE(hub_.remove("c"));
    EXPECT_EQ(hub_.desired("a"), R"({"group":{"own":3}})");
}

TEST_F(ConfigurationsTest, StayInForceAgainstOtherWrites) {
    hub_.add("a");
    ASSERT_TRUE(hub_.put("c", R"({"properties.desired.x":1})"));
    hub_.patch("a", R"({"properties":{"desired":{"x":5,"own":1}}})");
    EXPECT_EQ(hub_.desired("a"), R"({"x":1,"own":1})");
    hub_.replace("a", R"({"properties":{"desired":{"own":2}}})");
    EXPECT_EQ(hub_.desired("a"), R"({"own":2,"x":1})");
}

TEST_F(ConfigurationsTest, WriteATwinOnceAndNotAgain) {
    hub_.add("a");
    ASSERT_TRUE(hub_.put("c", R"({"properties.desired.x":1})", "properties.reported.n > 0"));
    hub_.report("a", R"({"n":1})");
    const auto version = hub_.version("a");
    const auto commits = hub_.store.commits();
    for (int i = 2; i < 10; ++i) hub_.report("a", fmt::format(R"({{"n":{}}})", i));
    EXPECT_EQ(hub_.version("a"), version + 8) << "only what the device reported";
    EXPECT_EQ(hub_.store.commits(), commits + 8);
    hub_.restart();
    EXPECT_EQ(hub_.version("a"), version + 8);
    ASSERT_TRUE(hub_.put("d", R"({"properties.desired.x":1})", "*", 9));
    EXPECT_EQ(hub_.version("a"), version + 8) << "it holds that already";
    EXPECT_EQ(hub_.states("a"), R"({"c":{"status":"Targeted"},"d":{"status":"Applied"}})");
}

TEST_F(ConfigurationsTest, OfModulesAreForModulesAlone) {
    hub_.add("a");
    hub_.add("a/m");
    ASSERT_TRUE(hub_.put("c", R"({"properties.desired.x":1})", "FROM devices.modules WHERE moduleId = 'm'", 0,
                         {}, "moduleContent"));
    EXPECT_EQ(hub_.desired("a/m"), R"({"x":1})");
    EXPECT_EQ(hub_.desired("a"), "{}");
    hub_.add("a/n");
    EXPECT_EQ(hub_.desired("a/n"), "{}");
    EXPECT_EQ(hub_.put("d", R"({"properties.desired.x":1})", "FROM devices.modules").error().code,
              Errc::invalid_configuration_target_condition);
    hub_.leave("a");
    EXPECT_EQ(hub_.counts("c"), "0/0");
}

TEST_F(ConfigurationsTest, ATwinWithoutRoomIsOnlyTargetedUntilItHasRoom) {
    hub_.add("a");
    std::string big;
    for (int i = 0; i < 7; ++i)
        big += fmt::format(R"({}"b{}":"{}")", i ? "," : "", i, std::string(4000, 'x'));
    hub_.patch("a", R"({"properties":{"desired":{)" + big + "}}}");
    const auto before = hub_.desired("a");
    ASSERT_TRUE(hub_.put("small", R"({"properties.desired.s":1})"));
    const std::string settings = R"({"properties.desired.c":")" + std::string(4000, 'y') +
                                 R"(","properties.desired.d":")" + std::string(4000, 'z') + "\"}";
    ASSERT_TRUE(hub_.put("c", settings));
    EXPECT_EQ(hub_.desired("a"), before) << "all of it or nothing";
    EXPECT_EQ(hub_.states("a"), R"({"c":{"status":"Targeted"},"small":{"status":"Targeted"}})");
    EXPECT_EQ(hub_.counts("c"), "1/0");
    const auto version = hub_.version("a");
    hub_.restart();
    EXPECT_EQ(hub_.version("a"), version);
    EXPECT_EQ(hub_.states("a"), R"({"c":{"status":"Targeted"},"small":{"status":"Targeted"}})");
    hub_.patch("a", R"({"properties":{"desired":{"b0":null,"b1":null}}})");
    EXPECT_EQ(hub_.states("a"), R"({"c":{"status":"Applied"},"small":{"status":"Applied"}})");
    EXPECT_EQ(hub_.counts("c"), "1/1");
}

TEST_F(ConfigurationsTest, AreCreatedAndUpdatedAsIfMatchSays) {
    const auto made = hub_.put("c", R"({"properties.desired.x":1})");
    ASSERT_TRUE(made);
    EXPECT_FALSE(made->counts);
    EXPECT_EQ(hub_.put("c", R"({"properties.desired.x":1})").error().code,
              Errc::configuration_already_exists);
    EXPECT_EQ(hub_.put("c", R"({"properties.desired.x":1})", "*", 0, "unquoted").error().code,
              Errc::configuration_already_exists);
    EXPECT_EQ(hub_.put("d", R"({"properties.desired.x":1})", "*", 0, "*").error().code,
              Errc::configuration_not_found);
    EXPECT_EQ(hub_.put("c", R"({"properties.desired.x":1})", "*", 0, "\"Mg==\"").error().code,
              Errc::precondition_failed);
    hub_.advance(5s);
    const auto updated = hub_.put("c", R"({"properties.desired.x":2})", "tags.x = 1", 7, "\"MQ==\"");
    ASSERT_TRUE(updated);
    EXPECT_EQ(updated->configuration.etag, 2U);
    EXPECT_EQ(updated->configuration.content, R"({"deviceContent":{"properties.desired.x":1}})")
        << "it stays";
    EXPECT_EQ(updated->configuration.priority, 7);
    EXPECT_EQ(updated->configuration.created, made->configuration.created);
    EXPECT_EQ(updated->configuration.updated, made->configuration.created.plus_s(5));
    EXPECT_EQ(hub_.remove("c", "\"MQ==\"").error().code, Errc::precondition_failed);
    EXPECT_TRUE(hub_.remove("c", "\"Mg==\""));
    EXPECT_EQ(hub_.remove("c").error().code, Errc::configuration_not_found);
    EXPECT_EQ(hub_.view("c").error().code, Errc::configuration_not_found);
}

TEST_F(ConfigurationsTest, OfOneIdCreatedTwiceAtOnceOneIsRefused) {
    const auto wanted = [] {
        const auto json = JsonDocument::parse(R"({"content":{"deviceContent":{"properties.desired.x":1}}})");
        return *Configuration::parse("c", json->root());
    };
    auto first = hub_.hub->begin((*hub_.hub)->configurations().put(wanted(), EtagMatch{}));
    auto second = hub_.hub->begin((*hub_.hub)->configurations().put(wanted(), EtagMatch{}));
    hub_.settle();
    EXPECT_TRUE(**first);
    ASSERT_FALSE(**second);
    EXPECT_EQ((**second).error().code, Errc::configuration_already_exists);
}

TEST_F(ConfigurationsTest, AreAHundredAtMost) {
    for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(hub_.put(fmt::format("c{}", i), R"({"properties.desired.x":1})", ""));
    EXPECT_EQ(hub_.put("more", R"({"properties.desired.x":1})").error().code,
              Errc::configuration_count_limit_exceeded);
    ASSERT_TRUE(hub_.remove("c50"));
    EXPECT_TRUE(hub_.put("more", R"({"properties.desired.x":1})"));
    EXPECT_EQ(hub_.run((*hub_.hub)->configurations().list()).size(), 100U);
}

TEST_F(ConfigurationsTest, AreRefusedForConditionsAndQueriesThatCannotBe) {
    const std::string settings = R"({"properties.desired.x":1})";
    EXPECT_EQ(hub_.put("c", settings, "tags.x =").error().code, Errc::invalid_configuration_target_condition);
    EXPECT_EQ(hub_.put("c", settings, "properties.desired.x = 1").error().code,
              Errc::invalid_configuration_target_condition);
    EXPECT_EQ(hub_.put("c", "{}").error().code, Errc::invalid_configuration_content);
    for (const char* query : {"SELECT", "SELECT COUNT() FROM devices", "SELECT * FROM devices.jobs",
                              "SELECT TOP 5 deviceId FROM devices"}) {
        const auto queries = fmt::format(R"({{"m":"{}"}})", query);
        EXPECT_EQ(hub_.put("c", settings, "*", 0, {}, "deviceContent", queries).error().code,
                  Errc::invalid_configuration_custom_metrics_query)
            << query;
    }
}

TEST(MetricQuery, IsOfWhatTheContentIsForWhereItHasNoFrom) {
    using Of = ConfigurationContent::Of;
    for (const char* text : {"select *", "SELECT deviceId WHERE tags.a = 'from'", "select * from devices"})
        EXPECT_EQ(parse_metric_query(text, Of::devices)->collection, query::Collection::devices) << text;
    EXPECT_EQ(parse_metric_query("select * where tags.a = 1", Of::modules)->collection,
              query::Collection::modules);
    EXPECT_EQ(parse_metric_query("select * from devices", Of::modules)->collection,
              query::Collection::devices);
    for (const char* text : {"", "select", "select * where", "select * group by tags.a", "where tags.a = 1"})
        EXPECT_FALSE(parse_metric_query(text, Of::devices)) << text;
}

TEST_F(ConfigurationsTest, CountTheirMetricsWhenTheyAreInForceAndThenAtTheInterval) {
    for (const char* id : {"a", "b", "c"}) hub_.add(id);
    const std::string queries =
        R"({"done":"SELECT deviceId FROM devices WHERE configurations.[[c]].status = 'Applied' AND properties.reported.ok = true",)"
        R"("modules":"SELECT * FROM devices.modules"})";
    ASSERT_TRUE(hub_.put("c", R"({"properties.desired.x":1})", "*", 0, {}, "deviceContent", queries));
    using Custom = std::vector<std::pair<std::string, std::int64_t>>;
    EXPECT_EQ(hub_.view("c")->counts->custom, (Custom{{"done", 0}, {"modules", 0}}));
    hub_.report("a", R"({"ok":true})");
    hub_.add("a/m");
    hub_.advance(299s);
    EXPECT_EQ(hub_.view("c")->counts->custom, (Custom{{"done", 0}, {"modules", 0}}));
    hub_.advance(2s);
    EXPECT_EQ(hub_.view("c")->counts->custom, (Custom{{"done", 1}, {"modules", 1}}));
    hub_.restart();
    EXPECT_EQ(hub_.view("c")->counts->custom, (Custom{{"done", 1}, {"modules", 1}}));
}

TEST_F(ConfigurationsTest, AreShownByTwinsAndQueries) {
    hub_.add("a");
    hub_.add("b");
    ASSERT_TRUE(hub_.put("c-1", R"({"properties.desired.x":1})", "deviceId = 'a'"));
    const auto rows = [this](std::string statement) {
        QueryRequest request;
        request.statement = std::move(statement);
        return hub_.run((*hub_.hub)->queries().run(std::move(request)))->items;
    };
    EXPECT_EQ(rows("SELECT deviceId FROM devices WHERE configurations.[[c-1]].status = 'Applied'"),
              std::vector<std::string>{R"({"deviceId":"a"})"});
    const auto whole = rows("SELECT * FROM devices");
    ASSERT_EQ(whole.size(), 2U);
    EXPECT_NE(whole[0].find(R"("configurations":{"c-1":{"status":"Applied"}})"), std::string::npos)
        << whole[0];
    EXPECT_EQ(whole[1].find("configurations"), std::string::npos);
}

TEST_F(ConfigurationsTest, ManyWrittenTwinsAreAllLookedAt) {
    for (int i = 0; i < 2'000; ++i) hub_.add(fmt::format("d{}", i));
    ASSERT_TRUE(hub_.put("c", R"({"properties.desired.x":1})"));
    EXPECT_EQ(hub_.counts("c"), "2000/2000");
    ASSERT_TRUE(hub_.remove("c"));
    for (int i = 0; i < 2'000; ++i) ASSERT_EQ(hub_.desired(fmt::format("d{}", i)), "{}");
}

TEST_F(ConfigurationsTest, NotifiesFewConnectedDevicesInATurn) {
    constexpr int count = 400;
    for (int i = 0; i < count; ++i) {
        hub_.add(fmt::format("d{}", i));
        hub_.connect(fmt::format("d{}", i));
    }
    const auto told = [this] {
        std::size_t sum = 0;
        for (const auto& [id, link] : hub_.links) sum += link->desired.size();
        return sum;
    };
    const auto put = hub_.begin_put("c", R"({"properties.desired.x":1})");
    for (std::size_t before = 0; told() < count; before = told()) {
        hub_.step();
        ASSERT_LE(told() - before, 2 * ConfigurationShard::told_max) << "of two shards";
    }
    hub_.settle();
    EXPECT_EQ(hub_.counts("c"), "400/400");
    EXPECT_EQ(told(), static_cast<std::size_t>(count));
}

TEST_F(ConfigurationsTest, MoreWrittenTwinsThanMayWaitAreAllLookedAtAsWell) {
    hub_.add("a");
    ASSERT_TRUE(hub_.put("c", R"({"properties.desired.x":1})", "tags.g = 1"));
    const Document plain = *hub_.find("a")->committed;
    hub_.patch("a", R"({"tags":{"g":1}})");
    const Document tagged = *hub_.find("a")->committed;
    Shard& shard = hub_.owner("a");
    std::vector<Record*> records;
    for (std::size_t i = 0; records.size() <= ConfigurationShard::waiting_max; ++i) {
        const auto key = *IdentityKey::parse(fmt::format("m{}", i));
        if (&(*hub_.hub)->shards().owner(key.device) != &shard) continue;
        records.push_back(&shard.directory().add(key));
        records.back()->committed = plain;
    }
    // All come to rest in one turn of the loop, before the first is looked at.
    for (Record* record : records) shard.write_whole(*record, tagged);
    hub_.settle();
    EXPECT_EQ(hub_.counts("c"), fmt::format("{0}/{0}", records.size() + 1));
}

}  // namespace
}  // namespace carillon
