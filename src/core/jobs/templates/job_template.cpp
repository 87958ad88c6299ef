#include "core/jobs/templates/job_template.hpp"

#include "base/text.hpp"
#include "model/jobs/job.hpp"
#include "model/rollouts/rollout_reader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <utility>

namespace carillon {

namespace {

using TemplateValues = std::map<std::string, std::pair<JobTemplate::Type, std::string>, std::less<>>;

constexpr std::string_view parameter_type_words[] = {"text", "number", "boolean", "json"};
constexpr std::size_t parameter_chars_max = 32;

bool is_template_word(std::string_view name, std::size_t chars_max) {
    const auto is_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    };
    return !name.empty() && name.size() <= chars_max && std::all_of(name.begin(), name.end(), is_of_name);
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// The text of a JSON string.
std::string text_of_json(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    return document ? std::string(document->root().string()) : std::string();
}

/// As a literal of the query language, in which a backslash escapes.
std::string query_literal(JobTemplate::Type type, const std::string& json) {
    if (type != JobTemplate::Type::text) return json;
    std::string literal = "'";
    for (const char c : text_of_json(json)) {
        if (c == '\\' || c == '\'' || c == '"') literal += '\\';
        literal += c;
    }
    return literal + '\'';
}

/// Writes a JobRequest anew with its values in it. Keeps the first fault.
class TemplateFiller {
public:
    TemplateFiller(const TemplateValues& values, std::string_view id, std::vector<std::string> before)
        : values_(values), id_(id), before_(std::move(before)) {}

    std::string fill(JsonValue request) {
        std::string out;
        JsonWriter json(out);
        write(json, request, "");
        return out;
    }
    const std::string& fault() const { return fault_; }

private:
    void refuse(std::string_view path, std::string_view what) {
        if (fault_.empty()) fault_ = fmt::format("{}: {}", path, what);
    }

    /// As deep as JsonLimits allows.
    void write(JsonWriter& json, JsonValue value, const std::string& path) {
        if (value.is_object()) {
            json.begin_object();
            for (JsonValue v = value.first(); v.exists(); v = v.next()) {
                json.key(v.key());
                write(json, v, path.empty() ? std::string(v.key()) : fmt::format("{}.{}", path, v.key()));
            }
            json.end_object();
        } else if (value.is_array()) {
            json.begin_array();
            for (JsonValue v = value.first(); v.exists(); v = v.next()) write(json, v, path);
            json.end_array();
        } else if (value.is_string()) {
            write_text(json, value.string(), path);
        } else {
            json.raw(value.raw());
        }
    }

    void write_text(JsonWriter& json, std::string_view text, const std::string& path) {
        const bool names_job =
            path == "rollout.from.job" || path == "rollout.startAfter.job" || path == "rollout.undoOf";
        if (names_job && text.starts_with('@')) {
            json.value(sibling(text.substr(1), path));
            return;
        }
        if (const auto* whole = whole_value(text)) {
            json.raw(whole->second);
            return;
        }
        const bool is_condition =
            path == "queryCondition" || path == "rollout.success.all" || path == "rollout.confirm.condition";
        json.value(is_condition ? filled_condition(text, path) : filled_text(text, path));
    }

    /// Of a text that is a parameter and nothing else.
    const TemplateValues::mapped_type* whole_value(std::string_view text) const {
        if (!text.starts_with("${") || text.find('}') != text.size() - 1) return nullptr;
        const auto found = values_.find(text.substr(2, text.size() - 3));
        return found == values_.end() ? nullptr : &found->second;
    }

    /// The parameter that begins at `at`, which then stands at its end.
    const TemplateValues::mapped_type* value_at(std::string_view text, std::size_t& at,
                                                const std::string& path) {
        const auto end = std::min(text.find('}', at), text.size());
        const auto named = text.substr(at + 2, end - at - 2);
        const auto found = values_.find(named);
        at = end;
        if (found != values_.end() && end < text.size()) return &found->second;
        refuse(path, fmt::format("there is no parameter '{}'", named));
        return nullptr;
    }

