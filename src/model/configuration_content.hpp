#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/section/section.hpp"

#include <span>
#include <string>
#include <vector>

namespace carillon {

/// One setting of a configuration: a value to stand at a path below the desired properties.
struct ConfigurationSetting {
    std::vector<std::string> path;  ///< Empty: the desired properties as a whole.
    std::string value;              ///< JSON text.
};
using ConfigurationSettings = std::vector<ConfigurationSetting>;

/// Reads an object of settings, such as `{"properties.desired.chiller":{"pressure":28}}`. Names of a
/// path are divided by dots or by slashes. Fails with `invalid_configuration_content` for a path that
/// leads elsewhere or names nothing, a null (nothing stands at a path of null), and for what a twin
/// may not hold or has no room for.
/// Source: IoT Hub docs, "Automatic device management", target content.
Result<ConfigurationSettings> parse_configuration_settings(JsonValue settings);

/// What a configuration's `content` asks for.
struct ConfigurationContent {
    enum class Of { devices, modules };  ///< `deviceContent`, `moduleContent`
    Of of = Of::devices;
    ConfigurationSettings settings;

    /// Fails with `invalid_configuration_content`, also where there is not exactly one kind of content,
    /// and for `modulesContent`: deployments to edge devices are not offered.
    static Result<ConfigurationContent> parse(JsonValue content);
};

/// What several configurations give one twin.
struct LayeredSettings {
    std::string json = "{}";        ///< The desired properties they amount to, as a section prints them.
    std::vector<bool> is_in_force;  ///< For each layer: something it sets is not replaced above it.
};
/// Lays settings over each other, the weakest first: each is put at its path and replaces what weaker
/// ones put there or below it. Fails with `argument_invalid` if the result has no room in a twin.
Result<LayeredSettings> layer_settings(std::span<const ConfigurationSettings* const> layers);

/// The patch that makes `desired` hold what `given` says, and nothing more of what `taken` said: an
/// object as `SectionPatch` reads it, or empty if nothing is to change. Members that neither names stay,
/// and an object all of whose members go, goes itself. Values are compared as a section prints them, so
/// both must be what `layer_settings` gave. Either may be absent.
std::string settings_patch(const Section& desired, JsonValue given, JsonValue taken);

}  // namespace carillon
