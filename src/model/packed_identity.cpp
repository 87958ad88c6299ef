#include "base/stored_bytes.hpp"
#include "model/identity.hpp"

namespace carillon {

namespace {

// The fixed part at the front, which single fields are read from in place.
constexpr std::uint8_t identity_format = 1;
constexpr std::size_t flags_at = 1;
constexpr std::size_t generation_at = 2;
constexpr std::size_t etag_at = 10;

constexpr std::uint8_t disabled_flag = 1;
constexpr std::uint8_t edge_flag = 2;
constexpr std::uint8_t reason_flag = 4;
constexpr std::uint8_t managed_flag = 8;
constexpr int auth_shift = 4;
constexpr std::uint8_t auth_mask = 3;
constexpr std::uint8_t model_flag = 64;
constexpr std::uint8_t identity_flags_known = 0x7F;

std::uint8_t flags_of(const Identity& identity) {
    unsigned flags = static_cast<unsigned>(identity.auth.type) << auth_shift;
    if (identity.status == DeviceStatus::disabled) flags |= disabled_flag;
    if (identity.iot_edge) flags |= edge_flag;
    if (identity.status_reason) flags |= reason_flag;
    if (identity.managed_by) flags |= managed_flag;
    if (!identity.model_id.empty()) flags |= model_flag;
    return static_cast<std::uint8_t>(flags);
}

AuthType auth_type_of(std::uint8_t flags) {
    return static_cast<AuthType>(flags >> auth_shift & auth_mask);
}

/// Reads what `encode` wrote; nothing if the bytes are anything else.
std::optional<Identity> read(Bytes bytes) {
    StoredReader in(bytes);
    if (in.u8() != identity_format) in.spoil();
    const std::uint8_t flags = in.u8();
    if ((flags & ~identity_flags_known) != 0) in.spoil();
    const std::uint64_t generation = in.u64();
    const std::uint64_t etag = in.u64();
    const std::int64_t status_updated = in.i64();
    const std::string_view device = in.text();
    const std::string_view module = in.text();
    auto key = IdentityKey::parse(device, module);
    if (!in.ok() || !key) return std::nullopt;

    Identity identity(*std::move(key));
    identity.generation_id = generation;
    identity.etag = etag;
    identity.status = (flags & disabled_flag) != 0 ? DeviceStatus::disabled : DeviceStatus::enabled;
    identity.iot_edge = (flags & edge_flag) != 0;
    identity.status_updated.ticks = status_updated;
    identity.auth.type = auth_type_of(flags);
    if ((flags & reason_flag) != 0) identity.status_reason = in.text();
    if ((flags & managed_flag) != 0) identity.managed_by = in.text();
    identity.auth.primary_key = in.text();
    identity.auth.secondary_key = in.text();
    identity.auth.primary_thumbprint = in.text();
    identity.auth.secondary_thumbprint = in.text();
    identity.device_scope = in.text();
    const std::size_t parents = in.count();
    for (std::size_t i = 0; i < parents && in.ok(); ++i) identity.parent_scopes.emplace_back(in.text());
    if ((flags & model_flag) != 0) identity.model_id = in.text();
    if (!in.is_done()) return std::nullopt;
    return identity;
}

std::uint64_t read_u64(Bytes block, std::size_t at) {
    return StoredReader(block.subspan(at, 8)).u64();
}

}  // namespace

PackedIdentity::PackedIdentity(const Identity& identity) {
    std::string bytes;
    bytes.reserve(192);
    StoredWriter out(bytes);
    out.u8(identity_format);
    out.u8(flags_of(identity));
    out.u64(identity.generation_id);
    out.u64(identity.etag);
    out.i64(identity.status_updated.ticks);
    out.text(identity.key.device.str());
    out.text(identity.key.module);
    if (identity.status_reason) out.text(*identity.status_reason);
    if (identity.managed_by) out.text(*identity.managed_by);
    out.text(identity.auth.primary_key);
    out.text(identity.auth.secondary_key);
    out.text(identity.auth.primary_thumbprint);
    out.text(identity.auth.secondary_thumbprint);
    out.text(identity.device_scope);
    out.varint(identity.parent_scopes.size());
    for (const std::string& scope : identity.parent_scopes) out.text(scope);
    if (!identity.model_id.empty()) out.text(identity.model_id);
    block_ = SharedBytes(as_bytes(bytes));
}

Identity PackedIdentity::unpack() const {
    CARILLON_ASSERT(static_cast<bool>(block_));
    auto identity = read(encoded());
    CARILLON_ASSERT(identity.has_value());
    return *std::move(identity);
}

std::uint64_t PackedIdentity::etag() const {
    return read_u64(encoded(), etag_at);
}
std::uint64_t PackedIdentity::generation_id() const {
    return read_u64(encoded(), generation_at);
}

DeviceStatus PackedIdentity::status() const {
    return (encoded()[flags_at] & disabled_flag) != 0 ? DeviceStatus::disabled : DeviceStatus::enabled;
}
AuthType PackedIdentity::auth_type() const {
    return auth_type_of(encoded()[flags_at]);
}
bool PackedIdentity::iot_edge() const {
    return (encoded()[flags_at] & edge_flag) != 0;
}

PackedIdentity PackedIdentity::with_model(std::string_view model_id) const {
    Identity identity = unpack();
    identity.model_id = model_id;
    return PackedIdentity(identity);
}

Result<PackedIdentity> PackedIdentity::decode(Bytes bytes) {
    if (!read(bytes)) return fail(Errc::store_corrupt, "a stored identity does not decode");
    PackedIdentity packed;
    packed.block_ = SharedBytes(bytes);
    return packed;
}

}  // namespace carillon
