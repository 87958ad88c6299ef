// What became of each device of a job, as it is sent. Page: docs/live-progress.md.

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/hub/hub.hpp"
#include "core/jobs/jobs.hpp"
#include "core/jobs/reports/device_reports.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "endpoint/rest/rollouts/device_report_text.hpp"
#include "endpoint/rest/rollouts/report_filter.hpp"

#include <stdexcept>
#include <utility>

namespace carillon::rest {

namespace {

/// Rows as they are read: a reader that is slow keeps the hub to one part of the job.
class ReportSource final : public BodySource {
public:
    ReportSource(std::unique_ptr<DeviceReports> reports, bool is_csv)
        : reports_(std::move(reports)), is_csv_(is_csv) {}

    Task<std::string> next() override {
        std::string piece;
        if (is_csv_ && !std::exchange(has_begun_, true)) piece = report_csv_head;
        auto reading = reports_->next();
        const auto rows = co_await std::move(reading);
        if (!rows) {
            log.error("devices of a job not told to the end reason={:?}", rows.error().detail);
            throw std::runtime_error("devices of a job not read");  // What a body's source says of its end.
        }
        for (const auto& row : *rows) {
            if (is_csv_) {
                append_report_csv(piece, row);
            } else {
                append_report_json(piece, row);
                piece += '\n';
            }
        }
        co_return piece;
    }

private:
    std::unique_ptr<DeviceReports> reports_;
    const bool is_csv_;
    bool has_begun_ = false;
};

}  // namespace

Task<Result<HttpResponse>> list_job_devices(Request& request) {
    const auto format = request.parameter("format").value_or("ndjson");
    if (format != "ndjson" && format != "csv")
        co_return fail(Errc::argument_invalid, "format: must be ndjson or csv");
    const auto filter = read_report_filter(request);
    if (!filter) co_return fail(filter.error());
    auto reports = request.hub.jobs().report(std::string(request.ids[0]), *filter);
    if (!reports) co_return fail(std::move(reports).error());
    HttpResponse response;
    response.content_type = format == "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson";
    response.source = std::make_shared<ReportSource>(*std::move(reports), format == "csv");
    co_return response;
}

}  // namespace carillon::rest
