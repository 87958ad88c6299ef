#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/rollouts/rollout_confirm.hpp"
#include "model/twin.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// When a device has confirmed what a twin job wrote to it: by the values that it reports, or by its
/// acknowledgement of them. Rules: docs/rollout-reference.md.
class ConfirmRule {
public:
    /// Fails with `argument_invalid` if `patch` has no desired properties to be watched, or a path of
    /// `map` is none of them; the text begins with the path of the member.
    static Result<ConfirmRule> make(const RolloutConfirm& confirm, const TwinPatch& patch);

    enum class State : std::uint8_t {
        waiting,
        converged,
        refused,     ///< Acknowledged with a code of 400 or more.
        superseded,  ///< A watched desired property is not what the job wrote any more.
    };
    /// How a twin stands to which the job wrote desired `version`.
    State look(const Twin& twin, std::int64_t version) const;
    /// Of a twin that has not converged: what it reports of a watched property instead, with its path, if it
    /// has reported that since `written`; empty if it has not.
    std::string other_value(const Twin& twin, std::int64_t version, WallTime written) const;

private:
    struct Value {
        SectionValue::Kind kind = SectionValue::Kind::absent;
        bool boolean = false;
        double number = 0;
        std::string text;
        bool is(const SectionValue& value) const;
    };
    using Path = std::vector<std::string>;
    struct Leaf {
        Path desired;
        Path reported;
        Value value;
    };
    enum class Answer : std::uint8_t { none, yes, no };

    Result<> add_leaves(JsonValue object, Path& path);
    Answer acknowledgement(const Twin& twin, const Leaf& leaf, std::int64_t version) const;
    bool is_met(const Twin& twin, const Leaf& leaf, std::int64_t version) const;

    bool by_acknowledgement_ = false;
    std::vector<Leaf> leaves_;
};

}  // namespace carillon
