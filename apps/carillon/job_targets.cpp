#include "job_targets.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "failure.hpp"
#include "query/doubts.hpp"
#include "terminal_text.hpp"

#include <algorithm>
#include <set>

namespace carillon {

namespace {

bool begins_with_word(std::string_view text, std::string_view word) {
    return text.size() > word.size() && equals_ignoring_case(text.substr(0, word.size()), word) &&
           (text[word.size()] == ' ' || text[word.size()] == '\t' || text[word.size()] == '\n');
}

/// Ids in one statement: with their quotes they stay far below the length that a hub takes.
constexpr std::size_t ids_at_once = 200;

Result<std::set<std::string>> existing(ServiceClient& client, const std::vector<std::string>& ids) {
    std::set<std::string> found;
    for (std::size_t at = 0; at < ids.size(); at += ids_at_once) {
        const std::vector<std::string> some(
            ids.begin() + static_cast<std::ptrdiff_t>(at),
            ids.begin() + static_cast<std::ptrdiff_t>(std::min(at + ids_at_once, ids.size())));
        const auto take = [&](const std::string& row) {
            if (const auto json = JsonDocument::parse(row))
                found.emplace(json->root().find("deviceId").string());
            return true;
        };
        auto asked = client.query_all("SELECT deviceId FROM devices WHERE " + condition_for(some), take);
        if (!asked) return fail(std::move(asked).error());
    }
    return found;
}

/// What a login may not ask keeps nobody from ordering a job.
bool may_go_on(Errc code) {
    const int status = http_status(code);
    return status == 401 || status == 403 || status == 429;
}

}  // namespace

Result<std::string> count_statement(std::string_view condition) {
    const std::size_t begin = condition.find_first_not_of(" \t\n");
    if (begin == condition.npos) return fail_usage("--query-condition is empty; \"*\" is all devices");
    const std::string text(condition.substr(begin));
    if (begins_with_word(text, "select")) {
        return fail_usage("--query-condition takes what stands behind WHERE, not a whole SELECT statement");
    }
    if (begins_with_word(text, "where")) {
        return fail_usage("--query-condition takes what stands behind WHERE, without that word");
    }
    const std::string count = "SELECT COUNT() AS targets ";
    if (text == "*") return count + "FROM devices";
    if (begins_with_word(text, "from")) return count + text;
    return count + "FROM devices WHERE " + text;
}

Result<JobTargets> find_job_targets(ServiceClient& client, const JobOrder& order) {
    JobTargets targets;
    if (!order.devices.empty()) {
        const auto found = existing(client, order.devices);
        if (!found && may_go_on(found.error().code)) return targets;
        if (!found) return fail(found.error());
        const std::set<std::string> asked(order.devices.begin(), order.devices.end());
        for (const std::string& id : asked) {
            if (!found->contains(id)) targets.missing.push_back(id);
        }
        targets.count = static_cast<std::int64_t>(found->size());
        return targets;
    }
    const auto statement = count_statement(order.condition);
    if (!statement) return fail(statement.error());
    targets.doubts = query::doubts_of(order.condition);
    const auto page = client.query(*statement, 0);
    if (!page && http_status(page.error().code) == 400) {
        return fail_usage("--query-condition `" + on_one_line(order.condition) + "`: " + page.error().detail);
    }
    if (!page && may_go_on(page.error().code)) return targets;
    if (!page) return fail(page.error());
    if (page->items.empty()) {
        targets.count = 0;
        return targets;
    }
    const auto row = JsonDocument::parse(page->items.front());
    if (row) targets.count = row->root().find("targets").integer();
    return targets;
}

std::string targets_text(std::int64_t count, bool is_later) {
    if (count == 0) {
        return is_later ? "no device matches now; the job looks for them when it starts"
                        : "no device matches: the job will end without doing anything";
    }
    const std::string matching =
        count == 1 ? std::string("1 device matches") : with_thousands(count) + " devices match";
    return is_later ? matching + " now; the job looks again when it starts" : matching;
}

}  // namespace carillon
