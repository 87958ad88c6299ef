#include "core/transfers/transfer_job.hpp"

#include "base/member_reader.hpp"
#include "base/stored_bytes.hpp"
#include "base/stored_number.hpp"
#include "base/text.hpp"
#include "core/transfers/blobs.hpp"

namespace carillon {
namespace {

constexpr std::uint8_t transfer_format = 1;
constexpr std::string_view default_blob = "devices.txt";

Result<TransferType> read_type(JsonValue value) {
    if (equals_ignoring_case(value.string(), "import")) return TransferType::import_devices;
    if (equals_ignoring_case(value.string(), "export")) return TransferType::export_devices;
    return fail(Errc::argument_invalid, "type must be import or export");
}

Result<> check_storage_authentication(JsonValue value) {
    if (value.is_null_or_absent() || equals_ignoring_case(value.string(), "keyBased")) return {};
    if (!equals_ignoring_case(value.string(), "identityBased")) {
        return fail(Errc::argument_invalid, "storageAuthenticationType must be keyBased or identityBased");
    }
    return fail(
        Errc::blob_container_validation_error,
        "This hub has no managed identity: give the container as a URI with a shared access signature.");
}

}  // namespace

Result<TransferOrder> TransferOrder::parse(JsonValue body) {
    if (!body.is_object()) return fail(Errc::iot_hub_format_error, "A job must be a JSON object.");
    TransferOrder order;
    MemberReader in(body);
    const JsonValue type_word = in.find("type");
    const JsonValue storage_authentication = in.find("storageAuthenticationType");
    struct Text {
        const char* name;
        std::string TransferOrder::*member;
        std::size_t bytes_max;
    };
    for (const Text& text :
         {Text{"inputBlobContainerUri", &TransferOrder::input_container, Blobs::uri_bytes_max},
          Text{"outputBlobContainerUri", &TransferOrder::output_container, Blobs::uri_bytes_max},
          Text{"inputBlobName", &TransferOrder::input_blob, Blobs::name_bytes_max},
          Text{"outputBlobName", &TransferOrder::output_blob, Blobs::name_bytes_max}}) {
        const std::string_view read = in.text(text.name).value_or("");
        if (read.size() > text.bytes_max) in.refuse(std::string(text.name) + " is too long");
        order.*text.member = read;
    }
    order.exclude_keys = in.boolean("excludeKeysInExport").value_or(false);
    order.include_configurations = in.boolean("includeConfigurations").value_or(false);
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    const auto type = read_type(type_word);
    if (!type) return fail(type.error());
    order.type = *type;
    if (auto checked = check_storage_authentication(storage_authentication); !checked) {
        return fail(std::move(checked).error());
    }
    const bool is_import = order.type == TransferType::import_devices;
    if (is_import && order.input_container.empty()) {
        return fail(Errc::argument_null, "inputBlobContainerUri is required");
    }
    if (order.output_container.empty()) {
        if (!is_import) return fail(Errc::argument_null, "outputBlobContainerUri is required");
        order.output_container = order.input_container;
    }
    if (is_import && order.input_blob.empty()) order.input_blob = default_blob;
    if (!is_import && order.output_blob.empty()) order.output_blob = default_blob;
    return order;
}

int TransferJob::progress() const {
    if (status == TransferStatus::completed) return 100;
    if (total == 0) return 0;
    const auto percent = static_cast<int>(static_cast<double>(done) / static_cast<double>(total) * 100);
    return percent > 99 ? 99 : percent;
}

std::string_view transfer_type_text(TransferType type) {
    return type == TransferType::import_devices ? "import" : "export";
}

std::string_view transfer_status_text(TransferStatus status) {
    switch (status) {
        case TransferStatus::enqueued:
            return "enqueued";
        case TransferStatus::running:
            return "running";
        case TransferStatus::completed:
            return "completed";
        case TransferStatus::failed:
            return "failed";
        case TransferStatus::cancelled:
            return "cancelled";
    }
    return "unknown";
}

void append_transfer_json(std::string& text, const TransferJob& job) {
    const bool is_import = job.order.type == TransferType::import_devices;
    JsonWriter out(text);
    out.begin_object().member("jobId", job.id);
    // The service knows no time of creation here; before its start a job has none.
    if (job.started.ticks != 0) out.member("startTimeUtc", to_iso8601(job.started));
    if (job.ended.ticks != 0) out.member("endTimeUtc", to_iso8601(job.ended));
    out.member("type", transfer_type_text(job.order.type)).member("status", transfer_status_text(job.status));
    out.member("progress", job.progress());
    if (is_import) out.member("inputBlobContainerUri", "").member("inputBlobName", job.order.input_blob);
    out.member("outputBlobContainerUri", "");
    if (!is_import) {
        out.member("outputBlobName", job.order.output_blob);
        out.member("excludeKeysInExport", job.order.exclude_keys);
    }
    out.member("includeConfigurations", job.order.include_configurations);
    out.member("storageAuthenticationType", "keyBased");
    if (job.lines > 0) out.member("lineCount", job.lines);
    if (job.errors > 0) out.member("errorCount", job.errors);
    if (!job.failure_reason.empty()) out.member("failureReason", job.failure_reason);
    if (!job.status_message.empty()) out.member("statusMessage", job.status_message);
    out.end_object();
}

std::string encode_transfer(const TransferJob& job) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u8(transfer_format);
    out.u8(static_cast<std::uint8_t>(job.order.type));
    out.u8(static_cast<std::uint8_t>(job.status));
    out.u8(static_cast<std::uint8_t>((job.order.exclude_keys ? 1 : 0) |
                                     (job.order.include_configurations ? 2 : 0)));
    for (const WallTime& time : {job.created, job.started, job.ended}) out.i64(time.ticks);
    for (const std::uint64_t count : {job.done, job.total, job.lines, job.errors, job.resumed_after,
                                      static_cast<std::uint64_t>(job.resumptions)}) {
        out.varint(count);
    }
    for (const std::string* text :
         {&job.id, &job.order.input_container, &job.order.output_container, &job.order.input_blob,
          &job.order.output_blob, &job.failure_reason, &job.status_message, &job.input_version}) {
        out.text(*text);
    }
    return bytes;
}

