#include "model/configuration_states.hpp"

#include "base/json.hpp"

namespace carillon {

void append_configuration_state_json(std::string& out, const ConfigurationStates::State& state) {
    JsonWriter(out).begin_object().member("status", configuration_status_text(state)).end_object();
}

void append_configuration_states_json(std::string& out, const ConfigurationStates& states) {
    out += '{';
    for (const auto& state : states.states()) {
        if (out.back() != '{') out += ',';
        append_json_string(out, state.id);
        out += ':';
        append_configuration_state_json(out, state);
    }
    out += '}';
}

}  // namespace carillon
