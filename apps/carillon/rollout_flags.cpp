#include "rollout_flags.hpp"

#include "base/json.hpp"
#include "base/json_merge.hpp"
#include "base/text.hpp"
#include "failure.hpp"
#include "flag_checks.hpp"
#include "json_text.hpp"
#include "model/rollouts/rollout.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace carillon {

namespace {

/// An amount as the document has it: a number stays one, anything else is a text that the hub judges.
void add_amount(JsonWriter& json, std::string_view name, std::string_view text) {
    if (const auto number = parse_u64(text)) {
        json.member(name, *number);
    } else {
        json.member(name, text);
    }
}

void add_list(JsonWriter& json, std::string_view name, std::string_view texts) {
    json.key(name).begin_array();
    for (const std::string_view text : split(texts, ',')) json.value(trimmed(text));
    json.end_array();
}

/// The members of a wave that `--wave` does not say.
void add_wave_rules(JsonWriter& json, const RolloutFlags& flags, bool is_last) {
    if (!flags.pass.empty()) {
        const auto slash = flags.pass.find('/');
        json.key("pass").begin_object().member("succeeded", flags.pass.substr(0, slash));
        if (slash != std::string::npos) json.member("ended", flags.pass.substr(slash + 1));
        json.end_object();
    }
    // Behind the last wave nothing opens, unless it grows into more.
    if (!is_last && !flags.soak.empty()) json.member("soak", flags.soak);
    if (!is_last && !flags.gate.empty()) json.member("gate", flags.gate);
    if (!flags.wave_within.empty()) json.member("within", flags.wave_within);
    if (!flags.wave_else.empty()) json.member("else", flags.wave_else);
}

/// `1% tolerate 2% refuse 5% with disconnects`: a first wave with a test.
Result<> add_canary(JsonWriter& json, const RolloutFlags& flags) {
    const auto refuse = [&flags] {
        return fail_usage("--canary: `" + flags.canary +
                          "` is not like \"1% tolerate 2% refuse 5%\" or \"1% with slow,disconnects "
                          "slower-than 2s watch 1h control 500\"");
    };
    std::vector<std::string> words;
    for (const std::string_view word : split(flags.canary, ' ')) {
        if (!word.empty()) words.emplace_back(word);
    }
    if (words.size() % 2 == 0) return refuse();
    json.begin_object();
    add_amount(json, "size", words[0]);
    json.key("test").begin_object();
    for (std::size_t i = 1; i < words.size(); i += 2) {
        if (words[i] == "with") {
            json.key("signals").begin_array();
            for (const std::string_view signal : split(words[i + 1], ',')) json.value(signal);
            json.end_array();
        } else if (words[i] == "control") {
            add_amount(json, "control", words[i + 1]);
        } else if (words[i] == "slower-than") {
            json.member("slowerThan", words[i + 1]);
        } else if (words[i] == "tolerate" || words[i] == "refuse" || words[i] == "watch") {
            json.member(words[i], words[i + 1]);
        } else {
            return refuse();
        }
    }
    json.end_object();
    add_wave_rules(json, flags, false);
    json.end_object();
    return {};
}

Result<> add_waves(JsonWriter& json, const RolloutFlags& flags) {
    const bool has_rules = !flags.soak.empty() || !flags.gate.empty() || !flags.pass.empty() ||
                           !flags.wave_within.empty() || !flags.wave_else.empty();
    if (flags.waves.empty() && flags.canary.empty()) {
        if (has_rules)
            return fail_usage(
                "--soak, --gate, --pass, --wave-within and --wave-else need --wave, such as "
                "--wave 1%,9%,rest");
        return {};
    }
    const auto sizes = split(flags.waves.empty() ? std::string_view("rest") : flags.waves, ',');
    json.key("waves").begin_array();
    if (!flags.canary.empty()) {
        if (auto added = add_canary(json, flags); !added) return added;
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        const std::string_view text = trimmed(sizes[i]);
        const auto times = text.find('x');
        const bool grows = times != std::string_view::npos;
        json.begin_object();
        add_amount(json, "size", text.substr(0, times));
        if (grows) {
            const std::string_view factor = text.substr(times + 1);
            if (i + 1 != sizes.size()) return fail_usage("--wave: only the last wave may grow");
            const auto number = JsonDocument::parse(factor);
            if (!number || !number->root().is_number())
                return fail_usage("--wave: `" + std::string(text) +
                                  "` is not like 1%x3 (1%, then three times as many)");
            json.member_raw("grow", factor);
        }
        add_wave_rules(json, flags, i + 1 == sizes.size() && !grows);
        json.end_object();
    }
    json.end_array();
    return {};
}

/// `failed>5% after 100 of timeout,rejected then cancel`; the parts behind the first in any order.
Result<> add_stop_rule(JsonWriter& json, const std::string& rule) {
    const auto refuse = [&rule] {
        return fail_usage("--stop: `" + rule +
                          "` is not like \"failed>5% after 100 of timeout,rejected then cancel\"");
    };
    std::vector<std::string> words;
    for (const std::string_view word : split(rule, ' ')) {
        if (!word.empty()) words.emplace_back(word);
    }
    // `failed > 5%` in three words is one.
    if (words.size() >= 3 && words[1] == ">") {
        words[0] += words[1] + words[2];
        words.erase(words.begin() + 1, words.begin() + 3);
    }
    constexpr std::string_view head = "failed>";
    if (words.empty() || !words[0].starts_with(head) || words.size() % 2 == 0) return refuse();
    std::string_view amount = std::string_view(words[0]).substr(head.size());
    // Of a number the document says how many, the flag more than how many.
    json.begin_object();
    if (const auto number = parse_u64(amount)) {
        json.member("failed", *number + 1);
    } else {
        json.member("failed", amount);
    }
    for (std::size_t i = 1; i < words.size(); i += 2) {
        if (words[i] == "after") {
            add_amount(json, "after", words[i + 1]);
        } else if (words[i] == "of") {
            add_list(json, "kinds", words[i + 1]);
        } else if (words[i] == "then") {
            json.member("do", words[i + 1]);
        } else {
            return refuse();
        }
    }
    json.end_object();
    return {};
}

Result<> add_retry(JsonWriter& json, const RolloutFlags& flags) {
    if (!flags.attempts && flags.retry_on.empty() && flags.backoff.empty() && !flags.is_repeatable) return {};
    json.key("retry").begin_object();
    if (flags.attempts) json.member("attempts", *flags.attempts);
    if (!flags.retry_on.empty()) add_list(json, "on", flags.retry_on);
    if (!flags.backoff.empty()) {
        const auto dots = flags.backoff.find("..");
        if (dots == std::string::npos)
            return fail_usage("--backoff: `" + flags.backoff + "` is not like 5s..2m");
        json.key("backoff").begin_object().member("from", flags.backoff.substr(0, dots));
        json.member("to", flags.backoff.substr(dots + 2)).end_object();
    }
    if (flags.is_repeatable) json.member("repeatable", true);
    json.end_object();
    return {};
}

Result<> add_from(JsonWriter& json, const RolloutFlags& flags) {
    if (flags.from.empty()) {
        if (!flags.from_kinds.empty()) return fail_usage("--from-kinds needs --from");
        return {};
    }
    const auto colon = flags.from.find(':');
    if (colon == std::string::npos) {
        return fail_usage("--from: `" + flags.from + "` is not like JOB:failed,canceled");
    }
    json.key("from").begin_object().member("job", flags.from.substr(0, colon));
    add_list(json, "in", std::string_view(flags.from).substr(colon + 1));
    if (!flags.from_kinds.empty()) add_list(json, "kinds", flags.from_kinds);
    json.end_object();
    return {};
}

/// `JOB:95%/100%`
void add_after(JsonWriter& json, const std::string& after) {
    if (after.empty()) return;
    const auto colon = after.find(':');
    json.key("startAfter").begin_object().member("job", after.substr(0, colon));
    if (colon != std::string::npos) {
        const std::string pass = after.substr(colon + 1);
        const auto slash = pass.find('/');
        json.key("pass").begin_object().member("succeeded", pass.substr(0, slash));
        if (slash != std::string::npos) json.member("ended", pass.substr(slash + 1));
        json.end_object();
    }
    json.end_object();
}

void add_order(JsonWriter& json, const std::string& order) {
    constexpr std::string_view spread = "spread:";
    if (order.empty()) return;
    if (!order.starts_with(spread)) {
        json.member("order", order);
        return;
    }
    json.key("order").begin_object();
    add_list(json, "spread", std::string_view(order).substr(spread.size()));
    json.end_object();
}

void add_pace(JsonWriter& json, const RolloutFlags& flags) {
    if (flags.max_in_flight.empty() && flags.rate.empty() && !flags.is_not_adaptive) return;
    json.key("pace").begin_object();
    if (!flags.max_in_flight.empty()) add_amount(json, "maxInFlight", flags.max_in_flight);
    if (!flags.rate.empty()) json.member("rate", flags.rate);
    if (flags.is_not_adaptive) json.member("adaptive", false);
    json.end_object();
}

void add_success(JsonWriter& json, const RolloutFlags& flags) {
    if (flags.success.empty() && flags.success_all.empty()) return;
    json.key("success").begin_object();
    if (!flags.success.empty()) json.member("succeeded", flags.success);
    if (!flags.success_all.empty()) json.member("all", flags.success_all);
    json.end_object();
}

void add_offline(JsonWriter& json, const RolloutFlags& flags) {
    if (flags.offline.empty() && flags.offline_ttl.empty()) return;
    json.key("offline").begin_object();
    if (!flags.offline.empty()) json.member("then", flags.offline);
    if (!flags.offline_ttl.empty()) json.member("ttl", flags.offline_ttl);
    json.end_object();
}

Result<> add_confirm(JsonWriter& json, const RolloutFlags& flags) {
    if (flags.confirm.empty()) {
        if (!flags.confirm_within.empty()) return fail_usage("--confirm-within needs --confirm");
        return {};
    }
    const bool is_word = flags.confirm == "reported" || flags.confirm == "acknowledged";
    json.key("confirm").begin_object().member("by", is_word ? flags.confirm : "condition");
    if (!is_word) json.member("condition", flags.confirm);
    if (!flags.confirm_within.empty()) json.member("within", flags.confirm_within);
    json.end_object();
    return {};
}

constexpr std::string_view week_days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/// `mon-fri,sun`: days of the week with stretches of them, over Sunday too. What is no day stays for the hub
/// to judge.
void add_days(JsonWriter& json, std::string_view days) {
    const auto place = [](std::string_view day) {
        return static_cast<std::size_t>(std::find(std::begin(week_days), std::end(week_days), day) -
                                        week_days);
    };
    json.key("days").begin_array();
    for (const std::string_view part : split(days, ',')) {
        const auto dash = part.find('-');
        const auto from = place(part.substr(0, dash));
        const auto to = dash == std::string_view::npos ? from : place(part.substr(dash + 1));
        if (from == std::size(week_days) || to == std::size(week_days)) {
            json.value(part);
            continue;
        }
        for (auto day = from;; day = (day + 1) % std::size(week_days)) {
            json.value(week_days[day]);
            if (day == to) break;
        }
    }
    json.end_array();
}

/// `mon-fri 02:00+2h`; without days every day.
Result<> add_window(JsonWriter& json, const std::string& window) {
    const std::string_view text = trimmed(window);
    const auto space = text.find(' ');
    const auto plus = text.find('+');
    if (plus == std::string_view::npos || (space != std::string_view::npos && space > plus))
        return fail_usage("--window: `" + window + "` is not like \"mon-fri 02:00+2h\"");
    json.begin_object();
    const bool has_days = space != std::string_view::npos;
    if (has_days) add_days(json, text.substr(0, space));
    const auto start = has_days ? space + 1 : 0;
    json.member("from", trimmed(text.substr(start, plus - start)));
    json.member("for", text.substr(plus + 1)).end_object();
    return {};
}

Result<> add_windows(JsonWriter& json, const RolloutFlags& flags) {
    if (flags.windows.empty()) {
        if (flags.zone.empty() && flags.zone_fallback.empty() && flags.closing.empty() &&
            flags.except.empty())
            return {};
        return fail_usage(
            "--zone, --zone-fallback, --except and --closing need --window, such as --window \"02:00+2h\"");
    }
    json.key("windows").begin_object();
    if (!flags.zone.empty()) json.member("zone", flags.zone);
    if (!flags.zone_fallback.empty()) json.member("fallback", flags.zone_fallback);
    json.key("open").begin_array();
    for (const std::string& window : flags.windows) {
        if (auto added = add_window(json, window); !added) return added;
    }
    json.end_array();
    if (!flags.except.empty()) {
        json.key("except").begin_array();
        for (const std::string& days : flags.except) json.value(days);
        json.end_array();
    }
    if (!flags.closing.empty()) json.member("closing", flags.closing);
    json.end_object();
    return {};
}

/// What the flags say beside `--rollout`; `{}` if nothing.
Result<std::string> object_of_flags(const RolloutFlags& flags) {
    std::string object;
    JsonWriter json(object);
    json.begin_object();
    add_pace(json, flags);
    add_order(json, flags.order);
    if (flags.seed) json.member("seed", *flags.seed);
    if (auto added = add_waves(json, flags); !added) return fail(std::move(added).error());
    if (!flags.stop.empty()) {
        json.key("stop").begin_array();
        for (const std::string& rule : flags.stop) {
            if (auto added = add_stop_rule(json, rule); !added) return fail(std::move(added).error());
        }
        json.end_array();
    }
    add_success(json, flags);
    if (!flags.ok_status.empty()) add_list(json, "okStatus", flags.ok_status);
    if (auto added = add_retry(json, flags); !added) return fail(std::move(added).error());
    add_offline(json, flags);
    if (auto added = add_confirm(json, flags); !added) return fail(std::move(added).error());
    if (auto added = add_windows(json, flags); !added) return fail(std::move(added).error());
    if (!flags.deadline.empty()) json.member("deadline", flags.deadline);
    if (flags.keeps_no_undo) json.member("undo", false);
    if (!flags.undo_of.empty()) json.member("undoOf", flags.undo_of);
    if (auto added = add_from(json, flags); !added) return fail(std::move(added).error());
    add_after(json, flags.after);
    if (flags.is_continuous || !flags.on_leave.empty()) {
        json.key("members").begin_object();
        if (flags.is_continuous) json.member("mode", "continuous");
        if (!flags.on_leave.empty()) json.member("onLeave", flags.on_leave);
        json.end_object();
    }
    if (flags.supersede) {
        json.key("supersede").begin_object();
        if (!flags.supersede->empty()) json.member("key", *flags.supersede);
        json.end_object();
    }
    if (!flags.keep.empty()) json.member("keep", flags.keep);
    if (!flags.notify.empty()) {
        json.key("notify").begin_array();
        for (const std::string_view name : split(flags.notify, ',')) json.value(trimmed(name));
        json.end_array();
    }
    if (!flags.note.empty()) json.member("note", flags.note);
    json.end_object();
    return object;
}

Result<std::string> merged(std::string_view what, std::string_view target, std::string_view changes) {
    const auto below = JsonDocument::parse(target);
    const auto above = JsonDocument::parse(changes);
    if (!below || !below->root().is_object())
        return fail_usage(std::string(what) + " must be an object such as {\"waves\":[…]}");
    return merged_json(below->root(), above->root());
}

}  // namespace

