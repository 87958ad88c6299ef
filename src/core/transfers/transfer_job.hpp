#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon {

enum class TransferType : std::uint8_t { import_devices = 1, export_devices = 2 };
enum class TransferStatus : std::uint8_t { enqueued = 1, running, completed, failed, cancelled };

/// What a client asks for: move the registry from or to a blob container.
/// Source: azure-iot-sdk-csharp: JobProperties.cs.
struct TransferOrder {
    TransferType type = TransferType::export_devices;
    std::string input_container;   ///< Of an import; a URI, which may hold a secret.
    std::string output_container;  ///< Of the export, or of an import's errors.
    std::string input_blob;
    std::string output_blob;
    bool exclude_keys = false;
    bool include_configurations = false;

    /// Reads the body of `POST /jobs/create`. Fails with `argument_invalid`, `argument_null`, or
    /// `iot_hub_format_error`; with `blob_container_validation_error` for access to containers by a
    /// managed identity, which this hub has none of.
    static Result<TransferOrder> parse(JsonValue body);
};

/// An import or export job: the order and how far it is.
struct TransferJob {
    std::uint64_t number = 0;  ///< In order of creation; never given twice.
    std::string id;            ///< Made by the hub.
    TransferOrder order;       ///< Without its containers once the job has ended.
    TransferStatus status = TransferStatus::enqueued;
    WallTime created;
    WallTime started;  ///< 0 before.
    WallTime ended;    ///< 0 before.
    std::string failure_reason;
    std::string status_message;

    // How far it is. An import: of its input's bytes; all lines up to `lines` are applied or refused,
    // durably. An export: of the identities there were at its beginning.
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::uint64_t lines = 0;
    std::uint64_t errors = 0;         ///< Lines refused, counted when an import ends.
    std::uint64_t resumed_after = 0;  ///< The line after which an import last went on after a restart.
    std::uint32_t resumptions = 0;
    std::string input_version;  ///< Of the blob when the import began.

    bool is_over() const { return status > TransferStatus::running; }
    int progress() const;  ///< 0 to 100.
};

std::string_view transfer_type_text(TransferType type);
std::string_view transfer_status_text(TransferStatus status);

/// Appends the job as clients see it. Containers are never repeated: the service leaves them empty, as
/// they hold secrets. Ours: `lineCount` and `errorCount`, absent where there is nothing to count.
/// Source: azure-iot-hub-python: service.json, JobProperties.
void append_transfer_json(std::string& out, const TransferJob& job);

/// The stored form, and back. Format: docs/storage.md. `decode_transfer` fails with `store_corrupt`.
std::string encode_transfer(const TransferJob& job);
Result<TransferJob> decode_transfer(Bytes bytes);

/// Keys of `Table::jobs`: a job's record, and that the job is to be cancelled. Others: `import_marks.hpp`.
std::string transfer_key(std::uint64_t job);
std::string transfer_cancel_key(std::uint64_t job);
inline constexpr std::string_view transfers_from = "t";
inline constexpr std::string_view transfers_to = "u";
std::uint64_t transfer_of_key(std::string_view key);

}  // namespace carillon
