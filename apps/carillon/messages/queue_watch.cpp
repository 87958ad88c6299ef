// carillon feedback, file-notification: what the hub keeps for back ends, printed and taken off it.

#include "base/clock.hpp"
#include "base/json.hpp"
#include "commands.hpp"
#include "flag_checks.hpp"
#include "hub_flags.hpp"
#include "talk.hpp"

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace carillon {
namespace {

/// How long a watch waits before it asks again. Ours: batches of feedback are made every 15 s.
constexpr std::chrono::milliseconds between_looks{1000};

struct QueueArgs {
    HubFlags hub;
    std::string device;
    std::string message;  ///< `--wait-on-msg`
    std::size_t limit = 0;
    std::int64_t duration_s = 0;
};

/// What one request took out of a queue.
struct QueueItem {
    std::string lock;
    std::vector<std::string> records;  ///< JSON text, an object each.
};

/// One of the queues: how it is received and settled, and what to show of it.
struct Queue {
    std::function<Result<std::optional<QueueItem>>(ServiceClient&)> receive;
    std::function<Result<>(ServiceClient&, const std::string& lock)> complete;
    std::vector<Column> columns;
};

bool is_of(const std::string& record, const char* member, const std::string& wanted) {
    const auto document = JsonDocument::parse(record);
    return document && document->root().find(member).string() == wanted;
}

/// Prints each record as the flags say: a line of JSON unless something else is asked for.
class RecordsOut {
public:
    RecordsOut(const HubFlags& flags, std::vector<Column> columns) {
        const Format format = flags.format;
        if (format == Format::automatic || format == Format::json || format == Format::ndjson) return;
        rows_.emplace(flags, std::move(columns));
    }
    void print(const std::string& record) {
        if (rows_) {
            rows_->print({record}, 0);
        } else {
            std::cout << record << '\n';
        }
        std::cout.flush();
    }
    void finish() {
        if (rows_) rows_->finish();
    }

private:
    std::optional<RowsOut> rows_;
};

/// Prints each record, or those of one device, until the one that is waited for, and takes all off the hub.
/// Goes on over restarts of the hub; what it had printed and not taken off then comes again.
Result<Exit> watch_queue(const QueueArgs& args, const Queue& queue) {
    auto client = open_hub(args.hub);
    if (!client) return fail(std::move(client).error());
    SystemClock clock;
    const TimePoint until =
        args.duration_s > 0 ? clock.now() + std::chrono::seconds(args.duration_s) : TimePoint::max();
    RecordsOut out(args.hub, queue.columns);
    std::size_t printed = 0;
    bool has_begun = false;
    bool is_cut_off = false;
    bool is_done = false;
    const auto wait = [&] { std::this_thread::sleep_until(std::min(clock.now() + between_looks, until)); };
    while (!is_done && clock.now() < until) {
        auto item = queue.receive(*client);
        if (!item) {
            if (!has_begun || !is_cut(item.error().code)) return fail(std::move(item).error());
            if (!is_quiet() && !is_cut_off) std::cerr << "the hub does not answer; asking again\n";
            is_cut_off = true;
            wait();
            continue;
        }
        has_begun = true;
        is_cut_off = false;
        if (!*item) {
            wait();
            continue;
        }
        for (const std::string& record : (*item)->records) {
            if (!args.device.empty() && !is_of(record, "deviceId", args.device)) continue;
            out.print(record);
            ++printed;
            if (!args.message.empty() && is_of(record, "originalMessageId", args.message)) is_done = true;
        }
        if (args.limit > 0 && printed >= args.limit) is_done = true;
        auto taken = queue.complete(*client, (*item)->lock);
        if (!taken && !is_cut(taken.error().code)) return fail(std::move(taken).error());
    }
    out.finish();
    const bool has_end = args.limit > 0 || !args.message.empty();
    return is_done || !has_end ? Exit::ok : Exit::timed_out;
}

Result<std::optional<QueueItem>> receive_feedback(ServiceClient& client) {
    auto feedback = client.receive_feedback();
    if (!feedback) return fail(std::move(feedback).error());
    if (!*feedback) return std::nullopt;
    auto records = json_array_items((*feedback)->records_json);
    if (!records) return fail(Errc::malformed_packet, "the hub's feedback is not a JSON array");
    return QueueItem{std::move((*feedback)->lock), *std::move(records)};
}

Result<std::optional<QueueItem>> receive_notification(ServiceClient& client) {
    auto notification = client.receive_file_notification();
    if (!notification) return fail(std::move(notification).error());
    if (!*notification) return std::nullopt;
    return QueueItem{std::move((*notification)->lock), {std::move((*notification)->json)}};
}

Result<Exit> watch_feedback(const QueueArgs& args) {
    const auto complete = [](ServiceClient& client, const std::string& lock) {
        return client.settle_feedback(lock, MessageSettlement::complete);
    };
    return watch_queue(args, {receive_feedback,
                              complete,
                              {{"enqueuedTimeUtc", "enqueuedTimeUtc"},
                               {"deviceId", "deviceId"},
                               {"originalMessageId", "originalMessageId"},
                               {"statusCode", "statusCode"}}});
}

Result<Exit> watch_notifications(const QueueArgs& args) {
    const auto complete = [](ServiceClient& client, const std::string& lock) {
        return client.settle_file_notification(lock, MessageSettlement::complete);
    };
    return watch_queue(args, {receive_notification,
                              complete,
                              {{"enqueuedTimeUtc", "enqueuedTimeUtc"},
                               {"deviceId", "deviceId"},
                               {"blobName", "blobName"},
                               {"blobSizeInBytes", "blobSizeInBytes"},
                               {"blobUri", "blobUri"}}});
}

/// The verb `watch` with the flags that both have.
CLI::App& add_watch_verb(CLI::App& group, const std::shared_ptr<QueueArgs>& args, const char* description,
                         const char* what, Result<Exit> (*run)(const QueueArgs&), int& exit_code) {
    auto& verb = *group.add_subcommand("watch", description);
    add_hub_flags(verb, args->hub);
    verb.add_option("device,--device-id,-d", args->device,
                    "Print those of this device; those of others are taken and not printed")
        ->type_name("DEVICE");
    verb.add_option("--limit", args->limit, std::string("End after this number of ") + what + " [never]")
        ->check(at_least_one());
    verb.add_option("--duration,--dur", args->duration_s,
                    "Maximum number of seconds to watch; exit code 7 if it has not come by then [no limit]")
        ->check(whole_number(1, 30 * 24 * 3600, "seconds"))
        ->type_name("SECONDS");
    on_chosen(verb, args, run, exit_code);
    return verb;
}

}  // namespace

void add_feedback(CLI::App& app, int& exit_code) {
    auto& group = *app.add_subcommand("feedback", "Feedback on cloud-to-device messages");
    group.require_subcommand(1);
    auto args = std::make_shared<QueueArgs>();
    auto& verb =
        add_watch_verb(group, args, "Print each outcome as it becomes known, and take it off the hub",
                       "outcomes", watch_feedback, exit_code);
    verb.add_option("--wait-on-msg,-w", args->message, "End after the outcome of the message with this id")
        ->type_name("ID");
}

void add_file_notification(CLI::App& app, int& exit_code) {
    auto& group =
        *app.add_subcommand("file-notification", "Notifications of files that devices have uploaded");
    group.require_subcommand(1);
    auto args = std::make_shared<QueueArgs>();
    add_watch_verb(group, args, "Print each notification as it comes, and take it off the hub",
                   "notifications", watch_notifications, exit_code);
}

}  // namespace carillon
