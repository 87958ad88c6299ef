#pragma once

#include "base/result.hpp"
#include "fleet/script.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Answers given in advance: for each method one, or several that follow one another, of which the last
/// stays; and one for all methods that are not named.
class AnswerScript {
public:
    explicit AnswerScript(fleet::ScriptedAnswer usual) : usual_(std::move(usual)) {}

    /// Adds what `{"lockDoor":{"status":200,"payload":{"locked":true},"after":"2s"},"blink":[…]}` says. What
    /// an answer leaves out is as usual; `"silent":true` is none at all; the method `*` is any other.
    /// Fails with `config_invalid`.
    Result<> add(std::string_view json);
    /// The answer to this call, which uses it up.
    fleet::ScriptedAnswer next(std::string_view method);

private:
    struct Answers {
        std::vector<fleet::ScriptedAnswer> in_turn;
        std::size_t next = 0;
    };
    fleet::ScriptedAnswer usual_;
    std::map<std::string, Answers, std::less<>> methods_;
};

/// Desired properties as a device reports that it has taken them: without `$version` and the like.
/// Empty if nothing is left.
std::string without_metadata(std::string_view desired_json);

}  // namespace carillon
