// The `rollout` as text: the effective object, and what a PATCH makes of the one that was sent.

#include "base/json_merge.hpp"
#include "base/member_reader.hpp"
#include "model/rollouts/canary.hpp"
#include "model/rollouts/members.hpp"
#include "model/rollouts/notify.hpp"
#include "model/rollouts/plan_ref.hpp"
#include "model/rollouts/rollout_confirm.hpp"
#include "model/rollouts/start_after.hpp"
#include "model/rollouts/supersede.hpp"
#include "model/rollouts/windows.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace carillon {

namespace {

void write_amount(JsonWriter& out, std::string_view name, const RolloutAmount& amount) {
    if (amount.share) {
        out.member(name, amount.share->text());
    } else {
        out.member(name, amount.count);
    }
}

std::string decimal(std::uint32_t hundredths) {
    std::string text = RolloutShare{hundredths}.text();
    text.pop_back();
    return text;
}

void write_kinds(JsonWriter& out, std::string_view name, const FailureKinds& kinds) {
    out.key(name).begin_array();
    for (std::size_t i = 1; i < all_failure_kinds; ++i) {
        const auto kind = static_cast<FailureKind>(i);
        if (kinds.has(kind)) out.value(failure_kind_text(kind));
    }
    out.end_array();
}

std::string range_text(std::pair<std::int32_t, std::int32_t> range) {
    return range.first == range.second ? std::to_string(range.first)
                                       : fmt::format("{}-{}", range.first, range.second);
}

void write_pace(JsonWriter& out, const RolloutPace& pace) {
    out.key("pace").begin_object();
    if (pace.max_in_flight) write_amount(out, "maxInFlight", *pace.max_in_flight);
    if (pace.rate) out.member("rate", pace.rate->text());
    if (!pace.adaptive) out.member("adaptive", false);
    out.end_object();
}

void write_order(JsonWriter& out, const RolloutOrder& order) {
    if (order.kind != RolloutOrderKind::spread) {
        out.member("order", order.kind == RolloutOrderKind::random ? "random" : "asStored");
        return;
    }
    out.key("order").begin_object().key("spread").begin_array();
    for (const std::string& path : order.spread) out.value(path);
    out.end_array().end_object();
}

void write_pass(JsonWriter& out, const RolloutPass& pass) {
    out.key("pass").begin_object();
    out.member("succeeded", pass.succeeded.text()).member("ended", pass.ended.text()).end_object();
}

void write_wave_test(JsonWriter& out, const WaveTest& test) {
    out.key("test").begin_object().member("tolerate", test.tolerate.text());
    out.member("refuse", test.refuse.text()).member("falseAlarm", test.false_alarm.text());
    out.member("falsePass", test.false_pass.text());
    if (test.signals() > 1) {
        out.key("signals").begin_array();
        if (test.slower_than) out.value("slow");
        if (test.has_disconnects) out.value("disconnects");
        out.end_array();
    }
    if (test.slower_than) out.member("slowerThan", test.slower_than->text());
    if (test.control) write_amount(out, "control", *test.control);
    if (test.has_disconnects) out.member("watch", test.watch.text());
    out.end_object();
}

void write_waves(JsonWriter& out, const std::vector<RolloutWave>& waves,
                 const std::vector<std::optional<WaveTest>>& tests) {
    out.key("waves").begin_array();
    for (std::size_t i = 0; i < waves.size(); ++i) {
        const RolloutWave& wave = waves[i];
        out.begin_object();
        if (wave.size) {
            write_amount(out, "size", *wave.size);
        } else {
            out.member("size", "rest");
        }
        if (wave.grow_hundredths != 0) out.member_raw("grow", decimal(wave.grow_hundredths));
        write_pass(out, wave.pass);
        out.member("soak", wave.soak.text()).member("gate", wave.is_manual ? "manual" : "auto");
        if (wave.within) out.member("within", wave.within->text());
        constexpr std::string_view words[] = {"pause", "cancel", "go", "undo"};
        out.member("else", words[static_cast<std::size_t>(wave.otherwise)]);
        if (tests[i]) write_wave_test(out, *tests[i]);
        out.end_object();
    }
    out.end_array();
}

void write_stop(JsonWriter& out, const std::vector<RolloutStop>& rules) {
    out.key("stop").begin_array();
    for (const RolloutStop& rule : rules) {
        out.begin_object();
        write_amount(out, "failed", rule.failed);
        if (!rule.kinds.is_all()) write_kinds(out, "kinds", rule.kinds);
        if (rule.after) out.member("after", *rule.after);
        constexpr std::string_view words[] = {"pause", "cancel", "undo"};
        out.member("do", words[static_cast<std::size_t>(rule.action)]).end_object();
    }
    out.end_array();
}

void write_retry(JsonWriter& out, const RolloutRetry& retry) {
    out.key("retry").begin_object().member("attempts", retry.attempts).key("on").begin_array();
    for (std::size_t i = 1; i < all_failure_kinds; ++i) {
        const auto kind = static_cast<FailureKind>(i);
        if (retry.on.has(kind)) out.value(failure_kind_text(kind));
    }
    for (const auto& range : retry.on_status.ranges) {
        const bool is_class = range.second - range.first == 99 && range.first % 100 == 0;
        out.value(is_class ? fmt::format("status:{}xx", range.first / 100) : "status:" + range_text(range));
    }
    out.end_array().key("backoff").begin_object();
    out.member("from", retry.from.text()).member("to", retry.to.text());
    out.member_raw("factor", decimal(retry.factor_hundredths)).end_object();
    out.member("repeatable", retry.repeatable).end_object();
}

void write_confirm(JsonWriter& out, const RolloutConfirm& confirm) {
    constexpr std::string_view words[] = {"reported", "acknowledged", "condition"};
    out.key("confirm").begin_object().member("by", words[static_cast<std::size_t>(confirm.by)]);
    if (confirm.by == ConfirmBy::condition) out.member("condition", confirm.condition);
    if (!confirm.map.empty()) {
        out.key("map").begin_object();
        for (const auto& [desired, reported] : confirm.map) out.member(desired, reported);
        out.end_object();
    }
    out.member("within", confirm.within.text()).end_object();
}

void write_from(JsonWriter& out, const RolloutFrom& from) {
    out.key("from").begin_object().member("job", from.job).key("in").begin_array();
    if (from.succeeded) out.value("succeeded");
    if (from.failed) out.value("failed");
    if (from.canceled) out.value("canceled");
    if (from.pending) out.value("pending");
    out.end_array();
    if (!from.kinds.is_all()) write_kinds(out, "kinds", from.kinds);
    out.end_object();
}

void write_start_after(JsonWriter& out, const RolloutStartAfter& after) {
    out.key("startAfter").begin_object().member("job", after.job);
    write_pass(out, after.pass);
    out.end_object();
}

}  // namespace

