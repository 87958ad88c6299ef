#include "core/shard/methods.hpp"

#include "base/await.hpp"
#include "base/json_check.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace carillon {
namespace {

constexpr std::string_view not_online_text =
    "The operation failed because the requested device isn't online or hasn't registered the direct method "
    "callback.";

/// What a caller gets of a device's answer. Fails with `generic_bad_gateway` if it is no JSON, which callers
/// could not read: the service's clients take a payload as JSON. Source: azure-iot-sdk-c#6.
Result<MethodAnswer> read_answer(int status, std::string_view payload) {
    MethodAnswer answer;
    answer.status = status;
    if (payload.empty()) return answer;
    if (!is_json(payload)) {
        return fail(
            Errc::generic_bad_gateway,
            fmt::format("InvalidResponseWhileProxying: the device answered with status {} and a payload "
                        "that is not JSON.",
                        status));
    }
    answer.payload = payload;
    return answer;
}

auto find_request(PendingMethods& pending, std::uint16_t id) {
    return std::find_if(pending.requests.begin(), pending.requests.end(),
                        [id](const PendingMethods::Request& request) { return request.id == id; });
}

}  // namespace

bool Methods::is_online(const Record& record, std::string_view method) {
    return record.link && record.link->takes_method(method);
}

Task<Result<MethodAnswer>> Methods::invoke(IdentityKey key, MethodCall call) {
    Record* record = shard_.directory().find(key);
    if (!record || !record->exists()) {
        co_return fail(shard_.missing(key), key.path());
    }
    if (!is_online(*record, call.name)) {
        const bool is_returning = record->link && record->link->will_take_method(call.name);
        const auto timeout = std::max<std::chrono::seconds>(
            std::chrono::seconds(call.connect_timeout_s),
            is_returning ? DeviceLink::will_take_max : std::chrono::seconds(0));
        if (timeout <= std::chrono::seconds(0)) {
            ++metrics_.not_online;
            co_return fail(Errc::device_not_online, std::string(not_online_text));
        }
        auto wait = [this, record, &call, timeout](UniqueFunction<void(Result<>)> done) {
            wait_online(*record, call.name, timeout, std::move(done));
        };
        auto online = co_await from_callback<Result<>>(wait);
        if (!online) co_return fail(std::move(online).error());
        record = shard_.directory().find(key);
        if (!record) co_return fail(shard_.missing(key), key.path());
    }
    auto start = [this, record, &call](MethodDone done) {
        send(*record, call.name, call.payload, std::chrono::seconds(call.response_timeout_s),
             std::move(done));
    };
    co_return co_await from_callback<Result<MethodAnswer>>(start);
}

void Methods::wait_online(Record& record, const std::string& method, Duration timeout,
                          UniqueFunction<void(Result<>)> done) {
    const auto ordinal = record.ordinal;
    const auto number = ++last_waiting_;
    const auto deadline = shard_.timers().at(shard_.clock().now() + timeout,
                                             [this, ordinal, number] { expire_waiting(ordinal, number); });
    waiting_[ordinal].push_back({number, method, std::move(done), deadline});
}

void Methods::expire_waiting(Ordinal ordinal, std::uint64_t number) {
    const auto found = waiting_.find(ordinal);
    if (found == waiting_.end()) return;
    auto& calls = found->second;
    const auto call = std::find_if(calls.begin(), calls.end(),
                                   [number](const Waiting& waiting) { return waiting.number == number; });
    if (call == calls.end()) return;
    auto wake = std::move(call->wake);
    calls.erase(call);
    if (calls.empty()) waiting_.erase(found);
    ++metrics_.not_online;
    wake(fail(Errc::device_not_online, "Timed out waiting for device to connect."));
}

void Methods::method_ready(Record& record) {
    const auto found = waiting_.find(record.ordinal);
    if (found == waiting_.end()) return;
    std::vector<Waiting> ready;
    auto& calls = found->second;
    for (auto call = calls.begin(); call != calls.end();) {
        if (is_online(record, call->method)) {
            ready.push_back(std::move(*call));
            call = calls.erase(call);
        } else {
            ++call;
        }
    }
    if (calls.empty()) waiting_.erase(found);
    for (auto& call : ready) {
        shard_.timers().cancel(call.deadline);
        call.wake({});
    }
}