    std::string filled_text(std::string_view text, const std::string& path) {
        std::string out;
        for (std::size_t at = 0; at < text.size(); ++at) {
            if (!text.substr(at).starts_with("${")) {
                out += text[at];
                continue;
            }
            const auto* value = value_at(text, at, path);
            if (!value) continue;
            if (value->first == JobTemplate::Type::text) {
                out += text_of_json(value->second);
            } else if (value->first == JobTemplate::Type::number) {
                out += value->second;
            } else {
                refuse(path, "a text takes parameters of the types text and number only");
            }
        }
        return out;
    }

    std::string filled_condition(std::string_view text, const std::string& path) {
        std::string out;
        char quote = 0;  // The one that is open.
        for (std::size_t at = 0; at < text.size(); ++at) {
            const char c = text[at];
            if (text.substr(at).starts_with("${")) {
                if (quote != 0) refuse(path, "a parameter stands outside of quotes, which it gets by itself");
                const auto* value = value_at(text, at, path);
                if (!value) continue;
                if (value->first == JobTemplate::Type::json)
                    refuse(path, "a condition takes no parameter of type json");
                out += query_literal(value->first, value->second);
                continue;
            }
            out += c;
            if (quote != 0 && c == '\\' && at + 1 < text.size()) {
                out += text[++at];
            } else if (quote != 0) {
                if (c == quote) quote = 0;
            } else if (c == '\'' || c == '"') {
                quote = c;
            }
        }
        return out;
    }

    std::string sibling(std::string_view name, const std::string& path) {
        if (std::find(before_.begin(), before_.end(), name) == before_.end())
            refuse(path, fmt::format("there is no job '{}' before this one", name));
        return fmt::format("{}-{}", id_, name);
    }

