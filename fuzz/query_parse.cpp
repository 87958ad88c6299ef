// Any bytes as a statement and as a job's condition; what parses is evaluated on fixed rows.

#include "base/json.hpp"
#include "query/query.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace carillon {
namespace {

struct Fixed {
    IdentityKey key = *IdentityKey::parse("device-1");
    Document document;
    LiveState live{.connected = true, .connection_updated = {}, .last_activity = now, .c2d_count = 3};
    DeviceJob job;

    static constexpr WallTime now = WallTime::from_unix_s(1'790'000'000);

    Fixed() {
        Identity identity(key);
        identity.iot_edge = true;
        identity.parent_scopes = {"scope-1"};
        document.identity = PackedIdentity(identity);
        const auto body = JsonDocument::parse(
            R"({"tags":{"a":1,"b":{"c":"x","list":[1,"a",{"k":"x"}]}},
                "properties":{"desired":{"a":true,"b":-2.5,"my-key":"2026-01-01T00:00:00Z"}}})");
        const auto patch = TwinPatch::parse(body->root(), key);
        CARILLON_ASSERT(patch.has_value());
        document.twin = patch_twin(Twin::fresh(now), *patch, now)->twin;
        job.device_id = "device-1";
        job.job_id = "job-1";
        job.status = DeviceJobStatus::completed;
        job.start = job.end = job.created = job.last_updated = now;
    }
};

void evaluate(const query::Condition& where, query::Collection collection, const Fixed& fixed) {
    const query::Row row = collection == query::Collection::jobs
                               ? query::Row(fixed.job)
                               : query::Row(fixed.document, fixed.key, fixed.live);
    const bool keeps = where.keeps(row);
    const auto ids = where.device_ids();
    where.job_ids();
    // What the short cut leaves out must not match.
    if (keeps && ids)
        CARILLON_ASSERT(std::find(ids->begin(), ids->end(), fixed.key.device.str()) != ids->end());
    if (keeps) CARILLON_ASSERT(fixed.key.device.str().starts_with(where.device_id_prefix()));
}

void run(std::string_view text, const Fixed& fixed) {
    query::QueryOptions options;
    options.functions = query::FunctionSet::permissive;
    if (const auto query = query::parse_query(text, options)) {
        evaluate(query->where, query->collection, fixed);
        const query::Row row(fixed.document, fixed.key, fixed.live);
        query::Meter meter;
        std::string out;
        if (query->is_aggregated()) {
            query::Aggregation groups(*query);
            CARILLON_ASSERT(groups.add(row, meter).has_value());
            CARILLON_ASSERT(groups.rows().size() == 1);
            out = groups.rows().front();
        } else if (!query->is_whole_rows()) {
            CARILLON_ASSERT(query->append_projected(out, row, meter).has_value());
        }
        if (!out.empty()) CARILLON_ASSERT(JsonDocument::parse(out).has_value());
    }
    if (const auto condition = query::parse_job_condition(text, options)) {
        evaluate(condition->where, condition->collection, fixed);
    }
}

}  // namespace
}  // namespace carillon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const carillon::Fixed fixed;
    carillon::run({reinterpret_cast<const char*>(data), size}, fixed);
    return 0;
}
