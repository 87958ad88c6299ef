#include "model/registry_line.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "model/identity_members.hpp"

#include <array>

namespace carillon {

namespace {

/// What an error repeats of an id, which may be none.
constexpr std::size_t shown_id_bytes_max = 256;

struct Mode {
    std::string_view word;
    ImportMode mode;
    bool must_match;  ///< Names an etag.
};
constexpr std::array<Mode, 9> modes{{
    {"create", ImportMode::create, false},
    {"update", ImportMode::update, false},
    {"updateIfMatchETag", ImportMode::update, true},
    {"createOrUpdate", ImportMode::create_or_update, false},
    {"createOrUpdateIfMatchETag", ImportMode::create_or_update, true},
    {"delete", ImportMode::remove, false},
    {"deleteIfMatchETag", ImportMode::remove, true},
    {"updateTwin", ImportMode::update_twin, false},
    {"updateTwinIfMatchETag", ImportMode::update_twin, true},
}};

Result<Mode> read_mode(JsonValue word) {
    const std::string_view text = word.is_null_or_absent() ? "createOrUpdate" : word.string();
    for (const Mode& known : modes) {
        if (equals_ignoring_case(known.word, text)) return known;
    }
    return fail(Errc::argument_invalid, "The importMode is unknown.");
}

EtagMatch read_match(MemberReader& entry, const Mode& mode) {
    EtagMatch match;
    match.kind = EtagMatch::Kind::any;
    if (!mode.must_match) return match;
    const bool is_twin = mode.mode == ImportMode::update_twin;
    // Node leaves the member as `etag`; the documents and .NET write `eTag`.
    const JsonValue etag = entry.find(is_twin ? "twinETag" : "eTag");
    return EtagMatch::parse(etag.string(), EtagMatch::Unquoted::compare);
}

bool is_text(JsonValue value) {
    return value.is_string() && !value.string().empty();
}

void write_authentication(JsonWriter& out, const Authentication& auth, ExportedKeys keys) {
    const bool shows_keys = keys == ExportedKeys::included;
    out.key("authentication").begin_object();
    out.key("symmetricKey").begin_object();
    out.member_or_null("primaryKey", shows_keys ? auth.primary_key : std::string());
    out.member_or_null("secondaryKey", shows_keys ? auth.secondary_key : std::string());
    out.end_object();
    out.key("x509Thumbprint").begin_object();
    out.member_or_null("primaryThumbprint", auth.primary_thumbprint);
    out.member_or_null("secondaryThumbprint", auth.secondary_thumbprint);
    out.end_object();
    // Last: the .NET client's setters of the members before it would reset it.
    out.member("type", auth_type_text(auth.type));
    out.end_object();
}

void write_section(std::string& text, JsonWriter& out, const char* name, const Section& section) {
    out.key(name).raw({});
    section.append_json(text, SectionForm::plain);
}

}  // namespace

Result<ImportEntry> ImportEntry::parse(std::string text, ImportName& name) {
    auto owned = std::make_unique<const std::string>(std::move(text));
    auto document = JsonDocument::parse(*owned);
    if (!document) return fail(std::move(document).error());
    const JsonValue value = document->root();
    if (!value.is_object()) return fail(Errc::iot_hub_format_error, "An entry must be a JSON object.");
    MemberReader in(value);
    const std::string_view device = in.find("id").string();
    const std::string_view module = in.find("moduleId").string();
    name.device = device.substr(0, shown_id_bytes_max);
    name.module = module.substr(0, shown_id_bytes_max);
    const JsonValue mode_word = in.find("importMode");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    auto key = IdentityKey::parse(device, module);
    if (!key) return fail(std::move(key).error());
    const auto mode = read_mode(mode_word);
    if (!mode) return fail(mode.error());
    const EtagMatch match = read_match(in, *mode);
    if (auto error = in.error(); !error) return fail(std::move(error).error());

    ImportEntry entry(*std::move(key), std::move(owned), *std::move(document));
    entry.mode_ = mode->mode;
    entry.match_ = match;
    if (mode->mode == ImportMode::remove) return entry;
    auto twin = TwinPatch::parse(value, entry.key_);
    if (!twin) return fail(std::move(twin).error());
    if (mode->mode == ImportMode::update_twin || !twin->is_empty()) entry.twin_ = *std::move(twin);
    MemberReader properties(in.object("properties"), in, "properties.");
    const JsonValue reported = properties.find("reported");
    if (auto error = in.error(); !error) return fail(std::move(error).error());
    if (mode->mode == ImportMode::update_twin || reported.is_null_or_absent()) return entry;
    auto patch = SectionPatch::parse(reported);
    if (!patch) return fail(std::move(patch).error());
    if (!patch->is_empty()) entry.reported_ = *std::move(patch);
    return entry;
}

bool ImportEntry::names_credentials() const {
    MemberReader in(identity());
    MemberReader auth(in.object("authentication"), in, "authentication.");
    MemberReader keys(auth.object("symmetricKey"), auth, "symmetricKey.");
    MemberReader prints(auth.object("x509Thumbprint"), auth, "x509Thumbprint.");
    return is_text(keys.find("primaryKey")) || is_text(keys.find("secondaryKey")) ||
           is_text(prints.find("primaryThumbprint")) || is_text(prints.find("secondaryThumbprint"));
}

bool ImportEntry::names_authentication_type() const {
    MemberReader in(identity());
    MemberReader auth(in.object("authentication"), in, "authentication.");
    return !auth.find("type").is_null_or_absent();
}

void append_export_line(std::string& text, const Document& document, ExportedKeys keys) {
    const Identity identity = document.identity.unpack();
    const Twin& twin = document.twin;
    JsonWriter out(text);
    out.begin_object();
    out.member("id", identity.key.device.str());
    if (identity.key.is_module()) out.member("moduleId", identity.key.module);
    out.member("eTag", identity_etag_text(identity.etag));
    if (!identity.key.is_module()) {
        out.member("status", device_status_text(identity.status));
        if (identity.status_reason) out.member("statusReason", *identity.status_reason);
    }
    write_authentication(out, identity.auth, keys);
    out.member("twinETag", twin_etag_text(twin.etag));
    write_section(text, out, "tags", twin.tags);
    out.key("properties").begin_object();
    write_section(text, out, "desired", twin.desired);
    write_section(text, out, "reported", twin.reported);
    out.end_object();
    if (identity.key.is_module()) {
        if (identity.managed_by) out.member("managedBy", *identity.managed_by);
    } else {
        write_edge_members(out, identity);
    }
    out.end_object();
    text += '\n';
}

std::string import_error_json(const ImportName& name, const Error& error, std::uint64_t line) {
    std::string text;
    JsonWriter out(text);
    out.begin_object();
    if (line > 0) out.member("line", line);
    out.member("deviceId", name.device);
    if (!name.module.empty()) out.member("moduleId", name.module);
    out.member("errorCode", errc_name(error.code)).member("errorStatus", error.detail).end_object();
    return text;
}

}  // namespace carillon