Result<Rollout> Rollout::patched(JsonValue changes, JobType type) const {
    constexpr std::string_view changeable[] = {"pace",     "stop",  "success", "retry",
                                               "deadline", "waves", "windows"};
    if (!changes.is_object()) return fail(Errc::argument_invalid, "rollout: must be an object");
    for (JsonValue v = changes.first(); v.exists(); v = v.next()) {
        if (std::find(std::begin(changeable), std::end(changeable), v.key()) == std::end(changeable))
            return fail(Errc::argument_invalid,
                        fmt::format("rollout.{}: cannot be changed; only {} can", describe_json_name(v),
                                    fmt::join(changeable, ", ")));
    }
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(document.error());
    const std::string merged = merged_json(document->root(), changes);
    const auto merged_document = JsonDocument::parse(merged);
    if (!merged_document) return fail(merged_document.error());
    // A deadline that was not written stays as it was.
    const bool is_own_deadline = !has_deadline && !changes.find("deadline").exists();
    auto after = parse(merged_document->root(), type, is_own_deadline ? deadline_s : 0);
    if (!after) return after;
    if (after->success.all != success.all)
        return fail(Errc::argument_invalid, "rollout.success.all: cannot be changed");
    // The devices have their places already.
    after->order = order;
    return after;
}

std::string Rollout::effective_json() const {
    std::string effective;
    JsonWriter out(effective);
    out.begin_object();
    write_pace(out, pace);
    write_order(out, order);
    if (seed) out.member("seed", *seed);
    if (!waves.empty()) write_waves(out, waves, wave_tests_of(*this));
    if (!stop.empty()) write_stop(out, stop);
    if (success.succeeded || success.all) {
        out.key("success").begin_object();
        if (success.succeeded) out.member("succeeded", success.succeeded->text());
        if (success.all) out.member("all", *success.all);
        out.end_object();
    }
    if (!ok_status.is_any && !ok_status.ranges.empty()) {
        out.key("okStatus").begin_array();
        for (const auto& range : ok_status.ranges) out.value(range_text(range));
        out.end_array();
    } else if (ok_status.is_any) {
        out.key("okStatus").begin_array().value("*").end_array();
    }
    if (retry) write_retry(out, *retry);
    constexpr std::string_view thens[] = {"wait", "skip", "write"};
    out.key("offline").begin_object().member("then", thens[static_cast<std::size_t>(offline.then)]);
    if (offline.ttl) out.member("ttl", offline.ttl->text());
    out.end_object();
    if (const auto notify = RolloutNotify::of(*this); !notify.endpoints.empty()) {
        out.key("notify").begin_array();
        for (const auto& name : notify.endpoints) out.value(name);
        out.end_array();
    }
    if (const auto confirm = RolloutConfirm::of(*this)) write_confirm(out, *confirm);
    out.member("deadline", RolloutDuration{deadline_s * 1000}.text());
    const bool is_twin_job = !ok_status.is_any && ok_status.ranges.empty();
    if (is_twin_job) out.member("undo", keeps_undo);
    if (!undo_of.empty()) out.member("undoOf", undo_of);
    if (from) write_from(out, *from);
    const auto sent = JsonDocument::parse(text);
    if (sent && sent->root().find("windows").is_object())
        out.member_raw("windows", sent->root().find("windows").raw());
    if (const auto members = RolloutMembers::of(*this); members.is_continuous) {
        out.key("members").begin_object().member("mode", "continuous");
        out.member("onLeave", members.cancels_on_leave ? "cancel" : "keep").end_object();
    }
    if (const auto after = RolloutStartAfter::of(*this)) write_start_after(out, *after);
    if (const auto plan = RolloutPlanRef::of(*this)) {
        out.key("plan").begin_object().member("id", plan->id).member("hash", plan->hash);
        out.member("drift", plan->drift.text()).end_object();
    }
    if (const auto supersede = RolloutSupersede::of(*this)) {
        out.key("supersede").begin_object();
        if (!supersede->key.empty()) out.member("key", supersede->key);
        out.end_object();
    }
    out.member("keep", RolloutDuration{keep_s * 1000}.text());
    if (!note.empty()) out.member("note", note);
    out.end_object();
    return effective;
}

}  // namespace carillon
