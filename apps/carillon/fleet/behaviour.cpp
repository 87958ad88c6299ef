#include "fleet/behaviour.hpp"

#include <algorithm>
#include <cmath>

namespace carillon::fleet {

Result<Behaviour> Behaviour::make(const BehaviourOptions& options) {
    for (const double percent : {options.fail_percent, options.timeout_percent, options.offline_percent,
                                 options.faulty_percent, options.wrong_percent, options.ignore_percent}) {
        if (!(percent >= 0 && percent <= 100)) {
            return fail(Errc::config_invalid, "a percentage is 0 to 100");
        }
    }
    if (options.fail_percent + options.timeout_percent > 100) {
        return fail(Errc::config_invalid, "more than 100 % of the methods would fail or time out");
    }
    if (options.wrong_percent + options.ignore_percent > 100) {
        return fail(Errc::config_invalid,
                    "more than 100 % of the changes would be followed wrongly or never");
    }
    if (!options.follow && (options.wrong_percent + options.ignore_percent > 0 || options.acknowledges)) {
        return fail(Errc::config_invalid,
                    "devices report nothing of desired properties; say --follow with it");
    }
    if (options.faulty_percent == 0 &&
        (options.faulty_tenth || options.faulty_latency || !options.faulty_firmware.empty())) {
        return fail(Errc::config_invalid,
                    "--faulty-percent is missing: the share of devices that are faulty");
    }
    if (options.absence && options.offline_percent == 0) {
        return fail(Errc::config_invalid,
                    "--offline needs --offline-percent, the share of devices that are away");
    }
    if (options.absence && (options.offline_percent == 100 || options.absence->is_zero())) {
        return fail(Errc::config_invalid,
                    "devices that come and go are away for more than 0 and less than 100 % of the time");
    }
    if (options.backoff_first <= Duration::zero() || options.backoff_max < options.backoff_first) {
        return fail(Errc::config_invalid, "the first pause must be above 0, and the longest not below it");
    }
    Behaviour made(options);
    if (options.absence) {
        // Away for `p` of the time: presences are longer than absences by what is left of it.
        const double p = options.offline_percent / 100;
        const auto mean = std::chrono::duration<double>(options.absence->mean()) * ((1 - p) / p);
        made.presence_ = Distribution::exponential(std::chrono::duration_cast<Duration>(
            std::min<std::chrono::duration<double>>(mean, Distribution::longest)));
    }
    return made;
}

bool Behaviour::is_faulty(std::uint64_t device) const {
    if (options_.faulty_tenth && device % tag_groups != *options_.faulty_tenth) return false;
    return chance(device, Purpose::firmware, 0).happens(options_.faulty_percent);
}

MethodDecision Behaviour::on_method(std::uint64_t device, std::uint64_t nth) const {
    Chance dice = chance(device, Purpose::method, nth);
    if (is_faulty(device)) {
        const Distribution& latency =
            options_.faulty_latency ? *options_.faulty_latency : options_.method_latency;
        return {options_.faulty_status, latency.draw(dice)};
    }
    const double fate = dice.uniform() * 100;
    MethodDecision decision;
    if (fate < options_.timeout_percent) return decision;
    const bool fails = fate < options_.timeout_percent + options_.fail_percent;
    decision.status = fails ? method_fail_status : method_ok_status;
    decision.latency = options_.method_latency.draw(dice);
    return decision;
}

FollowDecision Behaviour::on_desired(std::uint64_t device, std::int64_t version) const {
    if (!options_.follow) return {};
    Chance dice = chance(device, Purpose::following, static_cast<std::uint64_t>(version));
    const double fate = dice.uniform() * 100;
    const bool never = fate < options_.ignore_percent;
    const bool wrong = is_faulty(device) || fate < options_.ignore_percent + options_.wrong_percent;
    const Following how = never ? Following::never : wrong ? Following::wrongly : Following::rightly;
    return {how, options_.follow->draw(dice)};
}

const std::string& Behaviour::firmware(std::uint64_t device) const {
    const bool is_other = !options_.faulty_firmware.empty() && is_faulty(device);
    return is_other ? options_.faulty_firmware : options_.firmware;
}

Duration Behaviour::begins_after(std::uint64_t device) const {
    return std::chrono::duration_cast<Duration>(options_.ramp * chance(device, Purpose::start, 0).uniform());
}

bool Behaviour::begins_away(std::uint64_t device) const {
    // The absence before the first one of which the length counts.
    return chance(device, Purpose::absence, 0).happens(options_.offline_percent);
}

std::optional<Duration> Behaviour::absence(std::uint64_t device, std::uint64_t nth) const {
    if (!options_.absence) return std::nullopt;
    Chance dice = chance(device, Purpose::absence, nth + 1);
    return options_.absence->draw(dice);
}

std::optional<Duration> Behaviour::presence(std::uint64_t device, std::uint64_t nth) const {
    if (!options_.absence) return std::nullopt;
    Chance dice = chance(device, Purpose::presence, nth);
    return presence_.draw(dice);
}

Duration Behaviour::backoff(std::uint64_t device, std::uint64_t nth, unsigned failures) const {
    Duration cap = options_.backoff_first;
    for (unsigned i = 1; i < failures && cap < options_.backoff_max; ++i) cap *= 2;
    cap = std::min(cap, options_.backoff_max);
    Chance dice = chance(device, Purpose::backoff, nth);
    return cap / 2 + std::chrono::duration_cast<Duration>(cap / 2 * dice.uniform());
}

Duration Behaviour::period(const Distribution& every, Chance dice, std::uint64_t nth) const {
    const Duration whole = every.draw(dice);
    return nth == 0 ? std::chrono::duration_cast<Duration>(whole * dice.uniform()) : whole;
}

Duration Behaviour::until_reported(std::uint64_t device, std::uint64_t nth) const {
    return period(*options_.reported_every, chance(device, Purpose::reported, nth), nth);
}

Duration Behaviour::until_telemetry(std::uint64_t device, std::uint64_t nth) const {
    return period(*options_.telemetry_every, chance(device, Purpose::telemetry, nth), nth);
}

double Behaviour::reading(std::uint64_t device, std::uint64_t nth) const {
    Chance dice = chance(device, Purpose::reading, nth);
    return 15 + std::floor(dice.uniform() * 1500) / 100;
}

}  // namespace carillon::fleet
