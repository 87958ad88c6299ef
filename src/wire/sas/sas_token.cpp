#include "wire/sas/sas_token.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace carillon::sas {

namespace {

constexpr std::string_view scheme = "SharedAccessSignature ";
constexpr std::string_view api_version_segment = "api-version=";
constexpr std::size_t signature_bytes = 32;
tl::unexpected<Error> refuse_token(std::string why) {
    return fail(Errc::iot_hub_unauthorized_access, std::move(why));
}

/// White space and control characters have no place in a token, not even encoded ones' remains.
bool has_space_or_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7F;
    });
}

bool is_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// `se` in seconds: digits, perhaps a fraction.
std::optional<WallTime> parse_expiry(std::string_view text) {
    const std::size_t dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    if (!is_digits(whole)) return std::nullopt;
    if (dot != std::string_view::npos && !is_digits(text.substr(dot + 1))) return std::nullopt;
    const auto seconds = parse_u64(whole);  // More digits than it takes are beyond any date, too.
    if (!seconds || *seconds > static_cast<std::uint64_t>(expiry_unix_s_max)) return std::nullopt;
    return WallTime::from_unix_s(static_cast<std::int64_t>(*seconds));
}

std::optional<std::string> decode_signature(std::string_view text) {
    auto decoded = percent_decode(text);
    if (!decoded) return std::nullopt;
    // A client that forgot to encode `+` may have had it turned into a space on the way.
    std::replace(decoded->begin(), decoded->end(), ' ', '+');
    auto bytes = base64_decode(*decoded);
    if (!bytes || bytes->size() != signature_bytes) return std::nullopt;
    return bytes;
}

/// The four fields by name; null where absent.
struct Fields {
    std::optional<std::string_view> resource, signature, expiry, key_name;

    std::optional<std::string_view>* find(std::string_view name) {
        if (equals_ignoring_case(name, "sr")) return &resource;
        if (equals_ignoring_case(name, "sig")) return &signature;
        if (equals_ignoring_case(name, "se")) return &expiry;
        if (equals_ignoring_case(name, "skn")) return &key_name;
        return nullptr;
    }
};

std::string_view without_port(std::string_view host) {
    const std::size_t colon = host.rfind(':');
    if (colon == std::string_view::npos || !is_digits(host.substr(colon + 1))) return host;
    return host.substr(0, colon);
}

bool id_matches(std::string_view once_decoded, std::string_view id) {
    if (once_decoded == id) return true;
    const auto twice_decoded = percent_decode(once_decoded);
    return twice_decoded && *twice_decoded == id;
}

}  // namespace

Result<Token> parse_token(std::string_view text) {
    if (text.size() > token_bytes_max) return refuse_token("token too long");
    if (!text.starts_with(scheme)) return refuse_token("not a SharedAccessSignature");
    text.remove_prefix(scheme.size());
    if (has_space_or_control(text)) return refuse_token("white space within the token");

    Fields fields;
    for (std::string_view field : split(text, '&')) {
        const std::size_t equals = field.find('=');
        if (equals == std::string_view::npos) continue;
        auto* known = fields.find(field.substr(0, equals));
        if (known == nullptr) continue;
        if (known->has_value()) return refuse_token("a field of the token repeats");
        *known = field.substr(equals + 1);
    }
    if (!fields.resource || fields.resource->empty()) return refuse_token("token without sr");
    if (!fields.signature) return refuse_token("token without sig");
    if (!fields.expiry) return refuse_token("token without se");

    Token token;
    token.resource = *fields.resource;
    token.expiry = *fields.expiry;
    auto signature = decode_signature(*fields.signature);
    if (!signature) return refuse_token("sig is not an HMAC-SHA256 in base64");
    token.signature = *std::move(signature);
    const auto expiry_text = percent_decode(*fields.expiry);
    const auto expires = expiry_text ? parse_expiry(*expiry_text) : std::nullopt;
    if (!expires) return refuse_token("se is not a number of seconds up to the year 9999");
    token.expires = *expires;
    if (fields.key_name) {
        auto key_name = percent_decode(*fields.key_name);
        if (!key_name || has_space_or_control(*key_name)) return refuse_token("skn is malformed");
        token.key_name = *std::move(key_name);
    }
    return token;
}

bool is_expired(const Token& token, WallTime now) {
    return token.expires.plus_s(clock_skew_s) < now;
}

bool is_signed_by(const Token& token, std::string_view key_base64) {
    const auto key = base64_decode(trimmed(key_base64));
    if (!key || key->size() < key_bytes_min || key->size() > key_bytes_max) return false;
    const std::string expected = hmac_sha256(*key, token.resource + "\n" + token.expiry);
    return equals_in_constant_time(expected, token.signature);
}

bool is_hub_name(std::string_view host, std::span<const std::string> host_names) {
    return std::any_of(host_names.begin(), host_names.end(), [host](const std::string& name) {
        return equals_ignoring_case(without_port(host), without_port(name));
    });
}

bool covers(const Token& token, std::span<const std::string> host_names,
            std::span<const std::string_view> path, std::span<const std::size_t> id_positions) {
    const auto decoded = percent_decode(token.resource);
    if (!decoded) return false;
    std::string_view audience = *decoded;
    if (audience.ends_with('/')) audience.remove_suffix(1);
    std::vector<std::string_view> segments = split(audience, '/');
    if (!is_hub_name(segments.front(), host_names)) return false;
    segments.erase(segments.begin());

    auto is_id = [id_positions](std::size_t position) {
        return std::find(id_positions.begin(), id_positions.end(), position) != id_positions.end();
    };
    if (!segments.empty() && segments.back().starts_with(api_version_segment) &&
        !is_id(segments.size() - 1)) {
        segments.pop_back();
    }
    if (segments.size() > path.size()) return false;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const bool same =
            is_id(i) ? id_matches(segments[i], path[i]) : equals_ignoring_case(segments[i], path[i]);
        if (!same) return false;
    }
    return true;
}

bool covers_identity(const Token& token, std::span<const std::string> host_names, std::string_view device,
                     std::string_view module) {
    const std::array<std::string_view, 4> path{"devices", device, "modules", module};
    constexpr std::array<std::size_t, 2> ids{1, 3};
    return covers(token, host_names, std::span<const std::string_view>(path).first(module.empty() ? 2 : 4),
                  ids);
}

std::string make_token(std::string_view resource, std::string_view key_base64, WallTime expires,
                       std::string_view key_name) {
    const std::string sr = percent_encode(resource);
    const std::string se = std::to_string(expires.unix_s());
    const std::string key = base64_decode(trimmed(key_base64)).value_or(std::string{});
    std::string text(scheme);
    text += "sr=" + sr;
    text += "&sig=" + percent_encode(base64_encode(hmac_sha256(key, sr + "\n" + se)));
    text += "&se=" + se;
    if (!key_name.empty()) text += "&skn=" + percent_encode(key_name);
    return text;
}

}  // namespace carillon::sas
