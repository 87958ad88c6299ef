#include "simulate_report.hpp"

#include "base/json.hpp"
#include "terminal_text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace carillon {

using fleet::Statistics;

namespace {

double per_second(std::uint64_t now, std::uint64_t before, const FleetLook& look) {
    return look.interval.count() > 0 ? static_cast<double>(now - before) / look.interval.count() : 0;
}

std::string rate(std::uint64_t now, std::uint64_t before, const FleetLook& look) {
    return with_thousands(static_cast<std::uint64_t>(per_second(now, before, look) + 0.5)) + "/s";
}

std::string milliseconds(std::chrono::microseconds time) {
    const double ms = static_cast<double>(time.count()) / 1000;
    return ms < 10 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.0f} ms", ms);
}

std::string standing(const Statistics& now) {
    return with_thousands(now.connected) + " connected, " + with_thousands(now.connecting) + " connecting, " +
           with_thousands(now.waiting) + " waiting, " + with_thousands(now.away) + " away of " +
           with_thousands(now.devices);
}

std::string answers(const Statistics& now) {
    std::string text = with_thousands(now.methods_ok) + " ok, " + with_thousands(now.methods_failed) +
                       " failed, " + with_thousands(now.methods_silent) + " unanswered";
    if (now.methods_cut_off > 0) text += ", " + with_thousands(now.methods_cut_off) + " cut off";
    if (now.methods_overload > 0)
        text += ", " + with_thousands(now.methods_overload) + " refused as too many";
    return text;
}

std::string percentiles(const fleet::Histogram& histogram) {
    return "p50 " + milliseconds(histogram.percentile(50)) + ", p99 " +
           milliseconds(histogram.percentile(99));
}

std::string troubles(const Statistics& now) {
    return with_thousands(now.reconnects) + " reconnects, " + with_thousands(now.lost) + " lost, " +
           with_thousands(now.refused) + " refused, " + with_thousands(now.unreachable) + " failed attempts";
}

/// What devices said of their own accord, if any did.
std::string messages(const Statistics& now) {
    std::string text;
    if (now.reported_sent > 0) {
        text += with_thousands(now.reported_stored) + " of " + with_thousands(now.reported_sent) +
                " reported patches stored";
    }
    if (now.telemetry_sent > 0) {
        text += text.empty() ? "" : ", ";
        text += with_thousands(now.telemetry_stored) + " of " + with_thousands(now.telemetry_sent) +
                " messages stored";
    }
    if (now.desired > 0) {
        text += text.empty() ? "" : ", ";
        text += with_thousands(now.desired) + " desired changes";
    }
    if (now.follows_right + now.follows_wrong > 0) {
        text += text.empty() ? "" : ", ";
        text += with_thousands(now.follows_right) + " followed, " + with_thousands(now.follows_wrong) +
                " wrongly";
    }
    if (now.messages > 0) {
        text += text.empty() ? "" : ", ";
        text += with_thousands(now.messages) + " cloud-to-device messages";
    }
    return text;
}

void write_percentiles(JsonWriter& json, const std::string& name, const fleet::Histogram& histogram) {
    constexpr double us_per_ms = 1000;
    const auto ms = [&](double percent) {
        return static_cast<double>(histogram.percentile(percent).count()) / us_per_ms;
    };
    json.key(name).begin_object().member("p50", ms(50)).member("p99", ms(99)).end_object();
}

}  // namespace

std::string fleet_line(const FleetLook& look) {
    const Statistics& now = look.now;
    std::string line = fmt::format("{:.0f} s: ", look.elapsed.count()) + standing(now);
    line += "; methods " + rate(now.methods, look.before.methods, look) + " (" + answers(now) + ")";
    line += "; " + troubles(now);
    if (const std::string said = messages(now); !said.empty()) line += "; " + said;
    if (now.handshakes.total() > 0) line += "; handshake " + percentiles(now.handshakes);
    return line;
}

std::vector<std::string> fleet_block(const FleetLook& look, std::size_t width) {
    const Statistics& now = look.now;
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{:>6.0f} s  ", look.elapsed.count()) + standing(now));
    const std::size_t room = std::clamp<std::size_t>(width, 20, 100) - 2;
    const auto cells = [&](std::uint64_t count) {
        return now.devices == 0 ? 0 : static_cast<std::size_t>(count * room / now.devices);
    };
    std::string bar = std::string(cells(now.connected), '#') + std::string(cells(now.connecting), '+');
    bar += std::string(cells(now.waiting), '-');
    bar.resize(room, ' ');
    lines.push_back("[" + bar + "]");
    lines.push_back("connects    " + rate(now.connects, look.before.connects, look) + "; " + troubles(now));
    lines.push_back("methods     " + rate(now.methods, look.before.methods, look) + "; " + answers(now));
    if (const std::string said = messages(now); !said.empty()) lines.push_back("messages    " + said);
    lines.push_back("handshakes  " + percentiles(now.handshakes) + "; until subscribed " +
                    percentiles(now.readiness));
    std::vector<std::string> fitting;
    for (const std::string& line : lines) {
        for (const std::string& each : cells_of(line) > width ? wrapped(line, width) : std::vector{line}) {
            fitting.push_back(cut_to_cells(each, width));
        }
    }
    return fitting;
}

std::string fleet_summary(const FleetLook& look) {
    const Statistics& now = look.now;
    std::string text = fmt::format("{} devices for {:.1f} s: {} connects, {}\n", with_thousands(now.devices),
                                   look.elapsed.count(), with_thousands(now.connects), troubles(now));
    text += with_thousands(now.methods) + " methods: " + answers(now) + "\n";
    if (const std::string said = messages(now); !said.empty()) text += said + "\n";
    text += "handshake " + percentiles(now.handshakes) + "; until subscribed " + percentiles(now.readiness) +
            "\n";
    return text;
}

std::string fleet_json(const FleetLook& look, const std::string& kind) {
    const Statistics& now = look.now;
    std::string text;
    JsonWriter json(text);
    json.begin_object().member("kind", kind).member("elapsedSeconds", look.elapsed.count());
    json.member("devices", now.devices).member("connected", now.connected);
    json.member("connecting", now.connecting).member("waiting", now.waiting).member("away", now.away);
    json.member("connects", now.connects).member("reconnects", now.reconnects).member("lost", now.lost);
    json.member("refused", now.refused).member("failedAttempts", now.unreachable);
    json.member("connectsPerSecond", per_second(now.connects, look.before.connects, look));
    json.key("methods").begin_object().member("received", now.methods);
    json.member("perSecond", per_second(now.methods, look.before.methods, look));
    json.member("ok", now.methods_ok).member("failed", now.methods_failed);
    json.member("unanswered", now.methods_silent).member("cutOff", now.methods_cut_off);
    json.member("tooMany", now.methods_overload).end_object();
    json.key("reported").begin_object().member("sent", now.reported_sent);
    json.member("stored", now.reported_stored).member("refused", now.reported_refused).end_object();
    json.key("telemetry").begin_object().member("sent", now.telemetry_sent);
    json.member("stored", now.telemetry_stored).end_object();
    json.member("desired", now.desired).member("cloudToDeviceMessages", now.messages);
    json.key("follows").begin_object().member("right", now.follows_right);
    json.member("wrong", now.follows_wrong).end_object();
    write_percentiles(json, "handshakeMs", now.handshakes);
    write_percentiles(json, "subscribedMs", now.readiness);
    json.end_object();
    return text;
}

}  // namespace carillon
