#include "wire/mqtt/user_name.hpp"

#include "base/text.hpp"
#include "wire/mqtt/hub_topics.hpp"

#include <algorithm>
#include <array>

namespace carillon::mqtt {

namespace {

struct Key {
    std::string_view name;
    std::string UserName::*value;  ///< Null: known, but of no use to the hub.
};

constexpr std::array<Key, 4> keys{{
    {"api-version", &UserName::api_version},
    {"DeviceClientType", &UserName::client_type},
    {"model-id", &UserName::model_id},
    {"auth-chain", nullptr},
}};

const Key* find_key(std::string_view name) {
    const auto found =
        std::find_if(keys.begin(), keys.end(), [name](const Key& key) { return key.name == name; });
    return found == keys.end() ? nullptr : &*found;
}

/// True if `text` begins with a known key and `=`.
bool begins_with_key(std::string_view text) {
    const std::size_t equals = text.find('=');
    return equals != std::string_view::npos && find_key(text.substr(0, equals)) != nullptr;
}

/// Where the parameter at the front of `text` ends: at `&`, or at a `/` that another known key
/// follows (early module clients); any other `/` belongs to the value.
std::size_t parameter_end(std::string_view text) {
    std::size_t end = 0;
    while (true) {
        end = text.find_first_of("&/", end);
        if (end == std::string_view::npos) return text.size();
        if (text[end] == '&' || begins_with_key(text.substr(end + 1))) return end;
        ++end;
    }
}

void read_parameters(std::string_view text, UserName& out) {
    std::array<bool, keys.size()> seen{};
    while (!text.empty()) {
        const std::size_t end = parameter_end(text);
        const std::string_view parameter = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t equals = parameter.find('=');
        if (equals == std::string_view::npos) continue;
        const Key* key = find_key(parameter.substr(0, equals));
        if (key == nullptr || key->value == nullptr) continue;
        bool& is_repeated = seen[static_cast<std::size_t>(key - keys.data())];
        if (is_repeated) continue;
        is_repeated = true;
        const std::string_view raw = parameter.substr(equals + 1);
        out.*(key->value) = percent_decode(raw).value_or(std::string(raw));
    }
}

int two_digits(std::string_view text) {
    return (text[0] - '0') * 10 + (text[1] - '0');
}

}  // namespace

bool is_known_api_version(std::string_view text) {
    constexpr std::string_view preview = "-preview";
    if (text.ends_with(preview)) text.remove_suffix(preview.size());
    constexpr std::string_view pattern = "dddd-dd-dd";
    if (text.size() != pattern.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (pattern[i] == 'd' ? !is_digit : text[i] != '-') return false;
    }
    const int month = two_digits(text.substr(5));
    const int day = two_digits(text.substr(8));
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && text <= api_version_newest;
}

bool is_c_client(std::string_view client_type) {
    constexpr std::array<std::string_view, 3> names{"iothubclient/", "azsdk-c/", "c/"};
    for (const std::string_view word : split(client_type, ' ')) {
        if (std::any_of(names.begin(), names.end(), [word](auto name) { return word.starts_with(name); })) {
            return true;
        }
    }
    return false;
}

Result<UserName> parse_user_name(std::string_view user_name, std::string_view client_id) {
    auto mismatch = [] { return fail(Errc::iot_hub_unauthorized, "user name does not fit the client id"); };
    const std::size_t slash = user_name.find('/');
    if (slash == 0 || slash == std::string_view::npos || client_id.empty()) return mismatch();
    UserName out;
    out.host = user_name.substr(0, slash);
    std::string_view rest = user_name.substr(slash + 1);
    if (!rest.starts_with(client_id)) return mismatch();
    rest.remove_prefix(client_id.size());
    const ClientIdentity identity = ClientIdentity::of_client_id(client_id);
    out.device = identity.device;
    out.module = identity.module;
    // `device/` is not a module, and more than one slash is nothing.
    if (client_id.find('/') != std::string_view::npos &&
        (out.module.empty() || out.module.find('/') != std::string_view::npos)) {
        return mismatch();
    }
    if (!rest.empty()) {
        if (rest[0] != '/') return mismatch();
        rest.remove_prefix(1);
        if (rest.starts_with('?')) {
            rest.remove_prefix(1);
        } else if (!rest.empty() && !begins_with_key(rest)) {
            return mismatch();
        }
        read_parameters(rest, out);
    }
    if (out.api_version.empty()) out.api_version = api_version_default;
    if (!is_known_api_version(out.api_version)) {
        return fail(Errc::invalid_protocol_version, "api-version is unknown");
    }
    return out;
}

}  // namespace carillon::mqtt