Result<TransferJob> decode_transfer(Bytes bytes) {
    StoredReader in(bytes);
    TransferJob job;
    if (in.u8() != transfer_format) in.spoil();
    const auto type = in.u8();
    const auto status = in.u8();
    const auto flags = in.u8();
    for (WallTime* time : {&job.created, &job.started, &job.ended}) time->ticks = in.i64();
    for (std::uint64_t* count : {&job.done, &job.total, &job.lines, &job.errors, &job.resumed_after}) {
        *count = in.varint();
    }
    job.resumptions = static_cast<std::uint32_t>(in.varint());
    for (std::string* text :
         {&job.id, &job.order.input_container, &job.order.output_container, &job.order.input_blob,
          &job.order.output_blob, &job.failure_reason, &job.status_message, &job.input_version}) {
        *text = in.text();
    }
    if (!in.is_done() || type < 1 || type > 2 || status < 1 || status > 5 || flags > 3) {
        return fail(Errc::store_corrupt, "a stored import or export job does not decode");
    }
    job.order.type = static_cast<TransferType>(type);
    job.status = static_cast<TransferStatus>(status);
    job.order.exclude_keys = (flags & 1) != 0;
    job.order.include_configurations = (flags & 2) != 0;
    return job;
}

std::string transfer_key(std::uint64_t job) {
    std::string key = "t";
    append_be(key, job);
    return key;
}

std::string transfer_cancel_key(std::uint64_t job) {
    std::string key = "w";
    append_be(key, job);
    return key;
}

std::uint64_t transfer_of_key(std::string_view key) {
    return read_be<std::uint64_t>(key.substr(1));
}

}  // namespace carillon
