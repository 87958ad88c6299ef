#include "usage_mistake.hpp"

#include "base/edit_distance.hpp"

#include <algorithm>
#include <array>

namespace carillon {

namespace {

/// The command that the words lead to, however far that is.
const Command& innermost(const Command& program, const std::vector<std::string>& words) {
    const Command* here = &program;
    for (const std::string& word : words) {
        for (const Command& below : here->commands) {
            if (below.name != word) continue;
            here = &below;
            break;
        }
    }
    return *here;
}

std::string full_name(const Command& command) {
    return command.path.empty() ? "carillon" : "carillon " + command.path;
}

/// "; did you mean create?", if something is near enough.
std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
    // A longer word is no word's misspelling, and comparing it costs its square.
    constexpr std::size_t length_max = 64;
    if (word.size() > length_max) return {};
    std::string nearest;
    std::size_t best = word.size() / 2 + 1;
    for (const std::string& candidate : candidates) {
        // The beginning of a word is as near as can be.
        const std::size_t distance = candidate.starts_with(word) ? 0 : edit_distance(word, candidate);
        if (distance >= best) continue;
        best = distance;
        nearest = candidate;
    }
    return nearest.empty() ? std::string() : "; did you mean " + nearest + "?";
}

/// What the words of `az iot hub` are called here. Source: azure-iot-cli-extension, command reference.
struct Translation {
    std::string_view theirs;
    std::string_view ours;
};
constexpr std::array<Translation, 21> translations{{
    {"device-identity", "`carillon device`"},
    {"module-identity", "`carillon module`"},
    {"device-twin", "`carillon twin`"},
    {"module-twin", "`carillon twin`, with --module-id"},
    {"invoke-device-method", "`carillon method invoke`"},
    {"invoke-module-method", "`carillon method invoke`, with --module-id"},
    {"generate-sas-token", "`carillon token`"},
    {"connection-string", "`carillon device show --connection-string`"},
    {"simulate-device", "`carillon device simulate`"},
    {"send-d2c-message", "`carillon device send`"},
    {"c2d-message", "`carillon c2d`"},
    {"monitor-events", "`carillon events watch`"},
    {"monitor-feedback", "`carillon feedback watch`"},
    {"message-route", "`carillon route`"},
    {"message-endpoint", "`carillon endpoint`"},
    {"import", "`carillon device import`"},
    {"export", "`carillon device export`"},
    {"login", "`carillon context add`"},
    {"iot", "what stands behind `az iot hub`, such as `carillon job create`"},
    {"hub", "what stands behind `az iot hub`, such as `carillon job create`"},
    {"edge", "`carillon configuration`"},
}};

/// Nothing for a word that is not theirs.
std::string translated(std::string_view word) {
    for (const Translation& each : translations) {
        if (each.theirs == word) return "; here that is " + std::string(each.ours);
    }
    return {};
}

/// What to do without an option that other tools have.
std::string_view instead_of(std::string_view option) {
    if (option == "--query") return "; pick from JSON with jq: `carillon … -o json | jq '.[].deviceId'`";
    if (option == "--hub-name" || option == "-n") return "; a hub is named by --context or --login";
    if (option == "--resource-group" || option == "-g" || option == "--subscription")
        return "; it is not needed here";
    if (option == "--verbose" || option == "--debug") return "; --trace prints each request and answer";
    return {};
}

std::vector<std::string> names_of(const std::vector<Command>& commands) {
    std::vector<std::string> names;
    for (const Command& command : commands) names.push_back(command.name);
    return names;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

}  // namespace

std::string explain_mistake(const Command& program, const std::vector<std::string>& words,
                            const std::vector<std::string>& unknown, std::string_view said) {
    const Command& command = innermost(program, words);
    const std::string name = full_name(command);
    // The first as typed: what stands behind it may be meant for the command that it should name.
    const auto first = std::find_if(words.begin(), words.end(), [&](const std::string& word) {
        const bool is_unknown = std::find(unknown.begin(), unknown.end(), word) != unknown.end();
        return is_unknown && (word.starts_with('-') || !command.commands.empty());
    });
    std::string text = "carillon: ";
    if (first != words.end() && !first->starts_with('-')) {
        const std::string theirs = translated(*first);
        text += "there is no command '" + *first + "' of `" + name + '`' +
                (theirs.empty() ? suggestion(*first, names_of(command.commands)) : theirs);
    } else if (first != words.end()) {
        std::vector<std::string> names;
        for (const CommandOption& each : command.options) {
            names.insert(names.end(), each.names.begin(), each.names.end());
        }
        const std::string option = first->substr(0, first->find('='));
        const std::string_view instead = instead_of(option);
        text += '`' + name + "` has no option " + option;
        text += instead.empty() ? suggestion(option, names) : std::string(instead);
    } else if (!command.commands.empty()) {
        text += '`' + name + "` needs a command: " + joined(names_of(command.commands));
    } else {
        text += said;
    }
    return text + "\n  `" + name + " --help` says more.\n";
}

}  // namespace carillon
