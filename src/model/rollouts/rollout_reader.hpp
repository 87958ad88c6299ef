#pragma once

// How the members of a `rollout` are read; for the files that read them.

#include "base/json_number.hpp"
#include "base/member_reader.hpp"
#include "model/rollouts/rollout_confirm.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon {

/// What a misspelled member might have meant, or what is known here.
std::string nearest_rollout_member(std::string_view word, std::span<const std::string_view> names,
                                   std::span<const std::string_view> later);
/// A path of a twin below its tags, desired or reported properties.
bool is_rollout_path(std::string_view path);

/// Reads values of the object, each with its dotted path. Keeps the first fault; what is bad reads as absent.
class RolloutReader {
public:
    using Names = std::span<const std::string_view>;

    explicit RolloutReader(JobType type)
        : is_method_(type == JobType::device_method), keeps_undo_(type != JobType::device_method) {}

    bool is_method() const { return is_method_; }
    bool keeps_undo() const { return keeps_undo_; }
    void set_keeps_undo(bool keeps) { keeps_undo_ = keeps; }
    bool confirms() const { return confirms_; }
    void set_confirms(bool confirms) { confirms_ = confirms; }
    /// `path` says "undo", for which the job must keep what it overwrites.
    void need_undo(std::string_view path) {
        if (!keeps_undo_)
            refuse(path, is_method_ ? "\"undo\" only of a twin job" : "\"undo\" excludes \"undo\":false");
    }
    bool ok() const { return fault_.empty(); }
    std::string take_fault() { return std::move(fault_); }
    void refuse(std::string_view path, std::string_view what) {
        if (ok()) fault_ = fmt::format("{}: {}", path, what);
    }
    void refuse(std::string_view path, std::string_view takes, JsonValue found) {
        refuse(path, fmt::format("must be {}, is {}", takes, describe_json(found)));
    }

