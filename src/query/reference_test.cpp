// Random conditions over random twins: the evaluator and the reference must keep the same rows.

#include "query/test_columns.hpp"
#include "query/test_reference.hpp"

#include <gtest/gtest.h>
#include <chrono>
#include <cstdlib>
#include <random>

namespace carillon::query {
namespace {

constexpr std::string_view paths[] = {"deviceId",
                                      "id",
                                      "devices.deviceId",
                                      "status",
                                      "STATUS",
                                      "statusReason",
                                      "statusUpdateTime",
                                      "connectionState",
                                      "lastActivityTime",
                                      "LastActivityTime",
                                      "cloudToDeviceMessageCount",
                                      "version",
                                      "etag",
                                      "authenticationType",
                                      "modelId",
                                      "x509Thumbprint",
                                      "x509Thumbprint.primaryThumbprint",
                                      "capabilities",
                                      "capabilities.iotEdge",
                                      "tags",
                                      "tags.a",
                                      "tags.b",
                                      "tags.b.c",
                                      "tags.b.d",
                                      "tags.[[x-y]]",
                                      "tags.A",
                                      "Tags.a",
                                      "tags.list",
                                      "tags.list[0]",
                                      "tags.list[1]",
                                      "tags.list[9]",
                                      "tags.none",
                                      "properties",
                                      "properties.desired",
                                      "properties.reported",
                                      "properties.desired.a",
                                      "properties.desired.b.c",
                                      "properties.reported.a",
                                      "properties.Reported.b",
                                      "properties.reported.b.d",
                                      "properties.desired.$version",
                                      "properties.reported.$version",
                                      "properties.desired.$metadata",
                                      "properties.desired.$metadata.$lastUpdated",
                                      "properties.desired.$metadata.$lastUpdatedVersion",
                                      "properties.desired.$metadata.a.$lastUpdated",
                                      "properties.desired.$metadata.b.c.$lastUpdatedVersion",
                                      "properties.reported.$metadata.a.$lastUpdated",
                                      "properties.reported.$metadata.a",
                                      "nothing",
                                      "a.b",
                                      "moduleId",
                                      "deviceScope",
                                      "parentScopes",
                                      "parentScopes[0]",
                                      "configurations.[[x]].status"};

constexpr std::string_view literals[] = {"1",
                                         "2",
                                         "0",
                                         "5.5",
                                         "-1",
                                         "10",
                                         "1e1",
                                         "'a'",
                                         "'b'",
                                         "'1'",
                                         "''",
                                         "'enabled'",
                                         "'device-3'",
                                         "'Connected'",
                                         "'2026-09-21T15:33:22Z'",
                                         "'2026-09-21T15:33:21.5Z'",
                                         "'2026-09-21'",
                                         "'0001-01-01T00:00:00Z'",
                                         "true",
                                         "false",
                                         "null",
                                         "undefined",
                                         "'AAAAAAAAAAE='"};

/// Makes conditions and twins from one seed.
class Generator {
public:
    explicit Generator(std::uint64_t seed) : random_(seed) {}

    std::string condition(int depth) {
        switch (depth <= 0 ? 0 : below(8)) {
            case 0:
            case 1:
            case 2:
                return comparison(depth);
            case 3:
                return "(" + condition(depth - 1) + ") AND (" + condition(depth - 1) + ")";
            case 4:
                return condition(depth - 1) + " OR " + condition(depth - 1);
            case 5:
                return "NOT (" + condition(depth - 1) + ")";
            case 6:
                return "NOT " + comparison(depth);
            default:
                return function(depth);
        }
    }

    std::string twin() {
        std::string json = "{\"identity\":{";
        if (below(3) == 0) json += "\"status\":\"disabled\",\"statusReason\":\"a\"";
        json += "},\"tags\":" + object(2);
        for (const std::string_view section : {"desired", "reported"}) {
            json += ",\"" + std::string(section) + "\":[";
            for (int i = below(3); i > 0; --i) json += object(2) + (i > 1 ? "," : "");
            json += "]";
        }
        json += below(2) == 0 ? ",\"connected\":true" : "";
        json += below(2) == 0 ? ",\"lastActivityTime\":\"2026-09-21T15:33:22Z\"" : "";
        json += ",\"messages\":" + std::to_string(below(3)) + "}";
        return json;
    }

