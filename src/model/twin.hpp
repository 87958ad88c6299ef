#pragma once

#include "model/identity.hpp"
#include "model/section/section.hpp"

#include <optional>
#include <string>

namespace carillon {

/// The api generation a request speaks: 2016-09-30-preview, or anything later.
enum class Flavour : std::uint8_t { preview, ga };

/// A device or module twin: cheap to copy, as its sections are shared.
struct Twin {
    Section tags;
    Section desired;
    Section reported;
    std::int64_t version = 2;  ///< Root `version`: starts at 2, as published samples show.
    std::uint64_t etag = 1;    ///< Service writes to tags and desired; printed big-endian in base64.

    static Twin fresh(WallTime now);
};

/// All that is stored of one identity, and what its shard keeps resident: 48 bytes here, the
/// rest shared and immutable.
struct Document {
    PackedIdentity identity;
    Twin twin;
};

/// `AAAAAAAAAAE=`: base64 of the 8-byte big-endian counter.
std::string twin_etag_text(std::uint64_t etag);

/// A service write to a twin, checked. A section that is absent is not touched by a PATCH and
/// wiped by a PUT; a null section of a PATCH is cleared (azure-iot-sdk-node: twin_e2e_tests.js).
struct TwinPatch {
    std::optional<SectionPatch> tags;
    std::optional<SectionPatch> desired;
    bool clear_tags = false;
    bool clear_desired = false;

    bool is_empty() const { return !tags && !desired && !clear_tags && !clear_desired; }

    /// Reads the body of a twin PATCH or PUT. Everything but `tags` and `properties.desired` is
    /// ignored, as tools send back whole twins; a `deviceId` or `moduleId` that names another twin is
    /// refused. Fails with `argument_invalid` or `iot_hub_format_error`.
    /// Source: IoT Hub docs, "Understand and use device twins", back-end operations.
    static Result<TwinPatch> parse(JsonValue body, const IdentityKey& key);
    /// Reads the `updateTwin` of a job: `etag` must be `*`, a root-level `desired` stands for
    /// `properties.desired` in the preview and is refused later, a patch of nothing is refused. Fails
    /// with `argument_invalid`, or `argument_null` if there is no object.
    /// Source: IoT Hub docs, "Schedule jobs on multiple devices"; azure-iot-sdk-node#44.
    static Result<TwinPatch> parse_job(JsonValue update_twin, Flavour flavour);
};

/// An accepted write: the twin after it, and what its device is told if it is connected.
struct TwinChange {
    Twin twin;
    /// Body of the desired-properties notification, `$version` included; empty if none is due or
    /// none was asked for.
    std::string notification;
};

/// Applies a service write. A PATCH that holds no member at all changes nothing; else root version
/// and etag move by one, and the desired `$version` if a desired property was touched; a PUT always
/// moves them. Values are not compared. Nothing is applied in part. Fails with `argument_invalid`
/// (sizes).
/// Source: IoT Hub docs, "Understand and use device twins"; azure-iot-sdk-csharp#954.
Result<TwinChange> patch_twin(const Twin& twin, const TwinPatch& patch, WallTime now,
                              Notification notification = Notification::write);
Result<TwinChange> replace_twin(const Twin& twin, const TwinPatch& content, WallTime now,
                                Notification notification = Notification::write);
/// Applies a device's write to its reported properties: root version and reported `$version` move by
/// one if anything was touched. Over the size limit fails with `generic_request_entity_too_large`
/// (413 on MQTT).
Result<TwinChange> patch_reported(const Twin& twin, const SectionPatch& patch, WallTime now);

/// Appends the whole twin as a service client sees it; preview clients get the same, as they merge
/// whatever arrives. Source: IoT Hub docs, "Understand and use device twins"; azure-iot-hub-python:
/// service.json.
void append_twin_json(std::string& out, const Document& document, const LiveState& live, Flavour flavour);
/// Appends `{"desired":…,"reported":…}` as a device sees it: `$version` but no `$metadata`, all but
/// ASCII escaped.
void append_device_twin_json(std::string& out, const Twin& twin);

/// The stored form of a whole document, and back. `decode_document` fails with `store_corrupt`.
/// Format: docs/twin-encoding.md.
std::string encode_document(const Document& document, std::uint64_t sequence, std::uint32_t ordinal);
struct StoredDocument {
    Document document;
    std::uint64_t sequence = 0;  ///< Of the shard's log when this was written, see core/shard/shard.hpp.
    std::uint32_t ordinal = 0;
};
Result<StoredDocument> decode_document(Bytes bytes);

}  // namespace carillon