    /// An object whose members are all known; absent where it is null, absent or bad.
    JsonValue object(JsonValue value, std::string_view path, Names names, Names later = {}) {
        if (value.is_null_or_absent()) return {};
        if (!value.is_object()) {
            refuse(path, "an object", value);
            return {};
        }
        for (JsonValue v = value.first(); v.exists() && ok(); v = v.next()) {
            if (std::find(names.begin(), names.end(), v.key()) != names.end()) continue;
            const std::string member = fmt::format("{}.{}", path, describe_json_name(v));
            const bool is_later = std::find(later.begin(), later.end(), v.key()) != later.end();
            if (!is_later) refuse(member, "unknown member, " + nearest_rollout_member(v.key(), names, later));
            if (is_later && !v.is_null_or_absent()) refuse(member, "not in this version");
        }
        return ok() ? value : JsonValue{};
    }
    /// A list of that many, or absent.
    JsonValue list(JsonValue value, std::string_view path, std::size_t size_max) {
        if (value.is_null_or_absent()) return {};
        if (!value.is_array()) {
            refuse(path, "a list", value);
            return {};
        }
        if (value.size() >= 1 && value.size() <= size_max) return value;
        refuse(path, fmt::format("takes 1 to {} entries, has {}", size_max, value.size()));
        return {};
    }
    template <class T>
    std::optional<T> typed(JsonValue value, std::string_view path, std::string_view takes) {
        if (value.is_null_or_absent()) return std::nullopt;
        const auto read = value.is_string() ? T::parse(value.string()) : std::nullopt;
        if (!read) refuse(path, takes, value);
        return read;
    }
    std::optional<RolloutDuration> duration(JsonValue value, std::string_view path) {
        return typed<RolloutDuration>(value, path,
                                      "a duration such as \"90s\", \"2h\" or \"7d\", at most 366d");
    }
    std::optional<RolloutShare> share(JsonValue value, std::string_view path) {
        return typed<RolloutShare>(value, path, "a share such as \"2.5%\", above 0 and at most 100 %");
    }
    std::optional<RolloutAmount> amount(JsonValue value, std::string_view path) {
        if (value.is_null_or_absent()) return std::nullopt;
        if (value.is_string()) {
            if (const auto share = RolloutShare::parse(value.string())) return RolloutAmount{0, share};
        } else if (const auto count = value.integer();
                   count && *count >= 1 && *count <= std::int64_t{RolloutLimits::count_max}) {
            return RolloutAmount{static_cast<std::uint32_t>(*count), std::nullopt};
        }
        refuse(path, "a number from 1 to 10000000 or a share such as \"2.5%\"", value);
        return std::nullopt;
    }
    std::optional<std::int64_t> integer(JsonValue value, std::string_view path, std::int64_t min,
                                        std::int64_t max) {
        if (value.is_null_or_absent()) return std::nullopt;
        const auto number = value.is_number() ? value.integer() : std::nullopt;
        if (number && *number >= min && *number <= max) return number;
        refuse(path, fmt::format("a whole number from {} to {}", min, max), value);
        return std::nullopt;
    }
    /// A number with up to two decimals, as hundredths.
    std::optional<std::uint32_t> hundredths(JsonValue value, std::string_view path, std::uint32_t min,
                                            std::uint32_t max) {
        if (value.is_null_or_absent()) return std::nullopt;
        if (value.is_number() && value.raw().find_first_of("eE") == std::string_view::npos) {
            const auto scaled = json_number_integer(std::string(value.raw()) + "e2");
            if (scaled && *scaled >= min && *scaled <= max) return static_cast<std::uint32_t>(*scaled);
        }
        refuse(path,
               fmt::format("a number from {} to {} with at most two decimals", min / 100.0, max / 100.0),
               value);
        return std::nullopt;
    }
    std::optional<bool> boolean(JsonValue value, std::string_view path) {
        if (value.is_null_or_absent()) return std::nullopt;
        if (value.is_boolean()) return value.boolean();
        refuse(path, "true or false", value);
        return std::nullopt;
    }
    std::optional<std::string_view> text(JsonValue value, std::string_view path) {
        if (value.is_null_or_absent()) return std::nullopt;
        if (value.is_string()) return value.string();
        refuse(path, "a text", value);
        return std::nullopt;
    }
    /// Which of the words it is.
    std::optional<std::size_t> word(JsonValue value, std::string_view path, Names words) {
        if (value.is_null_or_absent()) return std::nullopt;
        if (!value.is_string()) {
            refuse(path, fmt::format("one of {}", fmt::join(words, ", ")), value);
            return std::nullopt;
        }
        const auto found = std::find(words.begin(), words.end(), value.string());
        if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
        refuse(path, fmt::format("one of {}", fmt::join(words, ", ")), value);
        return std::nullopt;
    }
    std::optional<FailureKind> kind(JsonValue value, std::string_view path) {
        const auto found = value.is_string() ? find_failure_kind(value.string()) : std::nullopt;
        if (found) return found;
        refuse(path,
               "a kind of failure: rejected, timeout, disconnected, unknown, offline, deadline, gone, "
               "tooLarge, conflict, diverged, silent or undelivered",
               value);
        return std::nullopt;
    }
    RolloutPass pass(JsonValue value, const std::string& path) {
        static constexpr std::string_view names[] = {"succeeded", "ended"};
        RolloutPass pass;
        const JsonValue found = object(value, path, names);
        if (const auto some = share(found.find("succeeded"), path + ".succeeded")) pass.succeeded = *some;
        if (const auto some = share(found.find("ended"), path + ".ended")) pass.ended = *some;
        return pass;
    }
    FailureKinds kinds(JsonValue value, std::string_view path) {
        const JsonValue all = list(value, path, all_failure_kinds);
        if (!all.exists()) return FailureKinds::all();
        FailureKinds set;
        std::size_t index = 0;
        for (JsonValue v = all.first(); v.exists() && ok(); v = v.next()) {
            if (const auto found = kind(v, fmt::format("{}[{}]", path, index++))) set.add(*found);
        }
        return set;
    }

private:
    const bool is_method_;
    bool keeps_undo_;
    bool confirms_ = false;
    std::string fault_;
};

}  // namespace carillon
