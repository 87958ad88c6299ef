#pragma once

#include "base/result.hpp"

#include <compare>
#include <string>
#include <string_view>

namespace carillon {

/// The id of a device or of a module: 1 to 128 characters of
/// `A-Z a-z 0-9 - : . + % _ # * ? ! ( ) , = @ ; $ '`, case-sensitive. Parsed once at the edge and
/// valid ever after. Source: IoT Hub docs, "Identity registry", device identity properties.
class DeviceId {
public:
    static constexpr std::size_t length_max = 128;

    /// Fails with `argument_invalid`.
    static Result<DeviceId> parse(std::string_view text);
    static bool is_valid(std::string_view text);

    const std::string& str() const { return text_; }

    auto operator<=>(const DeviceId&) const = default;

private:
    friend struct IdentityKey;
    explicit DeviceId(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// Names one identity: a device, or a module of it. Ordered by device, then module, by bytes;
/// the device itself precedes its modules.
struct IdentityKey {
    DeviceId device;
    std::string module;  ///< Empty for the device itself; else valid as a `DeviceId`.

    explicit IdentityKey(DeviceId device_id) : device(std::move(device_id)) {}
    IdentityKey(DeviceId device_id, const DeviceId& module_id)
        : device(std::move(device_id)), module(module_id.str()) {}
    /// Fails with `argument_invalid`; an empty `module` names the device.
    static Result<IdentityKey> parse(std::string_view device, std::string_view module = {});

    bool is_module() const { return !module.empty(); }
    /// The device id, or `device/module`.
    std::string path() const;

    auto operator<=>(const IdentityKey&) const = default;
};

}  // namespace carillon