    std::string_view path() { return paths[below(std::size(paths))]; }

private:
    template <class T>
    int below(T end) {
        return static_cast<int>(random_() % static_cast<std::uint64_t>(end));
    }

    std::string value(int depth) {
        switch (below(10)) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4:
                return std::string(path());
            case 5:
            case 6:
            case 7:
                return std::string(literals[below(std::size(literals))]);
            case 8: {
                constexpr std::string_view operators[] = {" + ", " - ", " * ", " / ", " % "};
                return operand(depth) + std::string(operators[below(5)]) + operand(depth);
            }
            default:
                return depth > 0 ? function(depth - 1) : "tags.a";
        }
    }

    std::string operand(int depth) {
        const int kind = below(6);
        if (kind == 0 && depth > 0) return "(" + value(depth - 1) + ")";
        if (kind == 1) return "-" + std::string(path());
        return std::string(kind < 4 ? path() : literals[below(std::size(literals))]);
    }

    std::string comparison(int depth) {
        constexpr std::string_view operators[] = {
            " = ", " != ", " <> ", " < ", " <= ", " > ", " >= ", "=", ">"};
        if (below(4) > 0) return value(depth) + std::string(operators[below(9)]) + value(depth);
        constexpr std::string_view kinds[] = {" IN [", " NIN [", " NOT IN [", " in ["};
        std::string list = std::string(path()) + std::string(kinds[below(4)]);
        for (int i = below(4); i > 0; --i) list += value(depth - 1) + (i > 1 ? ", " : "");
        return list + "]";
    }

    std::string function(int depth) {
        constexpr std::string_view of_one[] = {"IS_DEFINED", "IS_NULL",  "IS_BOOL",   "IS_NUMBER",
                                               "IS_STRING",  "IS_ARRAY", "IS_OBJECT", "IS_PRIMITIVE",
                                               "ABS",        "FLOOR",    "LENGTH",    "lower"};
        constexpr std::string_view of_two[] = {"STARTSWITH", "EndsWith", "ARRAY_CONTAINS", "CONCAT",
                                               "INDEX_OF"};
        if (below(2) == 0) {
            return std::string(of_one[below(std::size(of_one))]) + "(" + value(depth - 1) + ")";
        }
        return std::string(of_two[below(std::size(of_two))]) + "(" + value(depth - 1) + ", " +
               value(depth - 1) + ")";
    }

    std::string leaf() {
        constexpr std::string_view leaves[] = {"1",
                                               "2",
                                               "5.5",
                                               "-1",
                                               "10.0",
                                               "true",
                                               "false",
                                               "\"a\"",
                                               "\"b\"",
                                               "\"1\"",
                                               "\"\"",
                                               "\"2026-09-21T15:33:22.0Z\"",
                                               "[1,\"a\",true]",
                                               "[]",
                                               "[[1],{\"c\":2}]",
                                               "{}"};
        return std::string(leaves[below(std::size(leaves))]);
    }

    std::string object(int depth) {
        constexpr std::string_view keys[] = {"a", "b", "c", "d", "x-y", "A", "list"};
        std::string json = "{";
        for (const std::string_view key : keys) {
            if (below(2) == 0) continue;
            if (json.size() > 1) json += ',';
            json += "\"" + std::string(key) + "\":";
            json += depth > 0 && key == "b" && below(2) == 0 ? object(depth - 1) : leaf();
        }
        return json + "}";
    }

