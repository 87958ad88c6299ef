// Bounds, short cuts and rows of jobs; what statements answer is in tests/query/cases.txt.

#include "query/test_fleet.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace carillon::query {
namespace {

std::string repeated(std::string_view text, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
}

Result<Query> where(const std::string& condition) {
    return parse_query("SELECT * FROM devices WHERE " + condition);
}

bool keeps(const std::string& condition, std::string_view json = "{}") {
    const auto query = where(condition);
    EXPECT_TRUE(query) << query.error().detail;
    const TestRow row = make_row("d", "", json);
    return query && query->where.keeps(row.row());
}

std::string refusal(const Result<Query>& query) {
    return query ? "accepted" : query.error().detail;
}

TEST(QueryBounds, SixtyFourBracketsAreReadAndOneMoreIsRefused) {
    const auto nested = [](std::size_t depth) {
        return repeated("(", depth) + "true" + repeated(")", depth);
    };
    EXPECT_TRUE(keeps(nested(64)));
    EXPECT_EQ(refusal(where(nested(65))), "Line 1:93 Expression is nested too deeply");
}

TEST(QueryBounds, NotCallsAndListsNestNoDeeper) {
    EXPECT_TRUE(keeps(repeated("NOT ", 64) + "true"));
    EXPECT_FALSE(where(repeated("NOT ", 65) + "true"));
    EXPECT_TRUE(keeps(repeated("IS_DEFINED(", 64) + "1" + repeated(")", 64)));
    EXPECT_FALSE(where(repeated("IS_DEFINED(", 65) + "1" + repeated(")", 65)));
    EXPECT_TRUE(where(repeated("1 IN (", 64) + "1" + repeated(")", 64)));
    EXPECT_FALSE(where(repeated("1 IN (", 65) + "1" + repeated(")", 65)));
}

TEST(QueryBounds, NoDepthOfNestingHurts) {
    for (const char* opener : {"(", "NOT ", "IS_DEFINED(", "1 IN [", "-(", "[[", "tags["}) {
        const std::string text = repeated(opener, 60'000 / std::string_view(opener).size());
        EXPECT_FALSE(where(text)) << opener;
        EXPECT_FALSE(parse_job_condition(text)) << opener;
    }
}

TEST(QueryBounds, LongChainsAreReadAndEvaluated) {
    EXPECT_TRUE(keeps("true" + repeated(" AND true", 6000)));
    EXPECT_TRUE(keeps("false" + repeated(" OR false", 6000) + " OR true"));
    EXPECT_TRUE(keeps("0" + repeated("+1", 20'000) + " = 20000"));
    EXPECT_TRUE(keeps("1" + repeated("*1", 20'000) + " = 1"));
    EXPECT_FALSE(keeps("tags" + repeated(".a", 20'000) + " = 1"));
}

TEST(QueryBounds, AStatementOfTheGreatestLengthIsReadAndOneMoreByteIsRefused) {
    std::string text = "SELECT * FROM devices";
    text.resize(QueryLimits::statement_bytes_max, ' ');
    EXPECT_TRUE(parse_query(text));
    EXPECT_EQ(refusal(parse_query(text + " ")), "Statement is longer than 65536 characters");
    std::string condition = "true";
    condition.resize(QueryLimits::statement_bytes_max, ' ');
    EXPECT_TRUE(parse_job_condition(condition));
    EXPECT_FALSE(parse_job_condition(condition + " "));
    QueryOptions strict;
    strict.statement_bytes_max = QueryLimits::strict_statement_bytes_max;
    EXPECT_FALSE(parse_query(text, strict));
}

TEST(QueryBounds, AListAsLongAsAStatementIsLookedUp) {
    std::string list = "deviceId IN ['d'";
    for (int i = 0; list.size() < 64'000; ++i) list += ",'x" + std::to_string(i) + "'";
    EXPECT_TRUE(keeps(list + "]"));
    const auto ids = where(list + "]")->where.device_ids();
    ASSERT_TRUE(ids);
    EXPECT_GT(ids->size(), 7000U);
    EXPECT_TRUE(std::is_sorted(ids->begin(), ids->end()));
}

TEST(QueryBounds, BytesThatAreNoTextAreRefused) {
    EXPECT_FALSE(where("tags.a = '\xff'"));
    EXPECT_FALSE(where(std::string("tags.a = 1 \0", 12)));
    EXPECT_FALSE(parse_job_condition("\xc3\x28 = 1"));
}

TEST(QueryErrors, ColumnsCountCharactersAndLines) {
    EXPECT_EQ(refusal(where("tags.t = 'äöü' !")), "Line 1:44 Unexpected character at input '!'");
    EXPECT_EQ(refusal(where("true\n  AND\n tags.t ! 1")), "Line 3:9 Unexpected character at input '!'");
    EXPECT_EQ(refusal(where("NOPE(" + repeated("a", 100) + ")")), "Line 1:29 Unknown function 'NOPE'");
    const std::string shown = refusal(where("true " + repeated("ü", 100)));
    EXPECT_EQ(shown, "Line 1:34 Unexpected identifier at input '" + repeated("ü", 20) + "...'");
}

using Ids = std::vector<std::string>;

TEST(DeviceIds, ComeFromWhatMustHold) {
    const auto ids = [](const std::string& condition) {
        return where(condition)->where.device_ids().value_or(Ids{"any"});
    };
    EXPECT_EQ(ids("deviceId = 'a'"), Ids{"a"});
    EXPECT_EQ(ids("'a' = devices.DEVICEID"), Ids{"a"});
    EXPECT_EQ(ids("deviceId IN ['b', 'a', 'b', 1]"), (Ids{"a", "b"}));
    EXPECT_EQ(ids("tags.x = 1 AND deviceId IN ['b', 'a']"), (Ids{"a", "b"}));
    EXPECT_EQ(ids("deviceId IN ['b', 'a'] AND deviceId = 'c'"), Ids{"c"});
    EXPECT_EQ(ids("deviceId = 'a' OR id = 'b' AND true"), (Ids{"a", "b"}));
    EXPECT_EQ(ids("deviceId IN []"), Ids{});
    for (const char* any : {"deviceId != 'a'", "deviceId NIN ['a']", "NOT deviceId = 'a'", "tags.a = 'a'",
                            "deviceId = 'a' OR tags.x = 1", "deviceId > 'a'", "deviceId IN ['a', tags.x]",
                            "deviceId = tags.x", "deviceId = 1", "moduleId = 'a'"}) {
        EXPECT_EQ(ids(any), Ids{"any"}) << any;
    }
    EXPECT_FALSE(Condition().device_ids());
}

TEST(DeviceIds, PrefixComesFromStartsWith) {
    const auto prefix = [](const std::string& condition) {
        return where(condition)->where.device_id_prefix();
    };
    EXPECT_EQ(prefix("STARTSWITH(deviceId, 'ab')"), "ab");
    EXPECT_EQ(prefix("true AND STARTSWITH(deviceId, 'ab') AND STARTSWITH(deviceId, 'abc')"), "abc");
    EXPECT_EQ(prefix("NOT STARTSWITH(deviceId, 'ab')"), "");
    EXPECT_EQ(prefix("STARTSWITH(deviceId, 'ab') OR true"), "");
    EXPECT_EQ(prefix("STARTSWITH(tags.a, 'ab')"), "");
}

struct DeviceJobRows : ::testing::Test {
    DeviceJob job;

    DeviceJobRows() {
        job.device_id = "d1";
        job.job_id = "j1";
        job.type = JobType::device_method;
        job.status = DeviceJobStatus::completed;
        job.start = *parse_iso8601("2026-11-22T10:00:00Z");
        job.end = *parse_iso8601("2026-11-22T11:00:00Z");
        job.created = job.start.plus_s(1);
        job.last_updated = job.start.plus_s(2);
        job.answer = MethodAnswer{.status = 200, .payload = R"({"done":true,"list":[5]})"};
    }
    bool keeps(const std::string& condition) const {
        const auto query = parse_query("SELECT * FROM devices.jobs WHERE " + condition);
        EXPECT_TRUE(query) << query.error().detail;
        return query && query->where.keeps(Row(job));
    }
};

TEST_F(DeviceJobRows, AreFoundByTheirFields) {
    EXPECT_TRUE(keeps("devices.jobs.jobId = 'j1' AND devices.jobs.status = 'completed'"));
    EXPECT_TRUE(keeps("JOBID = 'j1' AND deviceId = 'd1' AND jobType = 'scheduleDeviceMethod'"));
    EXPECT_TRUE(keeps("devices.jobs.startTimeUtc > '2026-11-22T09:59:59.9999Z'"));
    EXPECT_TRUE(keeps("createdDateTimeUtc = createdTimeUtc AND createdTimeUtc = '2026-11-22T10:00:01.000Z'"));
    EXPECT_TRUE(keeps("lastUpdatedDateTimeUtc < endTimeUtc"));
    EXPECT_TRUE(keeps("outcome.deviceMethodResponse.status = 200"));
    EXPECT_TRUE(keeps("outcome.deviceMethodResponse.payload.done AND NOT IS_DEFINED(error)"));
    EXPECT_TRUE(keeps("outcome.deviceMethodResponse.payload.list[0] = 5"));
    EXPECT_TRUE(keeps("NOT IS_DEFINED(moduleId) AND NOT IS_DEFINED(tags.a) AND NOT IS_DEFINED(deviceId.x)"));
    EXPECT_FALSE(keeps("status = 'failed'"));
}

TEST_F(DeviceJobRows, FailuresShowTheirError) {
    job.status = DeviceJobStatus::failed;
    job.answer.reset();
    job.error_code = "JobRunPreconditionFailed";
    job.error_description = "offline";
    EXPECT_TRUE(keeps("status = 'failed' AND error.code = 'JobRunPreconditionFailed'"));
    EXPECT_TRUE(keeps("STARTSWITH(error.description, 'off')"));
}

TEST_F(DeviceJobRows, CancelledMayBeSpeltEitherWay) {
    job.status = DeviceJobStatus::canceled;
    for (const char* condition : {"status = 'canceled'", "status = 'cancelled'", "'cancelled' = status",
                                  "status IN ['failed', 'cancelled']"}) {
        EXPECT_TRUE(keeps(condition)) << condition;
    }
    EXPECT_FALSE(keeps("status != 'cancelled'"));
    EXPECT_FALSE(keeps("jobId = 'cancelled'"));
}

TEST_F(DeviceJobRows, JobIdsComeFromWhatMustHold) {
    const auto query =
        parse_query("SELECT * FROM devices.jobs WHERE devices.jobs.jobId IN ['b', 'a'] AND status = 'x'");
    EXPECT_EQ(query->where.job_ids(), (Ids{"a", "b"}));
    EXPECT_FALSE(query->where.device_ids());
}

TEST_F(DeviceJobRows, StatusesComeFromWhatMustHoldAsRowsSpellThem) {
    const auto statuses = [](const std::string& condition) {
        return parse_query("SELECT * FROM devices.jobs WHERE " + condition)->where.job_statuses();
    };
    EXPECT_EQ(statuses("jobId = 'a' AND status = 'failed'"), (Ids{"failed"}));
    EXPECT_EQ(statuses("status IN ['failed', 'cancelled']"), (Ids{"canceled", "failed"}));
    EXPECT_FALSE(statuses("status != 'failed'"));
    EXPECT_FALSE(statuses("status = 'failed' OR jobId = 'a'"));
}

}  // namespace
}  // namespace carillon::query
