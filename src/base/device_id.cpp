#include "base/device_id.hpp"

#include <algorithm>
#include <array>

namespace carillon {

namespace {

constexpr std::array<bool, 256> make_allowed() {
    std::array<bool, 256> allowed{};
    for (int c = 'A'; c <= 'Z'; ++c) allowed[static_cast<std::size_t>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c) allowed[static_cast<std::size_t>(c)] = true;
    for (int c = '0'; c <= '9'; ++c) allowed[static_cast<std::size_t>(c)] = true;
    for (char c : std::string_view("-:.+%_#*?!(),=@;$'")) allowed[static_cast<unsigned char>(c)] = true;
    return allowed;
}
constexpr std::array<bool, 256> allowed_in_id = make_allowed();

}  // namespace

bool DeviceId::is_valid(std::string_view text) {
    if (text.empty() || text.size() > length_max) return false;
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return allowed_in_id[static_cast<unsigned char>(c)]; });
}

Result<DeviceId> DeviceId::parse(std::string_view text) {
    if (text.empty()) return fail(Errc::argument_invalid, "an id must not be empty");
    if (text.size() > length_max)
        return fail(Errc::argument_invalid, "an id must not be longer than 128 characters");
    // The id is not repeated to the peer: it may hold a character that our answers must not contain.
    if (!is_valid(text))
        return fail(Errc::argument_invalid, "an id contains a character that is not allowed");
    return DeviceId(std::string(text));
}

Result<IdentityKey> IdentityKey::parse(std::string_view device, std::string_view module) {
    auto device_id = DeviceId::parse(device);
    if (!device_id) return fail(std::move(device_id).error());
    if (module.empty()) return IdentityKey(*std::move(device_id));
    auto module_id = DeviceId::parse(module);
    if (!module_id) return fail(std::move(module_id).error());
    return IdentityKey(*std::move(device_id), *module_id);
}

std::string IdentityKey::path() const {
    return module.empty() ? device.str() : device.str() + '/' + module;
}

}  // namespace carillon
