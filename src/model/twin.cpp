#include "model/twin.hpp"

#include "base/stored_bytes.hpp"
#include "base/text.hpp"
#include "model/configuration_states.hpp"
#include "model/twin_json.hpp"

namespace carillon {

namespace {

constexpr std::uint8_t document_format = 1;

void write_scopes(JsonWriter& out, const Identity& identity) {
    if (!identity.device_scope.empty()) out.member("deviceScope", identity.device_scope);
    if (identity.parent_scopes.empty()) return;
    out.key("parentScopes").begin_array();
    for (const std::string& scope : identity.parent_scopes) out.value(scope);
    out.end_array();
}

}  // namespace

Twin Twin::fresh(WallTime now) {
    Twin twin;
    twin.desired = Section::fresh(now);
    twin.reported = twin.desired;
    return twin;
}

std::string twin_etag_text(std::uint64_t etag) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(etag >> shift & 0xFF);
    return base64_encode(bytes);
}

namespace {

void append_head(std::string& text, const Identity& identity, const Twin& twin, const LiveState& live) {
    JsonWriter out(text);
    out.begin_object();
    out.member("deviceId", identity.key.device.str());
    if (identity.key.is_module()) out.member("moduleId", identity.key.module);
    out.member("etag", twin_etag_text(twin.etag));
    out.member("deviceEtag", identity_etag_text(identity.etag));
    out.member("status", device_status_text(identity.status));
    if (identity.status_reason) out.member("statusReason", *identity.status_reason);
    out.member("statusUpdateTime", to_iso8601(identity.status_updated));
    out.member("connectionState", live.connected ? "Connected" : "Disconnected");
    out.member("lastActivityTime", to_iso8601(live.last_activity));
    out.member("cloudToDeviceMessageCount", live.c2d_count);
    out.member("authenticationType", auth_type_text(identity.auth.type));
    out.key("x509Thumbprint").begin_object();
    out.member_or_null("primaryThumbprint", identity.auth.primary_thumbprint);
    out.member_or_null("secondaryThumbprint", identity.auth.secondary_thumbprint);
    out.end_object();
    out.member("modelId", identity.model_id);
    out.member("version", twin.version);
}

void append_tail(std::string& text, const Identity& identity, const LiveState& live) {
    text += ',';
    JsonWriter out(text);
    out.key("capabilities").begin_object().member("iotEdge", identity.iot_edge).end_object();
    write_scopes(out, identity);
    if (live.configurations) {
        out.key("configurations").raw({});
        append_configuration_states_json(text, *live.configurations);
    }
    out.end_object();
}

}  // namespace

void append_twin_head(std::string& text, const Document& document, const LiveState& live) {
    append_head(text, document.identity.unpack(), document.twin, live);
}

void append_twin_tail(std::string& text, const Document& document, const LiveState& live) {
    append_tail(text, document.identity.unpack(), live);
}

void append_twin_json(std::string& out, const Document& document, const LiveState& live, Flavour) {
    const Identity identity = document.identity.unpack();
    const Twin& twin = document.twin;
    append_head(out, identity, twin, live);
    if (!twin.tags.is_empty()) {
        out += ",\"tags\":";
        twin.tags.append_json(out, SectionForm::plain);
    }
    out += ",\"properties\":{\"desired\":";
    twin.desired.append_json(out, SectionForm::full);
    out += ",\"reported\":";
    twin.reported.append_json(out, SectionForm::full);
    out += '}';
    append_tail(out, identity, live);
}

void append_device_twin_json(std::string& out, const Twin& twin) {
    out += "{\"desired\":";
    twin.desired.append_json(out, SectionForm::device);
    out += ",\"reported\":";
    twin.reported.append_json(out, SectionForm::device);
    out += '}';
}

std::string encode_document(const Document& document, std::uint64_t sequence, std::uint32_t ordinal) {
    const Twin& twin = document.twin;
    std::string bytes;
    bytes.reserve(document.identity.encoded().size() + twin.tags.encoded().size() +
                  twin.desired.encoded().size() + twin.reported.encoded().size() + 48);
    StoredWriter out(bytes);
    out.u8(document_format);
    out.u64(sequence);
    out.u32(ordinal);
    out.i64(twin.version);
    out.u64(twin.etag);
    out.text(as_text(document.identity.encoded()));
    for (const Section* section : {&twin.tags, &twin.desired, &twin.reported})
        out.text(as_text(section->encoded()));
    return bytes;
}

Result<StoredDocument> decode_document(Bytes bytes) {
    StoredReader in(bytes);
    StoredDocument stored;
    if (in.u8() != document_format) in.spoil();
    stored.sequence = in.u64();
    stored.ordinal = in.u32();
    Twin& twin = stored.document.twin;
    twin.version = in.i64();
    twin.etag = in.u64();
    const std::string_view identity_bytes = in.text();
    const std::string_view section_bytes[] = {in.text(), in.text(), in.text()};
    if (!in.is_done()) return fail(Errc::store_corrupt, "a stored document does not decode");

    auto identity = PackedIdentity::decode(as_bytes(identity_bytes));
    if (!identity) return fail(std::move(identity).error());
    stored.document.identity = *std::move(identity);
    Section* const sections[] = {&twin.tags, &twin.desired, &twin.reported};
    for (std::size_t i = 0; i < 3; ++i) {
        auto section = Section::decode(as_bytes(section_bytes[i]));
        if (!section) return fail(std::move(section).error());
        *sections[i] = *std::move(section);
    }
    return stored;
}

}  // namespace carillon
