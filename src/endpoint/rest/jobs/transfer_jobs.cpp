#include "base/text.hpp"
#include "core/queries/queries.hpp"
#include "core/registry/registry_export.hpp"
#include "core/transfers/transfers.hpp"
#include "endpoint/rest/handlers.hpp"
#include "endpoint/rest/registry/list_source.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

namespace {

constexpr std::string_view continuation_purpose = "registry";
/// A page of the registry, which its last line may pass.
constexpr std::size_t page_bytes = 768 * 1024;

std::string job_json(const TransferJob& job) {
    std::string body;
    append_transfer_json(body, job);
    return body;
}

/// One of a list.
Task<Result<std::string>> find_transfer_json(Hub& hub, std::string id) {
    const auto job = co_await hub.transfers().find(std::move(id));
    if (!job) co_return fail(job.error());
    co_return job_json(*job);
}

}  // namespace

// Import and export jobs. Source: IoT Hub docs, "Import and export IoT Hub device identities in bulk";
// azure-iot-hub-python: service.json. Tools look here when `/jobs/v2` does not know an id
// (azure-iot-cli-extension).

Task<Result<HttpResponse>> create_transfer_job(Request& request) {
    const auto body = JsonDocument::parse(request.http->body);
    if (!body) co_return fail(body.error());
    auto order = TransferOrder::parse(body->root());
    if (!order) co_return fail(std::move(order).error());
    auto creation = request.hub.transfers().create(*std::move(order));
    auto job = co_await std::move(creation);
    if (!job) co_return fail(std::move(job).error());
    co_return ok(job_json(*job));
}

Task<Result<HttpResponse>> list_transfer_jobs(Request& request) {
    std::vector<std::string> ids;
    const auto jobs = co_await request.hub.transfers().list();
    for (const TransferJob& job : jobs) ids.push_back(job.id);
    Hub& hub = request.hub;
    co_return ok_list(std::move(ids),
                      [&hub](std::string id) { return find_transfer_json(hub, std::move(id)); });
}

Task<Result<HttpResponse>> find_transfer_job(Request& request) {
    std::string id(request.ids[0]);
    const auto job = co_await request.hub.transfers().find(std::move(id));
    if (!job) co_return fail(job.error());
    co_return ok(job_json(*job));
}

Task<Result<HttpResponse>> cancel_transfer_job(Request& request) {
    std::string id(request.ids[0]);
    const auto cancelled = co_await request.hub.transfers().cancel(std::move(id));
    if (!cancelled) co_return fail(cancelled.error());
    co_return no_content();
}

// Ours: the registry page by page in the entries of `devices.txt`, for whoever has no blob container.
// Keys are in it, as in `GET /devices`.
Task<Result<HttpResponse>> export_registry(Request& request) {
    const auto exclude = request.parameter("excludeKeys");
    const bool excludes = exclude && (equals_ignoring_case(*exclude, "true") || *exclude == "1");
    const std::string purpose = std::string(continuation_purpose) + (excludes ? " without keys" : "");
    std::string after;
    if (const auto token = request.header("x-ms-continuation"); token && !token->empty()) {
        auto opened = request.hub.page_tokens().open(purpose, *token);
        if (!opened) co_return fail(std::move(opened).error());
        after = *std::move(opened);
    }
    RegistryExport walk(request.hub.port(), excludes ? ExportedKeys::excluded : ExportedKeys::included,
                        std::move(after));
    std::string lines;
    const auto more = co_await walk.append(lines, page_bytes);
    if (!more) co_return fail(more.error());
    if (!lines.empty()) lines.pop_back();
    for (char& c : lines) {
        if (c == '\n') c = ',';  // within the lines there are only escaped ones
    }
    HttpResponse response = ok("[" + lines + "]");
    if (*more) response.add("x-ms-continuation", request.hub.page_tokens().seal(purpose, walk.position()));
    co_return response;
}

}  // namespace carillon::rest
