// The table of docs/rollout-reference.md as code: a function for each member, in its order.

#include "model/rollouts/canary.hpp"
#include "model/rollouts/members.hpp"
#include "model/rollouts/notify.hpp"
#include "model/rollouts/plan_ref.hpp"
#include "model/rollouts/rollout_confirm.hpp"
#include "model/rollouts/rollout_reader.hpp"
#include "model/rollouts/start_after.hpp"
#include "model/rollouts/supersede.hpp"
#include "model/rollouts/windows.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <initializer_list>

namespace carillon {

namespace {

constexpr std::string_view rollout_names[] = {
    "pace",       "order",   "seed",    "waves",    "stop", "success",   "okStatus",
    "retry",      "offline", "confirm", "deadline", "undo", "undoOf",    "from",
    "startAfter", "plan",    "windows", "keep",     "note", "supersede", "members",
    "notify"};
/// Members that a later version takes; one of them unread would be a brake that is not there.
constexpr std::string_view pace_names[] = {"maxInFlight", "rate", "adaptive"};
constexpr std::string_view order_names[] = {"spread"};
constexpr std::string_view wave_names[] = {"size", "grow", "pass", "soak", "gate", "within", "else", "test"};
constexpr std::string_view stop_names[] = {"failed", "kinds", "after", "do"};
constexpr std::string_view success_names[] = {"succeeded", "all"};
constexpr std::string_view retry_names[] = {"attempts", "on", "backoff", "repeatable"};
constexpr std::string_view backoff_names[] = {"from", "to", "factor"};
constexpr std::string_view offline_names[] = {"then", "ttl"};
constexpr std::string_view confirm_names[] = {"by", "condition", "map", "within"};
constexpr std::string_view from_names[] = {"job", "in", "kinds"};
constexpr std::string_view from_later[] = {"group"};

constexpr std::string_view needs_method = "only of a method job";

std::optional<std::pair<std::int32_t, std::int32_t>> parse_status_range(std::string_view text) {
    const auto dash = text.find('-');
    const auto number = [](std::string_view digits) -> std::optional<std::int32_t> {
        if (digits.empty() || digits.size() > 10 || digits.find_first_not_of("0123456789") != digits.npos)
            return std::nullopt;
        std::int64_t value = 0;
        for (const char c : digits) value = 10 * value + (c - '0');
        if (value > INT32_MAX) return std::nullopt;
        return static_cast<std::int32_t>(value);
    };
    const auto from = number(text.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : number(text.substr(dash + 1));
    if (!from || !to || *from > *to) return std::nullopt;
    return std::pair(*from, *to);
}

/// `503`, `5xx`.
std::optional<std::pair<std::int32_t, std::int32_t>> parse_retry_status(std::string_view text) {
    if (text.size() == 3 && text[0] >= '1' && text[0] <= '9' && text.substr(1) == "xx") {
        const std::int32_t from = 100 * (text[0] - '0');
        return std::pair(from, from + 99);
    }
    return text.find('-') == std::string_view::npos ? parse_status_range(text) : std::nullopt;
}

void read_pace(RolloutReader& in, JsonValue value, Rollout& rollout) {
    const JsonValue pace = in.object(value, "rollout.pace", pace_names);
    rollout.pace.max_in_flight = in.amount(pace.find("maxInFlight"), "rollout.pace.maxInFlight");
    rollout.pace.rate = in.typed<RolloutRate>(pace.find("rate"), "rollout.pace.rate",
                                              "a rate such as \"500/s\" or \"30/m\", at most 9999999");
    const auto adaptive = in.boolean(pace.find("adaptive"), "rollout.pace.adaptive");
    rollout.pace.adaptive = adaptive.value_or(true);
    if (rollout.pace.max_in_flight && !in.is_method() && !in.confirms())
        in.refuse("rollout.pace.maxInFlight", "on a twin job only with confirm; use pace.rate");
    if (adaptive && !in.is_method()) in.refuse("rollout.pace.adaptive", needs_method);
    if (adaptive == false && !rollout.pace.max_in_flight)
        in.refuse("rollout.pace.adaptive", "false needs maxInFlight");
}

void read_order(RolloutReader& in, JsonValue value, Rollout& rollout) {
    rollout.order.kind = rollout.waves.empty() ? RolloutOrderKind::as_stored : RolloutOrderKind::random;
    if (value.is_null_or_absent()) return;
    if (value.is_string() && (value.string() == "asStored" || value.string() == "random")) {
        rollout.order.kind =
            value.string() == "random" ? RolloutOrderKind::random : RolloutOrderKind::as_stored;
        return;
    }
    if (!value.is_object()) {
        in.refuse("rollout.order", "\"asStored\", \"random\" or {\"spread\":[\"tags.site\"]}", value);
        return;
    }
    const JsonValue order = in.object(value, "rollout.order", order_names);
    const JsonValue spread = order.find("spread");
    rollout.order.kind = RolloutOrderKind::spread;
    if (spread.is_null_or_absent()) in.refuse("rollout.order.spread", "is needed");
    const JsonValue paths = in.list(spread, "rollout.order.spread", RolloutLimits::spread_paths_max);
    for (JsonValue v = paths.first(); v.exists(); v = v.next()) {
        if (!v.is_string() || !is_rollout_path(v.string())) {
            in.refuse(fmt::format("rollout.order.spread[{}]", rollout.order.spread.size()),
                      "a path below tags, properties.desired or properties.reported, such as \"tags.site\"",
                      v);
            return;
        }
        rollout.order.spread.emplace_back(v.string());
    }
}

RolloutWave read_wave(RolloutReader& in, JsonValue value, const std::string& path, bool is_last) {
    static constexpr std::string_view gates[] = {"auto", "manual"};
    static constexpr std::string_view elses[] = {"pause", "cancel", "go", "undo"};
    RolloutWave wave;
    if (!value.is_object()) in.refuse(path, "an object", value);
    const JsonValue object = in.object(value, path, wave_names);
    const JsonValue size = object.find("size");
    if (size.is_null_or_absent()) in.refuse(path + ".size", "is needed");
    const bool is_rest = size.is_string() && size.string() == "rest";
    if (!is_rest) wave.size = in.amount(size, path + ".size");
    if (is_rest && !is_last) in.refuse(path + ".size", "\"rest\" only in the last wave");
    wave.grow_hundredths = in.hundredths(object.find("grow"), path + ".grow", 110, 1000).value_or(0);
    if (wave.grow_hundredths != 0 && !is_last) in.refuse(path + ".grow", "only in the last wave");
    if (wave.grow_hundredths != 0 && is_rest) in.refuse(path + ".grow", "\"rest\" cannot grow");
    wave.pass = in.pass(object.find("pass"), path + ".pass");
    wave.soak = in.duration(object.find("soak"), path + ".soak").value_or(RolloutDuration{});
    wave.is_manual = in.word(object.find("gate"), path + ".gate", gates) == std::size_t{1};
    wave.within = in.duration(object.find("within"), path + ".within");
    if (wave.within && wave.within->ms == 0) in.refuse(path + ".within", "must be longer than 0s");
    wave.otherwise = static_cast<WaveElse>(in.word(object.find("else"), path + ".else", elses).value_or(0));
    if (wave.otherwise == WaveElse::undo) in.need_undo(path + ".else");
    read_wave_test(in, object.find("test"), path + ".test", wave);
    return wave;
}

void read_waves(RolloutReader& in, JsonValue value, Rollout& rollout) {
    const JsonValue waves = in.list(value, "rollout.waves", RolloutLimits::waves_max);
    std::uint64_t shares = 0;
    for (JsonValue v = waves.first(); v.exists() && in.ok(); v = v.next()) {
        const std::string path = fmt::format("rollout.waves[{}]", rollout.waves.size());
        rollout.waves.push_back(read_wave(in, v, path, rollout.waves.size() + 1 == waves.size()));
        const auto& size = rollout.waves.back().size;
        if (size && size->share) shares += size->share->hundredths;
    }
    if (shares > 10'000) in.refuse("rollout.waves", "the shares add up to more than 100 %");
}

void read_stop(RolloutReader& in, JsonValue value, Rollout& rollout) {
    static constexpr std::string_view actions[] = {"pause", "cancel", "undo"};
    const JsonValue rules = in.list(value, "rollout.stop", RolloutLimits::stops_max);
    for (JsonValue v = rules.first(); v.exists() && in.ok(); v = v.next()) {
        const std::string path = fmt::format("rollout.stop[{}]", rollout.stop.size());
        if (!v.is_object()) in.refuse(path, "an object", v);
        const JsonValue rule = in.object(v, path, stop_names);
        RolloutStop stop;
        if (rule.find("failed").is_null_or_absent()) in.refuse(path + ".failed", "is needed");
        stop.failed = in.amount(rule.find("failed"), path + ".failed").value_or(RolloutAmount{});
        stop.kinds = in.kinds(rule.find("kinds"), path + ".kinds");
        const auto after = in.integer(rule.find("after"), path + ".after", 1, RolloutLimits::count_max);
        if (after) stop.after = static_cast<std::uint32_t>(*after);
        if (after && !stop.failed.share) in.refuse(path + ".after", "only beside a share in failed");
        stop.action = static_cast<StopAction>(in.word(rule.find("do"), path + ".do", actions).value_or(0));
        if (stop.action == StopAction::undo) in.need_undo(path + ".do");
        rollout.stop.push_back(stop);
    }
}

void read_success(RolloutReader& in, JsonValue value, Rollout& rollout) {
    const JsonValue success = in.object(value, "rollout.success", success_names);
    rollout.success.succeeded = in.share(success.find("succeeded"), "rollout.success.succeeded");
    const auto all = in.text(success.find("all"), "rollout.success.all");
    if (!all) return;
    if (all->empty() || all->size() > RolloutLimits::condition_chars_max)
        in.refuse("rollout.success.all", "a condition of 1 to 16384 characters");
    rollout.success.all = *all;
}

void read_ok_status(RolloutReader& in, JsonValue value, Rollout& rollout) {
    if (!in.is_method()) rollout.ok_status = {};
    if (value.is_null_or_absent()) return;
    if (!in.is_method()) in.refuse("rollout.okStatus", needs_method);
    const JsonValue list = in.list(value, "rollout.okStatus", RolloutLimits::status_ranges_max);
    rollout.ok_status = {};
    std::size_t index = 0;
    for (JsonValue v = list.first(); v.exists() && in.ok(); v = v.next(), ++index) {
        if (v.is_string() && v.string() == "*" && list.size() == 1) {
            rollout.ok_status.is_any = true;
        } else if (const auto range = v.is_string() ? parse_status_range(v.string()) : std::nullopt) {
            rollout.ok_status.ranges.push_back(*range);
        } else {
            in.refuse(fmt::format("rollout.okStatus[{}]", index),
                      "a status such as \"404\" or \"200-299\", or \"*\" alone", v);
        }
    }
}

void read_retry_on(RolloutReader& in, JsonValue value, RolloutRetry& retry) {
    const JsonValue list = in.list(value, "rollout.retry.on", RolloutLimits::retry_reasons_max);
    if (!list.exists()) {
        retry.on.add(FailureKind::rejected);
        if (!retry.repeatable) return;
        for (const FailureKind kind : {FailureKind::timeout, FailureKind::disconnected, FailureKind::unknown})
            retry.on.add(kind);
        return;
    }
    std::size_t index = 0;
    for (JsonValue v = list.first(); v.exists() && in.ok(); v = v.next()) {
        const std::string path = fmt::format("rollout.retry.on[{}]", index++);
        if (constexpr std::string_view head = "status:"; v.is_string() && v.string().starts_with(head)) {
            if (const auto range = parse_retry_status(v.string().substr(head.size()))) {
                retry.on_status.ranges.push_back(*range);
            } else {
                in.refuse(path, "a status such as \"status:503\" or \"status:5xx\"", v);
            }
            continue;
        }
        const auto kind = in.kind(v, path);
        if (!kind) return;
        const bool may_have_acted = *kind == FailureKind::timeout || *kind == FailureKind::disconnected ||
                                    *kind == FailureKind::unknown;
        if (may_have_acted && !retry.repeatable)
            in.refuse(path, fmt::format("{} needs \"repeatable\":true, as the device may have acted",
                                        failure_kind_text(*kind)));
        if (!may_have_acted && *kind != FailureKind::rejected)
            in.refuse(path, fmt::format("{} is never retried{}", failure_kind_text(*kind),
                                        *kind == FailureKind::offline ? "; see offline.ttl" : ""));
        retry.on.add(*kind);
    }
}

void read_retry(RolloutReader& in, JsonValue value, Rollout& rollout) {
    const JsonValue object = in.object(value, "rollout.retry", retry_names);
    if (!object.exists()) return;
    if (!in.is_method()) in.refuse("rollout.retry", needs_method);
    RolloutRetry retry;
    if (object.find("attempts").is_null_or_absent()) in.refuse("rollout.retry.attempts", "is needed");
    retry.attempts = static_cast<std::uint32_t>(
        in.integer(object.find("attempts"), "rollout.retry.attempts", 2, 10).value_or(2));
    retry.repeatable = in.boolean(object.find("repeatable"), "rollout.retry.repeatable").value_or(false);
    read_retry_on(in, object.find("on"), retry);
    const JsonValue backoff = in.object(object.find("backoff"), "rollout.retry.backoff", backoff_names);
    retry.from = in.duration(backoff.find("from"), "rollout.retry.backoff.from").value_or(retry.from);
    const auto to = in.duration(backoff.find("to"), "rollout.retry.backoff.to");
    retry.to = to.value_or(std::max(retry.to, retry.from));
    if (to && *to < retry.from) in.refuse("rollout.retry.backoff.to", "must not be shorter than from");
    retry.factor_hundredths =
        in.hundredths(backoff.find("factor"), "rollout.retry.backoff.factor", 100, 1000).value_or(200);
    rollout.retry = retry;
}

void read_offline(RolloutReader& in, JsonValue value, bool has_windows, Rollout& rollout) {
    static constexpr std::string_view words[] = {"wait", "skip", "write"};
    const JsonValue offline = in.object(value, "rollout.offline", offline_names);
    rollout.offline.then = in.is_method() || in.confirms() ? OfflineThen::wait : OfflineThen::write;
    if (const auto then = in.word(offline.find("then"), "rollout.offline.then", words))
        rollout.offline.then = static_cast<OfflineThen>(*then);
    rollout.offline.ttl = in.duration(offline.find("ttl"), "rollout.offline.ttl");
    if (rollout.offline.then == OfflineThen::write && in.is_method())
        in.refuse("rollout.offline.then", "\"write\" only of a twin job");
    if (rollout.offline.ttl && rollout.offline.then != OfflineThen::wait)
        in.refuse("rollout.offline.ttl", "only with \"then\":\"wait\"");
    if (rollout.offline.ttl && has_windows)
        in.refuse("rollout.offline.ttl", "not with windows; a device is waited for in each of them");
}

/// Before what depends on whether a twin job waits for confirmations.
std::optional<RolloutConfirm> read_confirm(RolloutReader& in, JsonValue value, bool is_undo) {
    static constexpr std::string_view words[] = {"reported", "acknowledged", "condition"};
    const JsonValue object = in.object(value, "rollout.confirm", confirm_names);
    if (!object.exists()) return std::nullopt;
    if (in.is_method()) in.refuse("rollout.confirm", "only of a twin job in this version");
    if (is_undo) in.refuse("rollout.confirm", "not beside undoOf");
    RolloutConfirm confirm;
    if (object.find("by").is_null_or_absent()) in.refuse("rollout.confirm.by", "is needed");
    confirm.by = static_cast<ConfirmBy>(in.word(object.find("by"), "rollout.confirm.by", words).value_or(0));
    const bool by_condition = confirm.by == ConfirmBy::condition;
    const auto condition = in.text(object.find("condition"), "rollout.confirm.condition");
    if (by_condition && !condition) in.refuse("rollout.confirm.condition", "is needed");
    if (!by_condition && condition) in.refuse("rollout.confirm.condition", "only with \"by\":\"condition\"");
    if (condition && (condition->empty() || condition->size() > RolloutLimits::condition_chars_max))
        in.refuse("rollout.confirm.condition", "a condition of 1 to 16384 characters");
    confirm.condition = condition.value_or("");
    const JsonValue map = object.find("map");
    if (!map.is_null_or_absent() && !map.is_object()) in.refuse("rollout.confirm.map", "an object", map);
    if (map.is_object() && (map.size() == 0 || map.size() > RolloutConfirm::paths_max))
        in.refuse("rollout.confirm.map", fmt::format("takes 1 to {} paths", RolloutConfirm::paths_max));
    if (map.is_object() && by_condition) in.refuse("rollout.confirm.map", "not with \"by\":\"condition\"");
    for (JsonValue v = map.is_object() ? map.first() : JsonValue(); v.exists() && in.ok(); v = v.next()) {
        const std::string path = fmt::format("rollout.confirm.map.{}", describe_json_name(v));
        if (!v.key().starts_with("properties.desired.") || !is_rollout_path(v.key()))
            in.refuse(path, "a path below properties.desired stands before the colon");
        if (!v.is_string() || !v.string().starts_with("properties.reported.") || !is_rollout_path(v.string()))
            in.refuse(path, "a path below properties.reported", v);
        confirm.map.emplace_back(v.key(), v.string());
    }
    const auto within = in.duration(object.find("within"), "rollout.confirm.within");
    if (within && within->ms == 0) in.refuse("rollout.confirm.within", "must be longer than 0s");
    confirm.within = within.value_or(confirm.within);
    return confirm;
}

/// Whole seconds, rounded up.
std::int64_t seconds_up(RolloutDuration duration) {
    return (duration.ms + 999) / 1000;
}

void read_deadline(RolloutReader& in, JsonValue value, std::int64_t execution_time_s, bool is_long_by_nature,
                   Rollout& rollout) {
    const bool is_long = is_long_by_nature || !rollout.waves.empty() || rollout.pace.rate || in.confirms() ||
                         (!in.is_method() && rollout.offline.then == OfflineThen::wait);
    rollout.deadline_s = is_long ? RolloutLimits::deadline_default_s : RolloutLimits::deadline_short_s;
    if (execution_time_s != 0) rollout.deadline_s = execution_time_s;
    if (const auto deadline = in.duration(value, "rollout.deadline")) {
        if (execution_time_s != 0) in.refuse("rollout.deadline", "excludes maxExecutionTimeInSeconds");
        if (deadline->ms == 0) in.refuse("rollout.deadline", "must be longer than 0s");
        rollout.deadline_s = seconds_up(*deadline);
        rollout.has_deadline = true;
    }
    RolloutDuration soaks;
    for (const RolloutWave& wave : rollout.waves) soaks.ms += wave.soak.ms;
    std::string_view what = "soaks";
    const auto tests = in.ok() ? wave_tests_of(rollout) : std::vector<std::optional<WaveTest>>();
    for (std::size_t i = 0; i + 1 < tests.size(); ++i) {
        if (!tests[i] || !tests[i]->has_disconnects) continue;
        // A wave that loses connections is not known before its devices were watched.
        soaks.ms += tests[i]->watch.ms;
        what = "soaks and watches";
    }
    if (!rollout.waves.empty() && soaks.ms >= rollout.deadline_s * 1000)
        in.refuse("rollout.waves", fmt::format("the {} add up to {}, the deadline is {}", what, soaks.text(),
                                               RolloutDuration{rollout.deadline_s * 1000}.text()));
}

/// Before what may ask for an undo.
void read_undo(RolloutReader& in, JsonValue object, Rollout& rollout) {
    const auto undo = in.boolean(object.find("undo"), "rollout.undo");
    if (undo && in.is_method()) in.refuse("rollout.undo", "only of a twin job");
    if (undo) in.set_keeps_undo(*undo && !in.is_method());
    rollout.keeps_undo = in.keeps_undo();
    const auto undo_of = in.text(object.find("undoOf"), "rollout.undoOf");
    if (!undo_of) return;
    if (in.is_method()) in.refuse("rollout.undoOf", "only of a twin job");
    if (!is_valid_job_id(*undo_of)) in.refuse("rollout.undoOf", "is not a job id");
    rollout.undo_of = *undo_of;
}

void read_from(RolloutReader& in, JsonValue value, Rollout& rollout) {
    static constexpr std::string_view states[] = {"succeeded", "failed", "canceled", "pending"};
    const JsonValue object = in.object(value, "rollout.from", from_names, from_later);
    if (!object.exists()) return;
    RolloutFrom from;
    if (object.find("job").is_null_or_absent()) in.refuse("rollout.from.job", "is needed");
    const auto job = in.text(object.find("job"), "rollout.from.job");
    if (job && !is_valid_job_id(*job)) in.refuse("rollout.from.job", "is not a job id");
    from.job = job.value_or("");
    if (object.find("in").is_null_or_absent()) in.refuse("rollout.from.in", "is needed");
    const JsonValue list = in.list(object.find("in"), "rollout.from.in", std::size(states));
    std::size_t index = 0;
    for (JsonValue v = list.first(); v.exists() && in.ok(); v = v.next()) {
        const std::string path = fmt::format("rollout.from.in[{}]", index++);
        if (v.is_null_or_absent()) in.refuse(path, "one of succeeded, failed, canceled, pending", v);
        bool* const flags[] = {&from.succeeded, &from.failed, &from.canceled, &from.pending};
        if (const auto state = in.word(v, path, states)) *flags[*state] = true;
    }
    from.kinds = in.kinds(object.find("kinds"), "rollout.from.kinds");
    if (!from.kinds.is_all() && !from.failed)
        in.refuse("rollout.from.kinds", "only with \"failed\" in rollout.from.in");
    rollout.from = std::move(from);
}

void read_keep_and_note(RolloutReader& in, JsonValue object, Rollout& rollout) {
    if (const auto keep = in.duration(object.find("keep"), "rollout.keep")) {
        if (keep->ms < RolloutLimits::day_s * 1000) in.refuse("rollout.keep", "must be 1d to 366d");
        rollout.keep_s = seconds_up(*keep);
    }
    const auto note = in.text(object.find("note"), "rollout.note");
    if (note && note->size() > RolloutLimits::note_bytes_max)
        in.refuse("rollout.note",
                  fmt::format("takes at most {} bytes, has {}", RolloutLimits::note_bytes_max, note->size()));
    rollout.note = note.value_or("");
}

}  // namespace

Result<Rollout> Rollout::parse(JsonValue object, JobType type, std::int64_t execution_time_s) {
    RolloutReader in(type);
    Rollout rollout;
    if (!object.is_object()) in.refuse("rollout", "an object", object);
    if (object.raw().size() > RolloutLimits::bytes_max)
        in.refuse("rollout", fmt::format("takes at most {} bytes, has {}", RolloutLimits::bytes_max,
                                         object.raw().size()));
    if (in.ok()) {
        in.object(object, "rollout", rollout_names);
        rollout.text = object.raw();
        read_undo(in, object, rollout);
        in.set_confirms(read_confirm(in, object.find("confirm"), !rollout.undo_of.empty()).has_value());
        read_pace(in, object.find("pace"), rollout);
        read_waves(in, object.find("waves"), rollout);
        read_order(in, object.find("order"), rollout);
        const auto tests = in.ok() ? wave_tests_of(rollout) : std::vector<std::optional<WaveTest>>();
        for (std::size_t i = 0; i < tests.size(); ++i) {
            // The first ids are often one site or one batch, and stand for nothing.
            if (tests[i] && rollout.order.kind == RolloutOrderKind::as_stored)
                in.refuse(fmt::format("rollout.waves[{}].test", i), "needs the order random or spread");
        }
        if (const auto seed = in.integer(object.find("seed"), "rollout.seed", 0, (std::int64_t{1} << 53) - 1))
            rollout.seed = static_cast<std::uint64_t>(*seed);
        read_stop(in, object.find("stop"), rollout);
        read_success(in, object.find("success"), rollout);
        read_ok_status(in, object.find("okStatus"), rollout);
        read_retry(in, object.find("retry"), rollout);
        const bool has_windows = read_windows(in, object.find("windows")).has_value();
        read_offline(in, object.find("offline"), has_windows, rollout);
        const auto members = read_members(in, object.find("members"));
        read_deadline(in, object.find("deadline"), execution_time_s, has_windows || members.is_continuous,
                      rollout);
        read_from(in, object.find("from"), rollout);
        read_start_after(in, object.find("startAfter"));
        read_plan_ref(in, object.find("plan"));
        read_supersede(in, object.find("supersede"));
        read_notify(in, object.find("notify"));
        read_keep_and_note(in, object, rollout);
        check_members(in, members, rollout);
    }
    if (!in.ok()) return fail(Errc::argument_invalid, in.take_fault());
    return rollout;
}

std::optional<RolloutConfirm> RolloutConfirm::of(const Rollout& rollout) {
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return std::nullopt;
    RolloutReader in(JobType::update_twin);
    return read_confirm(in, document->root().find("confirm"), false);
}

Result<Rollout> Rollout::parse(std::string_view text, JobType type) {
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(Errc::argument_invalid, "rollout: " + document.error().detail);
    return parse(document->root(), type);
}

}  // namespace carillon
