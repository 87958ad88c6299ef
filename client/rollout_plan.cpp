#include "carillon/rollout_plan.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <string_view>

namespace carillon {

namespace {

void add(JsonWriter& json, std::string_view name, const std::string& text) {
    if (!text.empty()) json.member(name, text);
}

/// A number stays one; anything else is a text.
void add_amount(JsonWriter& json, std::string_view name, const std::string& text) {
    if (const auto number = parse_u64(text)) {
        json.member(name, *number);
    } else {
        add(json, name, text);
    }
}

void add(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    json.key(name).begin_array();
    for (const std::string& text : texts) json.value(text);
    json.end_array();
}

void add_wave(JsonWriter& json, const WavePlan& wave) {
    json.begin_object();
    add_amount(json, "size", wave.size);
    if (wave.grow) json.member_raw("grow", *wave.grow);
    if (!wave.pass_succeeded.empty() || !wave.pass_ended.empty()) {
        json.key("pass").begin_object();
        add(json, "succeeded", wave.pass_succeeded);
        add(json, "ended", wave.pass_ended);
        json.end_object();
    }
    add(json, "soak", wave.soak);
    if (wave.waits_for_promotion) json.member("gate", "manual");
    add(json, "within", wave.within);
    add(json, "else", wave.otherwise);
    if (wave.test) {
        json.key("test").begin_object();
        add(json, "tolerate", wave.test->tolerate);
        add(json, "refuse", wave.test->refuse);
        add(json, "falseAlarm", wave.test->false_alarm);
        add(json, "falsePass", wave.test->false_pass);
        add(json, "signals", wave.test->signals);
        add(json, "slowerThan", wave.test->slower_than);
        add_amount(json, "control", wave.test->control);
        add(json, "watch", wave.test->watch);
        json.end_object();
    }
    json.end_object();
}

void add_stop(JsonWriter& json, const StopPlan& stop) {
    json.begin_object();
    add_amount(json, "failed", stop.failed);
    add(json, "kinds", stop.kinds);
    if (stop.after) json.member("after", *stop.after);
    if (stop.cancels || stop.undoes) json.member("do", stop.undoes ? "undo" : "cancel");
    json.end_object();
}

void add_retry(JsonWriter& json, const RetryPlan& retry) {
    json.key("retry").begin_object().member("attempts", retry.attempts);
    add(json, "on", retry.on);
    if (!retry.backoff_from.empty() || !retry.backoff_to.empty()) {
        json.key("backoff").begin_object();
        add(json, "from", retry.backoff_from);
        add(json, "to", retry.backoff_to);
        json.end_object();
    }
    if (retry.is_repeatable) json.member("repeatable", true);
    json.end_object();
}

void add_confirm(JsonWriter& json, const ConfirmPlan& confirm) {
    json.key("confirm").begin_object().member("by", confirm.by);
    add(json, "condition", confirm.condition);
    if (!confirm.map.empty()) {
        json.key("map").begin_object();
        for (const auto& [desired, reported] : confirm.map) json.member(desired, reported);
        json.end_object();
    }
    add(json, "within", confirm.within);
    json.end_object();
}

void add_windows(JsonWriter& json, const WindowPlan& windows) {
    json.key("windows").begin_object();
    add(json, "zone", windows.zone);
    add(json, "fallback", windows.fallback);
    json.key("open").begin_array();
    for (const OpenPlan& open : windows.open) {
        json.begin_object();
        add(json, "days", open.days);
        add(json, "from", open.from);
        add(json, "for", open.lasts);
        json.end_object();
    }
    json.end_array();
    add(json, "except", windows.except);
    add(json, "closing", windows.closing);
    json.end_object();
}

void add_start_after(JsonWriter& json, const AfterPlan& after) {
    json.key("startAfter").begin_object().member("job", after.job);
    if (!after.succeeded.empty() || !after.ended.empty()) {
        json.key("pass").begin_object();
        add(json, "succeeded", after.succeeded);
        add(json, "ended", after.ended);
        json.end_object();
    }
    json.end_object();
}

void add_members(JsonWriter& json, const RolloutPlan& plan) {
    if (!plan.is_continuous && !plan.cancels_on_leave) return;
    json.key("members").begin_object();
    if (plan.is_continuous) json.member("mode", "continuous");
    if (plan.cancels_on_leave) json.member("onLeave", "cancel");
    json.end_object();
}

void add_pace_and_order(JsonWriter& json, const RolloutPlan& plan) {
    if (!plan.max_in_flight.empty() || !plan.rate.empty()) {
        json.key("pace").begin_object();
        add_amount(json, "maxInFlight", plan.max_in_flight);
        add(json, "rate", plan.rate);
        json.end_object();
    }
    if (!plan.spread.empty()) {
        json.key("order").begin_object();
        add(json, "spread", plan.spread);
        json.end_object();
    } else {
        add(json, "order", plan.order);
    }
    if (plan.seed) json.member("seed", *plan.seed);
}

}  // namespace

std::string rollout_json(const RolloutPlan& plan) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    add_pace_and_order(json, plan);
    if (!plan.waves.empty()) {
        json.key("waves").begin_array();
        for (const WavePlan& wave : plan.waves) add_wave(json, wave);
        json.end_array();
    }
    if (!plan.stop.empty()) {
        json.key("stop").begin_array();
        for (const StopPlan& stop : plan.stop) add_stop(json, stop);
        json.end_array();
    }
    if (!plan.success.empty() || !plan.success_all.empty()) {
        json.key("success").begin_object();
        add(json, "succeeded", plan.success);
        add(json, "all", plan.success_all);
        json.end_object();
    }
    add(json, "okStatus", plan.ok_status);
    if (plan.retry) add_retry(json, *plan.retry);
    if (!plan.offline.empty() || !plan.offline_ttl.empty()) {
        json.key("offline").begin_object();
        add(json, "then", plan.offline);
        add(json, "ttl", plan.offline_ttl);
        json.end_object();
    }
    if (plan.windows) add_windows(json, *plan.windows);
    add(json, "deadline", plan.deadline);
    if (plan.from) {
        json.key("from").begin_object().member("job", plan.from->job);
        add(json, "in", plan.from->in);
        add(json, "kinds", plan.from->kinds);
        json.end_object();
    }
    if (plan.confirm) add_confirm(json, *plan.confirm);
    if (plan.keeps_no_undo) json.member("undo", false);
    add(json, "undoOf", plan.undo_of);
    if (plan.start_after) add_start_after(json, *plan.start_after);
    add_members(json, plan);
    if (plan.supersede) {
        json.key("supersede").begin_object();
        add(json, "key", *plan.supersede);
        json.end_object();
    }
    add(json, "keep", plan.keep);
    add(json, "notify", plan.notify);
    add(json, "note", plan.note);
    json.end_object();
    return text;
}

}  // namespace carillon
