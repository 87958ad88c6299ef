#include "core/jobs/reports/failure_report.hpp"

#include "core/jobs/job_tally.hpp"
#include "core/port/shard_port.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace carillon {
namespace {

/// What failures of one cause have in common.
using Cause = std::tuple<FailureKind, std::string, std::string, int>;

Cause cause_of(const DeviceReport& row) {
    return {row.kind.value_or(FailureKind::other), row.error_code, grouped_description(row.error_description),
            row.status};
}

Result<IdentityKey> key_of(const DeviceReport& row) {
    return row.module_id.empty() ? IdentityKey::parse(row.device_id)
                                 : IdentityKey::parse(row.device_id, row.module_id);
}

/// The values of these devices, all of one shard, as they are now.
Task<Result<std::vector<std::vector<FactorCounter::Value>>>> values_of(
    ShardPort& port, const DeviceId& first, const std::vector<DeviceReport>& rows) {
    static_assert(DeviceReports::rows_max <= ReadRows::keys_max);
    ReadRows request;
    std::map<IdentityKey, std::size_t> places;  // Bound: rows_max
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto key = key_of(rows[i]);
        if (!key || !places.emplace(*key, i).second) continue;
        request.keys.push_back(*std::move(key));
    }
    auto reading = port.ask(port.owner(first), std::move(request));
    const auto found = co_await std::move(reading);
    if (!found) co_return fail(found.error());
    std::vector<std::vector<FactorCounter::Value>> all(rows.size());
    std::string text;
    for (const FoundRow& row : *found) {
        const auto place = places.find(row.key);
        if (place == places.end()) continue;
        const std::size_t i = place->second;
        const auto& twin = row.document.twin;
        for (const auto& [path, section] : {std::pair<const char*, const Section*>{"tags", &twin.tags},
                                            {"properties.reported", &twin.reported}}) {
            text.clear();
            section->append_json(text, SectionForm::plain);
            const auto document = JsonDocument::parse(text);
            if (document) FactorCounter::append_leaves(all[i], path, document->root());
        }
    }
    co_return all;
}

/// The groups, without what explains them.
class Grouping {
public:
    void add(const DeviceReport& row) {
        ++report_.failed;
        auto cause = cause_of(row);
        auto found = groups_.find(cause);
        if (found == groups_.end()) {
            if (groups_.size() >= FailureReport::groups_max) {
                ++report_.unnamed;
                return;
            }
            FailureGroup group;
            std::tie(group.kind, group.code, group.description, group.status) = cause;
            found = groups_.emplace(std::move(cause), std::move(group)).first;
        }
        auto& group = found->second;
        ++group.count;
        if (row.wave) ++group.by_wave[*row.wave];
        if (group.samples.size() < FailureGroup::samples_max)
            group.samples.push_back(row.module_id.empty() ? row.device_id
                                                          : row.device_id + '/' + row.module_id);
    }
    FailureReport take() {
        for (auto& [cause, group] : groups_) report_.groups.push_back(std::move(group));
        std::stable_sort(report_.groups.begin(), report_.groups.end(),
                         [](const auto& a, const auto& b) { return a.count > b.count; });
        return std::move(report_);
    }

private:
    FailureReport report_;
    std::map<Cause, FailureGroup> groups_;  ///< Bound: groups_max
};

/// Looks at all targets once more, to tell what the failed ones have in common.
Task<Result<>> explain(ShardPort& port, DeviceReports& reports, FailureReport& report) {
    std::map<Cause, std::size_t> numbers;
    for (std::size_t i = 0; i < std::min(report.groups.size(), FactorCounter::groups_max); ++i) {
        const auto& group = report.groups[i];
        numbers.emplace(Cause(group.kind, group.code, group.description, group.status), i);
    }
    FactorCounter counter;
    for (;;) {
        auto reading = reports.next();
        const auto rows = co_await std::move(reading);
        if (!rows) co_return fail(rows.error());
        if (rows->empty()) break;
        const auto device = DeviceId::parse(rows->front().device_id);
        if (!device) continue;  // Of a list: an id that nothing can have.
        auto looking = values_of(port, *device, *rows);
        auto values = co_await std::move(looking);
        if (!values) co_return fail(std::move(values).error());
        for (std::size_t i = 0; i < rows->size(); ++i) {
            const auto& row = (*rows)[i];
            if (row.wave) (*values)[i].emplace_back("wave", std::to_string(*row.wave));
            std::optional<std::size_t> group;
            if (row.state == TargetState::failed) {
                if (const auto found = numbers.find(cause_of(row)); found != numbers.end())
                    group = found->second;
            }
            counter.add((*values)[i], group);
        }
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) report.groups[i].factors = counter.factors(i);
    co_return Result<>{};
}

}  // namespace

Task<Result<FailureReport>> report_failures(ShardPort& port, Jobs& jobs, std::string id,
                                            DeviceReportFilter filter) {
    filter.status = DeviceJobStatus::failed;
    auto failed = jobs.report(id, filter);
    if (!failed) co_return fail(std::move(failed).error());
    Grouping grouping;
    for (;;) {
        auto reading = (*failed)->next();
        const auto rows = co_await std::move(reading);
        if (!rows) co_return fail(rows.error());
        if (rows->empty()) break;
        for (const auto& row : *rows) grouping.add(row);
    }
    failed->reset();
    auto report = grouping.take();
    if (report.groups.empty() || report.groups.front().count < FactorCounter::failed_min) co_return report;
    DeviceReportFilter all;
    all.wave = filter.wave;
    auto reports = jobs.report(id, all);
    if (!reports) co_return fail(std::move(reports).error());
    auto explaining = explain(port, **reports, report);
    if (auto explained = co_await std::move(explaining); !explained)
        co_return fail(std::move(explained).error());
    co_return report;
}

}  // namespace carillon