void Methods::removed(Record& record) {
    auto node = waiting_.extract(record.ordinal);
    if (node.empty()) return;
    for (auto& call : node.mapped()) {
        shard_.timers().cancel(call.deadline);
        call.wake(fail(Errc::device_not_found, record.key.path()));
    }
}

void Methods::send(Record& record, std::string_view name, std::string_view payload, Duration response_timeout,
                   MethodDone done) {
    if (!is_online(record, name)) {
        ++metrics_.not_online;
        return done(fail(Errc::device_not_online, std::string(not_online_text)));
    }
    auto& pending = *record.methods;
    if (pending.is_full()) {
        ++metrics_.too_many_in_flight;
        return done(fail(Errc::device_maximum_inflight_method_exceeded,
                         "The device has too many method calls in flight."));
    }
    do {
        ++pending.last_id;
    } while (pending.last_id == 0 || find_request(pending, pending.last_id) != pending.requests.end());
    const auto id = pending.last_id;
    const TimePoint now = shard_.clock().now();
    const auto deadline = now + response_timeout;
    pending.requests.push_back({id, now, deadline, std::move(done)});
    metrics_.request_bytes += payload.size();
    arm(record, deadline);
    ++in_flight_;
    ++shard_.traffic().methods;
    record.link->send_method(id, name, payload);
}

void Methods::arm(Record& record, TimePoint deadline) {
    Timers::Id& timer = record.methods->timer;
    if (timer && timer.at <= deadline) return;
    shard_.timers().cancel(timer);
    timer = shard_.timers().at(deadline, [this, ordinal = record.ordinal] { expire_requests(ordinal); });
}

void Methods::expire_requests(Ordinal ordinal) {
    Record* record = shard_.directory().find(ordinal);
    if (!record || !record->methods) return;
    record->methods->timer = {};
    const auto now = shard_.clock().now();
    // Whoever is told may send anew or close the link.
    while (record && record->methods && !record->methods->requests.empty()) {
        auto& requests = record->methods->requests;
        const auto first =
            std::min_element(requests.begin(), requests.end(),
                             [](const auto& a, const auto& b) { return a.deadline < b.deadline; });
        if (first->deadline > now) return arm(*record, first->deadline);
        MethodDone done = take_request(requests, first);
        ++metrics_.timed_out;
        done(fail(Errc::gateway_timeout, "Timed out waiting for the response from device."));
        record = shard_.directory().find(ordinal);
    }
}

void Methods::answered(Record& record, std::uint16_t request_id, int status, std::string_view payload) {
    if (!record.methods) return;
    const auto found = find_request(*record.methods, request_id);
    if (found == record.methods->requests.end()) return;
    metrics_.seconds.add(shard_.clock().now() - found->sent);
    metrics_.answer_bytes += payload.size();
    MethodDone done = take_request(record.methods->requests, found);
    if (payload.size() > MethodLimits::payload_bytes_max) {
        ++metrics_.bad_answer;
        return done(fail(Errc::generic_bad_gateway, "The device's answer is larger than 128 KB."));
    }
    auto answer = read_answer(status, payload);
    ++(answer ? metrics_.answered : metrics_.bad_answer);
    done(std::move(answer));
}

MethodDone Methods::take_request(Requests& requests, Requests::iterator request) {
    MethodDone done = std::move(request->done);
    requests.erase(request);
    --in_flight_;
    return done;
}

void Methods::link_lost(Record& record, Errc reason) {
    if (!record.methods) return;
    shard_.timers().cancel(record.methods->timer);
    auto lost = std::exchange(record.methods->requests, {});
    in_flight_ -= lost.size();
    metrics_.connection_lost += lost.size();
    for (auto& request : lost) {
        request.done(fail(reason, "The connection to the device ended before it answered."));
    }
}

}  // namespace carillon