void add_rollout_rule_flags(CLI::App& verb, RolloutFlags& flags) {
    verb.add_option("--max-in-flight", flags.max_in_flight,
                    "Maximum number of devices called and not yet answered: 256, or 2% of all");
    verb.add_option("--rate", flags.rate, "Maximum rate at which devices begin: 500/s or 30/m");
    verb.add_flag("--no-adaptive", flags.is_not_adaptive, "Keep to --max-in-flight when answers are slow");
    verb.add_option("--wave", flags.waves,
                    "Sizes of the waves: 1%,9%,rest; or 1%x3, each three times larger");
    verb.add_option(
        "--canary", flags.canary,
        "A first wave that is judged by a test, before those of --wave: \"1% tolerate 2% refuse 5%\", or "
        "\"1% with slow,disconnects slower-than 2s watch 1h\"");
    verb.add_option("--soak", flags.soak, "How long a wave must hold before the next one opens: 2h");
    verb.add_option("--gate", flags.gate, "manual: a wave waits for `job promote` before the next one opens")
        ->check(one_of({"auto", "manual"}));
    verb.add_option("--pass", flags.pass, "What a wave needs to pass, succeeded/ended: 99%/95% [95%/95%]");
    verb.add_option("--wave-within", flags.wave_within, "A wave that has not passed after so long fails: 1d");
    verb.add_option("--wave-else", flags.wave_else,
                    "What a wave that fails does: pause, cancel, undo or go [pause]")
        ->check(one_of({"pause", "cancel", "undo", "go"}));
    verb.add_option("--stop,--abort-on", flags.stop,
                    "\"failed>5% after 100 of timeout,rejected then cancel\"; repeatable");
    verb.add_option("--success", flags.success, "Share of devices that must succeed: 99%; else exit code 8");
    verb.add_option("--retry", flags.attempts, "Maximum number of attempts for each device, 2 to 10")
        ->check(whole_number(2, 10, "times"));
    verb.add_option("--retry-on", flags.retry_on, "After which failures: rejected,status:503 [rejected]");
    verb.add_option("--backoff", flags.backoff,
                    "Wait before the second attempt, and at most: 5s..2m [5s..5m]");
    verb.add_flag("--repeatable", flags.is_repeatable,
                  "The method may be sent again to a device that may have acted");
}

