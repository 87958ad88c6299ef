// What a device asks of the hub before and after it uploads a file. Page: docs/file-upload.md.

#include "core/messages/files/uploads.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "core/messages/messages.hpp"
#include "endpoint/rest/files/blob_exchange.hpp"
#include "endpoint/rest/files/handlers.hpp"
#include "endpoint/rest/request.hpp"
#include "wire/sas/sas_token.hpp"

#include <fmt/core.h>

namespace carillon::rest {

namespace {

Error takes_none() {
    return {Errc::generic_not_implemented,
            "File upload is not supported, it is turned off (files.file_bytes_max)."};
}

/// The host under which the device reaches the hub, with its port.
std::string host_of(const Request& request) {
    const std::string_view host = request.header("host").value_or("");
    const std::size_t port = host.find(':');
    if (sas::is_hub_name(host.substr(0, port), request.hub.host_names())) return std::string(host);
    return request.hub.host_names().front();
}

Task<Result<HttpResponse>> begin(Request& request, std::string name) {
    auto device = request.device_key();
    if (!device) co_return fail(std::move(device).error());
    Uploads& uploads = request.hub.messages().uploads();
    if (!uploads.is_on()) co_return fail(takes_none());
    auto beginning = uploads.begin(device->device, std::move(name));
    const auto upload = co_await std::move(beginning);
    if (!upload) co_return fail(upload.error());
    std::string body;
    JsonWriter(body)
        .begin_object()
        .member("correlationId", upload->id)
        .member("hostName", host_of(request))
        .member("containerName", file_container)
        .member("blobName", upload->device.str() + "/" + upload->name)
        .member("sasToken", upload_token(uploads, *upload))
        .end_object();
    co_return ok(std::move(body));
}

Task<Result<HttpResponse>> end(Request& request, std::optional<std::string> id) {
    const auto device = request.device_key();
    if (!device) co_return fail(device.error());
    Uploads& uploads = request.hub.messages().uploads();
    if (!uploads.is_on()) co_return fail(takes_none());
    const auto document = JsonDocument::parse(request.http->body);
    if (!document) co_return fail(document.error());
    MemberReader members(document->root());
    if (!id) {
        const auto named = members.text("correlationId");
        if (named) id = std::string(*named);
        if (!named && members.ok()) members.refuse("correlationId is missing");
    }
    const bool is_successful = members.boolean("isSuccess").value_or(false);
    if (!members.ok()) co_return fail(members.error().error());
    const std::string base = fmt::format("https://{}/{}/", host_of(request), file_container);
    auto ending = uploads.end(device->device, *std::move(id), is_successful, base);
    const auto ended = co_await std::move(ending);
    if (!ended) co_return fail(ended.error());
    co_return no_content();
}

}  // namespace

/// Source: azure-iot-sdk-node: file_upload_api.ts; IoT Hub REST reference, "Create File Upload Sas Uri".
Task<Result<HttpResponse>> begin_upload(Request& request) {
    const auto document = JsonDocument::parse(request.http->body);
    if (!document) co_return fail(document.error());
    MemberReader members(document->root());
    const auto name = members.text("blobName");
    if (members.ok() && !name) members.refuse("blobName is missing");
    if (!members.ok()) co_return fail(members.error().error());
    auto beginning = begin(request, std::string(*name));
    co_return co_await std::move(beginning);
}

/// As devices of 2016 asked for it. Source: azure-iot-sdk-c: iothub_client_ll_uploadtoblob.c.
Task<Result<HttpResponse>> begin_named_upload(Request& request) {
    return begin(request, std::string(request.ids[1]));
}

/// Source: azure-iot-sdk-node: file_upload_api.ts has the correlation id in the path, azure-iot-sdk-csharp:
/// HttpTransportHandler.cs in the body.
Task<Result<HttpResponse>> end_upload(Request& request) {
    return end(request, std::nullopt);
}

Task<Result<HttpResponse>> end_named_upload(Request& request) {
    return end(request, std::string(request.ids[1]));
}

}  // namespace carillon::rest
