// carillon events: what devices send. The words of `az iot hub monitor-events`.

#include "base/clock.hpp"
#include "base/text.hpp"
#include "event_text.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "json_text.hpp"
#include "talk.hpp"
#include "yaml_text.hpp"

#include <algorithm>
#include <iostream>
#include <optional>
#include <thread>

namespace carillon {

namespace {

/// Before connecting again; twice as long each time, until an event comes.
constexpr std::chrono::milliseconds backoff_min{250};
constexpr std::chrono::milliseconds backoff_max{5000};

struct EventsArgs {
    HubFlags hub;
    EventsQuery query;
    std::string from;
    std::int64_t enqueued_ms = -1;
    std::int64_t partition = -1;
    std::int64_t offset = -2;
    std::string properties;
    std::int64_t duration_s = 0;
    bool ends = false;
};

/// One watch, over as many connections as it takes.
class EventWatch {
public:
    EventWatch(ServiceClient& client, const EventsArgs& args, EventsQuery query, std::set<EventPart> parts)
        : client_(client),
          args_(args),
          query_(std::move(query)),
          parts_(std::move(parts)),
          limit_(query_.limit),
          until_(args.duration_s > 0 ? clock_.now() + std::chrono::seconds(args.duration_s)
                                     : TimePoint::max()) {
        const Format format = args.hub.format;
        if (format != Format::csv && format != Format::tsv) return;
        rows_.emplace(args.hub, std::vector<Column>{{"enqueuedTime", "enqueuedTime"},
                                                    {"deviceId", "deviceId"},
                                                    {"moduleId", "moduleId"},
                                                    {"partition", "partition"},
                                                    {"sequenceNumber", "sequenceNumber"},
                                                    {"body", "body"}});
    }

    Result<Exit> run() {
        std::chrono::milliseconds backoff = backoff_min;
        while (!is_done_ && clock_.now() < until_) {
            has_heard_ = false;
            const auto outcome = client_.follow_events(query_, until_, [&](const ServiceEvent& event) {
                has_heard_ = true;
                query_.after = event.id;
                if (!take(event)) return false;
                return !is_done_;
            });
            if (problem_) return fail(*problem_);
            if (is_done_ || clock_.now() >= until_) break;
            if (!outcome && !(is_cut(outcome.error().code) && has_begun_)) return fail(outcome.error());
            if (has_heard_) backoff = backoff_min;
            if (!is_quiet() && has_heard_) std::cerr << "the hub does not answer; reconnecting\n";
            std::this_thread::sleep_until(std::min(clock_.now() + backoff, until_));
            backoff = std::min(backoff * 2, backoff_max);
        }
        if (rows_) rows_->finish();
        return is_done_ || limit_ == 0 ? Exit::ok : Exit::timed_out;
    }

private:
    bool take(const ServiceEvent& event) {
        has_begun_ = true;
        if (event.name == "end") is_done_ = true;
        if (event.name == "error") {
            problem_ = Error{Errc::service_unavailable, "the hub cannot read its event log: " + event.data};
            return false;
        }
        if (event.name != "message") return true;
        print(event.data);
        if (query_.limit > 0 && --query_.limit == 0) is_done_ = true;
        return true;
    }

    void print(const std::string& json) {
        if (rows_) {
            rows_->print({json}, 0);
        } else if (args_.hub.format == Format::json || args_.hub.format == Format::ndjson) {
            std::cout << json << '\n';
        } else {
            const auto document = JsonDocument::parse(json);
            const JsonValue event = document ? document->root() : JsonValue();
            std::cout << (args_.hub.format == Format::yaml ? yaml_item(event) : event_text(event, parts_));
        }
        std::cout.flush();
    }

