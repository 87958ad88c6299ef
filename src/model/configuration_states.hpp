#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// The configurations whose condition selects one twin: what it shows as `configurations`, and queries
/// by `configurations.[[id]].status`. Immutable and shared by all twins for which it is the same.
/// Source: IoT Hub docs, "Automatic device management", metrics; azure-iot-sdk-csharp: Twin.cs.
class ConfigurationStates {
public:
    struct State {
        std::string id;
        bool is_applied = false;  ///< `Applied`: something it sets is in force; else `Targeted`.
    };

    ConfigurationStates() = default;
    /// Sorted by id.
    explicit ConfigurationStates(std::vector<State> states) : states_(std::move(states)) {}

    const std::vector<State>& states() const { return states_; }
    /// Null if the configuration does not concern the twin.
    const State* find(std::string_view id) const {
        for (const State& state : states_) {
            if (state.id == id) return &state;
        }
        return nullptr;
    }

private:
    std::vector<State> states_;
};

/// The word of the wire, `Targeted` or `Applied`.
inline std::string_view configuration_status_text(const ConfigurationStates::State& state) {
    return state.is_applied ? "Applied" : "Targeted";
}
/// Appends `{"status":"Applied"}`.
void append_configuration_state_json(std::string& out, const ConfigurationStates::State& state);
/// Appends `{"id":{"status":"Applied"},…}`.
void append_configuration_states_json(std::string& out, const ConfigurationStates& states);

}  // namespace carillon