    const TemplateValues& values_;
    const std::string_view id_;
    const std::vector<std::string> before_;  ///< Names of the jobs before this one.
    std::string fault_;
};

bool is_of_type(JsonValue value, JobTemplate::Type type) {
    switch (type) {
        case JobTemplate::Type::text:
            return value.is_string() && !has_control_character(value.string());
        case JobTemplate::Type::number:
            return value.is_number();
        case JobTemplate::Type::boolean:
            return value.is_boolean();
        case JobTemplate::Type::json:
            break;
    }
    return value.exists();
}

constexpr std::string_view type_takes[] = {"a text without control characters", "a number", "true or false",
                                           "a value"};

void read_parameters(RolloutReader& in, JsonValue value, JobTemplate& made) {
    static constexpr std::string_view names[] = {"type", "default"};
    if (value.is_null_or_absent()) return;
    if (!value.is_object() || value.size() > JobTemplate::parameters_max)
        return in.refuse("parameters",
                         fmt::format("must be an object of up to {} members", JobTemplate::parameters_max));
    for (JsonValue v = value.first(); v.exists() && in.ok(); v = v.next()) {
        const auto path = fmt::format("parameters.{}", describe_json_name(v));
        if (!is_template_word(v.key(), parameter_chars_max))
            in.refuse(path, "a name has up to 32 letters, digits, '-' and '_'");
        const JsonValue object = in.object(v, path, names);
        if (in.ok() && !object.exists()) in.refuse(path, R"(must be an object such as {"type":"text"})");
        JobTemplate::Parameter parameter;
        if (object.find("type").is_null_or_absent()) in.refuse(path + ".type", "is needed");
        const auto type = in.word(object.find("type"), path + ".type", parameter_type_words);
        parameter.type = static_cast<JobTemplate::Type>(type.value_or(0));
        if (const JsonValue given = object.find("default"); !given.is_null_or_absent()) {
            if (!is_of_type(given, parameter.type))
                in.refuse(path + ".default", type_takes[type.value_or(0)], given);
            parameter.otherwise = given.raw();
        }
        made.parameters.emplace(v.key(), std::move(parameter));
    }
}

void read_repeat(RolloutReader& in, JsonValue value, JobTemplate& made) {
    static constexpr std::string_view names[] = {"cron", "zone", "overlap", "within"};
    static constexpr std::string_view overlaps[] = {"skip", "queue", "cancel"};
    const JsonValue object = in.object(value, "repeat", names);
    if (!object.exists()) return;
    TemplateRepeat repeat;
    const auto cron = in.text(object.find("cron"), "repeat.cron");
    if (!cron) return in.refuse("repeat.cron", "is needed");
    if (const auto times = CronTimes::parse(*cron)) {
        repeat.times = *times;
    } else {
        in.refuse("repeat.cron", times.error().detail);
    }
    if (const auto zone = in.text(object.find("zone"), "repeat.zone")) repeat.zone = *zone;
    repeat.overlap =
        static_cast<TemplateOverlap>(in.word(object.find("overlap"), "repeat.overlap", overlaps).value_or(0));
    if (const auto within = in.duration(object.find("within"), "repeat.within")) {
        if (within->ms < 60'000) in.refuse("repeat.within", "must be 1m or longer");
        repeat.within_s = within->ms / 1000;
    }
    made.repeat = std::move(repeat);
}

void read_jobs(RolloutReader& in, JsonValue root, JobTemplate& made) {
    static constexpr std::string_view names[] = {"name", "job"};
    const JsonValue job = root.find("job");
    const JsonValue jobs = root.find("jobs");
    if (job.is_null_or_absent() == jobs.is_null_or_absent())
        return in.refuse("job", "either job or jobs is needed");
    if (!job.is_null_or_absent()) {
        if (!job.is_object()) return in.refuse("job", "a JobRequest", job);
        made.jobs.push_back({"", std::string(job.raw())});
        return;
    }
    const JsonValue list = in.list(jobs, "jobs", JobTemplate::jobs_max);
    for (JsonValue v = list.first(); v.exists() && in.ok(); v = v.next()) {
        const auto path = fmt::format("jobs[{}]", made.jobs.size());
        const JsonValue object = in.object(v, path, names);
        if (!v.is_object()) return in.refuse(path, "an object", v);
        const std::string name(in.text(object.find("name"), path + ".name").value_or(""));
        if (!is_template_word(name, JobTemplate::name_chars_max))
            in.refuse(path + ".name", "has up to 64 letters, digits, '-' and '_'");
        const bool is_taken = std::any_of(made.jobs.begin(), made.jobs.end(),
                                          [&](const auto& other) { return other.name == name; });
        if (is_taken) in.refuse(path + ".name", fmt::format("'{}' is there twice", name));
        if (!object.find("job").is_object()) in.refuse(path + ".job", "a JobRequest", object.find("job"));
        made.jobs.push_back({name, std::string(object.find("job").raw())});
    }
}

/// What a parameter without a default is checked with.
std::string stand_in(JobTemplate::Type type) {
    constexpr std::string_view values[] = {R"("x")", "1", "true", "{}"};
    return std::string(values[static_cast<std::size_t>(type)]);
}

Result<std::vector<TemplateJob>> fill_all(const JobTemplate& made, std::string_view id,
                                          const TemplateValues& values) {
    std::vector<TemplateJob> jobs;
    std::vector<std::string> before;
    for (const auto& job : made.jobs) {
        const auto document = JsonDocument::parse(job.body);
        if (!document) return fail(document.error());
        TemplateFiller filler(values, id, before);
        TemplateJob filled;
        filled.id = job.name.empty() ? std::string(id) : fmt::format("{}-{}", id, job.name);
        filled.body = filler.fill(document->root());
        if (!filler.fault().empty()) {
            const auto head = job.name.empty() ? std::string("job") : fmt::format("jobs.{}", job.name);
            return fail(Errc::argument_invalid, fmt::format("{}.{}", head, filler.fault()));
        }
        before.push_back(job.name);
        jobs.push_back(std::move(filled));
    }
    return jobs;
}

/// Whether the jobs read, as far as that can be said without values.
Result<> check_template(const JobTemplate& made) {
    TemplateValues values;
    bool has_all = true;
    for (const auto& [name, parameter] : made.parameters) {
        has_all &= !parameter.otherwise.empty();
        const auto& value = parameter.otherwise.empty() ? stand_in(parameter.type) : parameter.otherwise;
        values.emplace(name, std::pair(parameter.type, value));
    }
    const auto jobs = fill_all(made, "t", values);
    if (!jobs) return fail(jobs.error());
    if (!has_all && made.repeat)
        return fail(Errc::argument_invalid, "repeat: needs a default for each parameter");
    for (const auto& job : *jobs) {
        if (!has_all) break;
        const auto body = JsonDocument::parse(job.body);
        if (!body) return fail(body.error());
        const auto definition = JobDefinition::parse(job.id, body->root(), Flavour::ga, WallTime());
        if (!definition) return fail(definition.error());
    }
    return {};
}

}  // namespace

Result<JobTemplate> JobTemplate::parse(std::string_view name, std::string_view text) {
    static constexpr std::string_view names[] = {"job", "jobs", "parameters", "repeat"};
    JobTemplate made;
    made.name = name;
    if (!is_template_word(name, name_chars_max))
        return fail(Errc::argument_invalid, "A template's name has up to 64 letters, digits, '-' and '_'.");
    if (text.size() > bytes_max)
        return fail(Errc::argument_invalid, fmt::format("A template takes at most {} bytes.", bytes_max));
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(document.error());
    if (!document->root().is_object()) return fail(Errc::argument_invalid, "The body must be an object.");
    made.text = document->root().raw();
    RolloutReader in(JobType::update_twin);
    const JsonValue root = in.object(document->root(), "template", names);
    read_parameters(in, root.find("parameters"), made);
    read_repeat(in, root.find("repeat"), made);
    if (in.ok()) read_jobs(in, root, made);
    std::size_t longest = 0;
    for (const auto& job : made.jobs) longest = std::max(longest, job.name.empty() ? 0 : job.name.size() + 1);
    if (made.repeat && name.size() + longest > repeated_name_chars_max)
        in.refuse("repeat", fmt::format("the name of the template, and of its jobs, may have {} characters",
                                        repeated_name_chars_max));
    if (!in.ok()) return fail(Errc::argument_invalid, in.take_fault());
    if (auto checked = check_template(made); !checked) return fail(std::move(checked).error());
    return made;
}

Result<std::vector<TemplateJob>> JobTemplate::fill(std::string_view id, JsonValue given) const {
    if (!given.is_null_or_absent() && !given.is_object())
        return fail(Errc::argument_invalid, "parameters: must be an object");
    for (JsonValue v = given.is_object() ? given.first() : JsonValue(); v.exists(); v = v.next()) {
        if (!parameters.contains(v.key()))
            return fail(
                Errc::argument_invalid,
                fmt::format("parameters.{}: the template has no such parameter", describe_json_name(v)));
    }
    TemplateValues values;
    for (const auto& [key, parameter] : parameters) {
        const JsonValue value = given.is_object() ? given.find(key) : JsonValue();
        if (value.is_null_or_absent() && parameter.otherwise.empty())
            return fail(Errc::argument_invalid, fmt::format("parameters.{}: is needed", key));
        if (!value.is_null_or_absent() && !is_of_type(value, parameter.type)) {
            return fail(
                Errc::argument_invalid,
                fmt::format("parameters.{}: must be {}, is {}", key,
                            type_takes[static_cast<std::size_t>(parameter.type)], describe_json(value)));
        }
        values.emplace(key, std::pair(parameter.type, value.is_null_or_absent() ? parameter.otherwise
                                                                                : std::string(value.raw())));
    }
    return fill_all(*this, id, values);
}

std::string JobTemplate::run_id(std::int64_t planned_s) const {
    const auto time = to_iso8601(WallTime::from_unix_s(planned_s));  // 2027-03-28T01:30:00…
    const auto part = [&](std::size_t at, std::size_t chars) {
        return std::string_view(time).substr(at, chars);
    };
    return fmt::format("{}-{}{}{}T{}{}Z", name, part(0, 4), part(5, 2), part(8, 2), part(11, 2), part(14, 2));
}

}  // namespace carillon
