#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "core/rollouts/time/cron.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What a job that comes again does if the one before has not ended.
enum class TemplateOverlap : std::uint8_t { skip, queue, cancel };

/// When a template makes its jobs by itself.
struct TemplateRepeat {
    CronTimes times;
    std::string zone = "Etc/UTC";
    TemplateOverlap overlap = TemplateOverlap::skip;
    std::int64_t within_s = 600;  ///< One that is later is missed.
};

/// A job to be made, and a JobRequest for it.
struct TemplateJob {
    std::string id;
    std::string body;
};

/// A job, or several that follow each other, with values to be filled in. A value.
/// Source: docs/rollout-reference.md, templates.
struct JobTemplate {
    static constexpr std::size_t count_max = 1000;
    static constexpr std::size_t bytes_max = 128 * 1024;
    static constexpr std::size_t name_chars_max = 64;
    /// Of one with `repeat`, with the longest name of its jobs: `-20270328T0130Z` and what joins them follow.
    static constexpr std::size_t repeated_name_chars_max = 46;
    static constexpr std::size_t jobs_max = 20;
    static constexpr std::size_t parameters_max = 64;

    enum class Type : std::uint8_t { text, number, boolean, json };
    struct Parameter {
        Type type = Type::text;
        std::string otherwise;  ///< `default`, JSON; empty if it has none.
    };
    struct Job {
        std::string name;  ///< Empty if it is the only one.
        std::string body;  ///< A JobRequest in which `${name}` stands for parameters.
    };

    std::string name;
    std::string text;  ///< As it was sent.
    std::vector<Job> jobs;
    std::map<std::string, Parameter, std::less<>> parameters;
    std::optional<TemplateRepeat> repeat;

    /// Reads and checks the document. Fails with `argument_invalid`, whose text begins with the dotted path
    /// of the member.
    static Result<JobTemplate> parse(std::string_view name, std::string_view text);
    /// The jobs for these values, the first of which others may follow; `id` is theirs, or the head of
    /// theirs. Fails with `argument_invalid`.
    Result<std::vector<TemplateJob>> fill(std::string_view id, JsonValue values) const;
    /// The head of the ids of the jobs of a planned time.
    std::string run_id(std::int64_t planned_s) const;
};

}  // namespace carillon
