#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/etag_match.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// What an entry of an import, or of a bulk request, asks for. The modes that name an etag are these
/// with an etag to match. Source: IoT Hub docs, "Import and export IoT Hub device identities in bulk".
enum class ImportMode : std::uint8_t { create, update, create_or_update, remove, update_twin };

/// The identity that an entry names, as far as it can be read: what its error is reported under.
struct ImportName {
    std::string device;
    std::string module;
};

/// One entry of `devices.txt` or of a bulk request, checked as far as it can be without knowing what is
/// registered. Owns its text. Movable.
/// Source: azure-iot-sdk-csharp: ExportImportDevice.cs; IoT Hub docs, "Import and export IoT Hub
/// device identities in bulk".
class ImportEntry {
public:
    /// Reads one JSON object. Without an `importMode` it creates or updates. `name` is set to what it
    /// names, also where it is refused. Etags may stand in quotes. Fails with `iot_hub_format_error` for
    /// what is not a JSON object, with `argument_invalid` for an id or a mode that is none, or for tags or
    /// desired properties that break a rule.
    static Result<ImportEntry> parse(std::string text, ImportName& name);

    const IdentityKey& key() const { return key_; }
    /// What `parse` read.
    const std::string& text() const { return *text_; }
    ImportMode mode() const { return mode_; }
    /// Of the identity, or of the twin for `update_twin`; accepts anything where the mode names none.
    const EtagMatch& match() const { return match_; }
    bool writes_identity() const { return mode_ != ImportMode::remove && mode_ != ImportMode::update_twin; }
    /// The entry itself, for `parse_identity`.
    JsonValue identity() const { return document_.root(); }
    /// Tags and desired properties; nothing where there are none, always there for `update_twin`.
    const std::optional<TwinPatch>& twin() const { return twin_; }
    /// Reported properties, for a twin that is made anew.
    const std::optional<SectionPatch>& reported() const { return reported_; }
    /// False if the entry says nothing of how its identity proves itself, or only of which kind, as
    /// where keys were left out of an export: an update then keeps the credentials there are.
    /// Ours: new keys would cut off a device that an operator only meant to disable.
    bool names_credentials() const;
    bool names_authentication_type() const;

private:
    ImportEntry(IdentityKey key, std::unique_ptr<const std::string> text, JsonDocument document)
        : key_(std::move(key)), text_(std::move(text)), document_(std::move(document)) {}

    IdentityKey key_;
    ImportMode mode_ = ImportMode::create_or_update;
    EtagMatch match_;
    std::unique_ptr<const std::string> text_;  ///< What the document views.
    JsonDocument document_;
    std::optional<TwinPatch> twin_;
    std::optional<SectionPatch> reported_;
};

enum class ExportedKeys : std::uint8_t { included, excluded };

/// Appends an identity and its twin as one line of `devices.txt`, its newline included, such that
/// importing the line makes the same again. Excluded keys are null; thumbprints are no secret and stay.
/// Source: azure-iot-sdk-csharp: ExportImportDevice.cs.
void append_export_line(std::string& out, const Document& document, ExportedKeys keys);

/// A line of `importErrors.log` without its newline: `deviceId`, `moduleId` of a module, `errorCode`
/// and `errorStatus`. Ours: `line`, counted from 1; 0 leaves it out.
/// Source: IoT Hub docs, "Import and export IoT Hub device identities in bulk", import errors.
std::string import_error_json(const ImportName& name, const Error& error, std::uint64_t line);

}  // namespace carillon
