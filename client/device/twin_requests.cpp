#include "device/twin_requests.hpp"

#include "service_errors.hpp"

#include <algorithm>

namespace carillon::client {

void TwinRequests::get(Done done, TimePoint until) {
    requests_.push_back({.patch_json = {}, .done = std::move(done), .until = until});
}

void TwinRequests::patch(std::string patch_json, Done done, TimePoint until) {
    requests_.push_back({.patch_json = std::move(patch_json), .done = std::move(done), .until = until});
}

bool TwinRequests::has_in_flight() const {
    return std::any_of(requests_.begin(), requests_.end(),
                       [](const Request& one) { return one.number != 0; });
}

TimePoint TwinRequests::deadline() const {
    return requests_.empty() ? TimePoint::max() : requests_.front().until;
}

void TwinRequests::send(DeviceProtocol& session) {
    bool may_patch = true;
    for (Request& one : requests_) {
        const bool is_patch = !one.patch_json.empty();
        if (one.number == 0 && !is_patch) one.number = session.get_twin();
        if (one.number == 0 && may_patch) one.number = session.patch_reported(one.patch_json);
        may_patch = may_patch && !is_patch;
    }
}

void TwinRequests::answered(const TwinAnswer& answer) {
    const auto found = std::find_if(requests_.begin(), requests_.end(),
                                    [&](const Request& one) { return one.number == answer.request; });
    if (found == requests_.end()) return;  // Its time was over already.
    const Request request = std::move(*found);
    requests_.erase(found);
    if (answer.status != 200 && answer.status != 204) {
        return request.done(fail(service_error(answer.status, {}, answer.body)));
    }
    request.done(TwinReply{answer.version.value_or(0), std::string(answer.body)});
}

void TwinRequests::take_back() {
    for (Request& one : requests_) one.number = 0;
}

void TwinRequests::expire(TimePoint now) {
    while (!requests_.empty() && requests_.front().until <= now) {
        const Request request = std::move(requests_.front());
        requests_.pop_front();
        request.done(fail(Errc::gateway_timeout, "the hub did not answer in time"));
    }
}

void TwinRequests::give_up(const Error& reason) {
    const std::list<Request> requests = std::exchange(requests_, {});
    for (const Request& one : requests) one.done(fail(reason));
}

}  // namespace carillon::client