    std::mt19937_64 random_;
};

struct Sample {
    TestRow row;
    std::string json;
};

std::vector<Sample> make_samples(Generator& generator, int count) {
    std::vector<Sample> samples;
    for (int i = 0; i < count; ++i) {
        TestRow row = make_row("device-" + std::to_string(i), "", generator.twin());
        std::string json;
        append_twin_json(json, row.document, row.live, Flavour::ga);
        samples.push_back(Sample{std::move(row), std::move(json)});
    }
    return samples;
}

/// A new seed each run, printed; CARILLON_SEED repeats one.
std::uint64_t seed() {
    if (const char* text = std::getenv("CARILLON_SEED")) return std::strtoull(text, nullptr, 10);
    return std::random_device{}();
}

TEST(Reference, KeepsTheSameRowsOfRandomQueriesAndSoDoColumns) {
    const std::uint64_t with = seed();
    std::printf("CARILLON_SEED=%llu\n", static_cast<unsigned long long>(with));
    Generator generator(with);
    std::size_t kept = 0;
    std::size_t pairs = 0;
    std::size_t exact = 0;
    std::uint64_t overdrawn = 0;
    for (int round = 0; round < 50; ++round) {
        auto samples = make_samples(generator, 40);
        TestColumns columns;
        for (std::size_t at = 0; at < samples.size(); ++at) columns.put(at, samples[at].row);
        for (int i = 0; i < 50; ++i) {
            // Between two queries rows change, go and come, as in a hub.
            const auto changed = static_cast<std::size_t>(i) % samples.size();
            const auto gone = static_cast<std::size_t>(i * 7 + 1) % samples.size();
            samples[changed] = std::move(make_samples(generator, 1).front());
            columns.put(changed, samples[changed].row);
            columns.erase(gone);
            const std::string text = generator.condition(3);
            const auto query = parse_query("SELECT * FROM devices WHERE " + text);
            ASSERT_TRUE(query) << text << "\n" << query.error().detail;
            std::vector<std::size_t> kept_numbers;
            for (const Sample& sample : samples) {
                const bool keeps = query->where.keeps(sample.row.row());
                ASSERT_EQ(keeps, reference_keeps(text, sample.json)) << text << "\n" << sample.json;
                // A bound may withhold an answer, and never gives another.
                Meter tight{.limits = {.row_steps_max = 1 + pairs % 40}};
                const bool keeps_within = query->where.keeps(sample.row.row(), tight);
                ASSERT_EQ(keeps_within, keeps && tight.overdrawn == 0) << text << "\n" << sample.json;
                overdrawn += tight.overdrawn;
                const std::size_t number = pairs % samples.size();
                if (keeps && number != gone) kept_numbers.push_back(number);
                kept += keeps ? 1 : 0;
                ++pairs;
            }
            ASSERT_EQ(columns.kept(query->where, Collection::devices), kept_numbers) << text;
            columns.put(gone, samples[gone].row);
        }
        exact += columns.exact_queries();
    }
    EXPECT_EQ(pairs, 100'000U);
    EXPECT_GT(overdrawn, pairs / 20) << "the bounds of this test are too wide to be met";
    EXPECT_GT(exact, 500U) << "hardly any condition is answered from columns alone";
    EXPECT_GT(kept, pairs / 20) << "the generator hardly makes anything true";
}

TEST(Reference, SelectsTheSameValues) {
    const std::uint64_t with = seed();
    std::printf("CARILLON_SEED=%llu\n", static_cast<unsigned long long>(with));
    Generator generator(with);
    for (const Sample& sample : make_samples(generator, 300)) {
        for (const std::string_view path : paths) {
            const auto query = parse_query("SELECT " + std::string(path) + " AS x FROM devices");
            ASSERT_TRUE(query) << path;
            std::string item;
            Meter meter;
            ASSERT_TRUE(query->append_projected(item, sample.row.row(), meter));
            const auto expected = reference_select(path, sample.json);
            ASSERT_EQ(canonical_json(item), expected ? canonical_json("{\"x\":" + *expected + "}") : "{}")
                << path << "\n"
                << sample.json;
        }
    }
}

}  // namespace
}  // namespace carillon::query
