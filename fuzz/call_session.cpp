// What one node of a cluster reads from another on a link, as the side that answers (first byte even) or that
// asks. Whatever comes, what was asked ends once, and no more is held than the limits say.

#include "cluster/call_session.hpp"

#include "base/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace {

using namespace carillon;

constexpr CallLimits limits{
    .calls_max = 8, .body_bytes_max = 2000, .held_bytes_max = 5000, .calls_ever_max = 100};
constexpr std::size_t piece_bytes = 37;

struct FuzzHost final : CallSession::Host {
    void asked(CallSession::CallId call, CallHead head, std::string request) override {
        CARILLON_ASSERT(request.size() <= limits.body_bytes_max);
        switch (head.shard % 4) {
            case 0:
                return session->answer(call, std::move(request));
            case 1:
                return session->moved(call, head.epoch);
            case 2:
                return session->refuse(call);
            default:
                return;  // It is answered by nobody.
        }
    }
    void given_up(CallSession::CallId) override {}
    void answered(CallSession::CallId call, CallEnd) override { ++ends[call]; }
    CallSession* session = nullptr;
    std::map<CallSession::CallId, int> ends;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto side = data[0] % 2 == 0 ? CallSession::Side::answers : CallSession::Side::asks;
    FuzzHost host;
    CallSession session(side, host, limits);
    host.session = &session;
    std::string out;
    std::size_t asked = 0;
    if (side == CallSession::Side::asks) {
        for (const std::size_t bytes : {0, 10, 1500}) {
            asked +=
                session.ask({.shard = 7, .epoch = 3, .time_left_ms = 100}, std::string(bytes, 'x')) ? 1 : 0;
        }
    }
    session.take_output(out, 4096);
    for (std::size_t at = 1; at < size; at += piece_bytes) {
        if (!session.receive({data + at, std::min(piece_bytes, size - at)})) break;
        out.clear();
        session.take_output(out, 4096);
        CARILLON_ASSERT(session.calls() <= limits.calls_max && session.held_bytes() <= limits.held_bytes_max);
        if (session.is_over()) break;
    }
    session.end();
    CARILLON_ASSERT(host.ends.size() == asked && session.calls() == 0 && session.held_bytes() == 0);
    for (const auto& [call, times] : host.ends) CARILLON_ASSERT(times == 1);
    return 0;
}