    ServiceClient& client_;
    const EventsArgs& args_;
    EventsQuery query_;
    const std::set<EventPart> parts_;
    const std::uint64_t limit_;
    SystemClock clock_;
    const TimePoint until_;
    std::optional<RowsOut> rows_;
    std::optional<Error> problem_;
    bool is_done_ = false;
    bool has_begun_ = false;  ///< The hub has answered once, so that it is the right one.
    bool has_heard_ = false;
};

Result<Exit> watch(const EventsArgs& args) {
    EventsQuery query = args.query;
    query.follows = !args.ends;
    if (!args.from.empty()) {
        auto from = event_start_argument(args.from, SystemClock().wall_now());
        if (!from) return fail_usage("--from: " + from.error().detail);
        query.from = *std::move(from);
    }
    if (args.enqueued_ms >= 0) {
        query.from = to_iso8601(WallTime::from_unix_ms(args.enqueued_ms));
    }
    if (args.partition >= 0) query.partition = static_cast<std::uint32_t>(args.partition);
    if (args.offset >= -1) query.offset = args.offset;
    std::set<EventPart> parts;
    if (!args.properties.empty()) {
        auto read = parse_event_parts(args.properties);
        if (!read) return fail_usage("--properties: " + read.error().detail);
        parts = *std::move(read);
    }
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return EventWatch(*client, args, std::move(query), std::move(parts)).run();
}

Result<Exit> partitions(const EventsArgs& args) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    return show_pages(args.hub,
                      {{"partition", "partition"},
                       {"begin", "beginSequenceNumber"},
                       {"last", "lastSequenceNumber"},
                       {"lastEnqueuedTime", "lastEnqueuedTime"}},
                      0, [&](const std::string&) { return client->list_partitions(args.query.endpoint); });
}

void add_endpoint_flag(CLI::App& verb, EventsArgs& args) {
    verb.add_option("--endpoint", args.query.endpoint, "The log of this endpoint [the hub's own log]")
        ->type_name("NAME");
}

void add_watch(CLI::App& group, int& exit_code) {
    auto args = std::make_shared<EventsArgs>();
    auto& verb = *group.add_subcommand("watch", "Print messages of devices as they come");
    verb.add_option("device,--device-id,-d", args->query.device,
                    "Of these devices: * stands for any text, ? for any character [all]")
        ->type_name("DEVICE");
    verb.add_option("--module-id,-m", args->query.module, "Of these modules, with * and ? likewise [all]")
        ->type_name("MODULE");
    auto* from =
        verb.add_option("--from", args->from,
                        "latest, earliest, a time such as 2026-11-29T10:00:00Z, or how long ago, such as "
                        "10m [latest]")
            ->type_name("WHEN");
    auto* enqueued = verb.add_option("--enqueued-time,--et", args->enqueued_ms,
                                     "The same in milliseconds since 1970; 0 is the beginning")
                         ->check(whole_number(0, 250'000'000'000'000, "milliseconds"))
                         ->type_name("MS")
                         ->excludes(from);
    auto* partition = verb.add_option("--partition", args->partition, "Of this partition [all]")
                          ->check(whole_number(0, 1'000'000))
                          ->type_name("N");
    verb.add_option("--offset", args->offset,
                    "What is after this offset of the partition; -1 is the beginning")
        ->check(whole_number(-1, INT64_MAX - 1))
        ->type_name("N")
        ->needs(partition)
        ->excludes(from)
        ->excludes(enqueued);
    verb.add_option("--consumer-group,--cg,-c", args->query.consumer_group, "Must exist [$Default]")
        ->type_name("NAME");
    add_endpoint_flag(verb, *args);
    verb.add_option("--properties,-p", args->properties,
                    "What to show besides as text: anno, app, sys or all, separated by commas [none]")
        ->type_name("PARTS");
    verb.add_option("--limit,--message-count,--mc", args->query.limit,
                    "End after this number of messages [no limit]")
        ->check(at_least_one())
        ->type_name("N");
    verb.add_flag("--no-follow", args->ends, "End at the current end of the log");
    verb.add_option("--duration,--dur", args->duration_s,
                    "Maximum number of seconds to watch; exit code 7 if --limit is not reached [no limit]")
        ->check(whole_number(1, 30 * 24 * 3600, "seconds"))
        ->type_name("SECONDS");
    add_hub_flags(verb, args->hub);
    on_chosen(verb, args, watch, exit_code);
}

}  // namespace

void add_events(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("events", "Messages that devices have sent");
    group.require_subcommand(1);
    add_watch(group, exit_code);
    auto args = std::make_shared<EventsArgs>();
    auto& verb = *group.add_subcommand("partitions", "Print how far each partition of the event log reaches");
    add_hub_flags(verb, args->hub);
    add_endpoint_flag(verb, *args);
    on_chosen(verb, args, partitions, exit_code);
}

}  // namespace carillon