void add_rollout_change_flags(CLI::App& verb, RolloutFlags& flags) {
    add_rollout_rule_flags(verb, flags);
    verb.add_option("--window", flags.windows,
                    "Local times at which devices may begin: \"mon-fri 02:00+2h\"; repeatable");
    verb.add_option("--zone", flags.zone,
                    "The time zone of --window: Europe/Berlin, or where each device names its own: tags.tz");
    verb.add_option("--zone-fallback", flags.zone_fallback,
                    "Time zone of devices that name none: Etc/UTC, or skip to leave them out");
    verb.add_option("--except", flags.except,
                    "Local dates on which no window opens: 2026-12-24..2026-12-26; repeatable");
    verb.add_option("--closing", flags.closing,
                    "Nothing begins so long before a window ends: 10m [methods: their time-out]");
    verb.add_option("--deadline", flags.deadline,
                    "Time from the start after which devices that have not ended fail: 14d");
}

void add_rollout_flags(CLI::App& verb, RolloutFlags& flags) {
    verb.add_option(
        "--rollout", flags.object,
        "How the job goes over its devices: JSON, @FILE or -; the flags below are put on top of it");
    add_rollout_change_flags(verb, flags);
    verb.add_option(
        "--order", flags.order,
        "Order of the devices: asStored, random, or spread:tags.site for each site in proportion");
    verb.add_option("--seed", flags.seed, "Makes order and waiting times repeatable")
        ->check(whole_number(0, (std::int64_t{1} << 53) - 1, ""));
    verb.add_option("--success-all", flags.success_all, "Every device of this condition must succeed");
    verb.add_option("--ok-status", flags.ok_status,
                    "Answers that are successes: 200-299,404; \"*\" is all [200-299]");
    verb.add_option(
            "--offline", flags.offline,
            "A device that is not connected at its turn: wait, skip or write [methods wait, twins write]")
        ->check(one_of({"wait", "skip", "write"}));
    verb.add_option("--offline-ttl", flags.offline_ttl, "How long to wait for it: 2h [the deadline]");
    verb.add_option("--confirm", flags.confirm,
                    "Twins: a device succeeds when it has reported what was written: reported, acknowledged "
                    "(ac, av), or a condition such as \"properties.reported.fw = '2.0'\"");
    verb.add_option("--confirm-within", flags.confirm_within,
                    "Time to do so after the device was reached: 30m [1h]");
    verb.add_option("--from", flags.from, "The devices of another job: JOB:failed,canceled");
    verb.add_option("--from-kinds", flags.from_kinds, "Of the failed ones, those that failed so: timeout");
    verb.add_option("--after", flags.after,
                    "Start when another job has succeeded: JOB, or JOB:95%/100% (succeeded/ended) [95%/95%]");
    verb.add_flag("--continuous", flags.is_continuous,
                  "Go on taking devices that come to match, until the deadline or `job close`");
    verb.add_option("--on-leave", flags.on_leave,
                    "With --continuous, a device that stops matching before its turn: keep or cancel [keep]")
        ->check(one_of({"keep", "cancel"}));
    verb.add_option("--supersede", flags.supersede,
                    "Take over the devices that earlier jobs with --supersede have not begun: those that act "
                    "upon the same, or have the same KEY")
        ->expected(0, 1)
        ->type_name("[KEY]");
    verb.add_flag("--no-undo", flags.keeps_no_undo, "Do not keep what the job overwrites in twins");
    verb.add_option("--undo-of", flags.undo_of, "Take back what another job wrote, instead of a patch")
        ->type_name("JOB");
    verb.add_option("--keep", flags.keep, "How long the job is kept after its end: 90d [30d]");
    verb.add_option("--notify", flags.notify,
                    "Endpoints that hear of this job, of those that hear only of jobs that name them: "
                    "ops,audit");
    verb.add_option("--note", flags.note, "Shown in lists, up to 256 bytes");
}

Result<std::string> rollout_of_flags(const RolloutFlags& flags, std::string_view base) {
    auto object = object_of_flags(flags);
    if (!object) return object;
    std::string below(base);
    if (!flags.object.empty()) {
        auto given = read_json_argument("--rollout", flags.object);
        if (!given) return given;
        auto on_base = merged("--rollout", *given, "{}");
        if (!on_base) return on_base;
        below = *std::move(on_base);
    }
    if (below.empty() && *object == "{}") return std::string();
    return merged("--rollout", below.empty() ? "{}" : below, *object);
}

Result<std::string> checked_rollout(const RolloutFlags& flags, JobType type, std::string_view base) {
    auto object = rollout_of_flags(flags, base);
    if (!object || object->empty()) return object;
    const auto rollout = Rollout::parse(std::string_view(*object), type);
    if (!rollout) return fail_usage(rollout.error().detail);
    return object;
}

}  // namespace carillon
