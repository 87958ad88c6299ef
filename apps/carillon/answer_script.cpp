#include "answer_script.hpp"

#include "base/json.hpp"
#include "failure.hpp"
#include "fleet/distribution.hpp"
#include "json_text.hpp"

#include <limits>

namespace carillon {

using fleet::ScriptedAnswer;

namespace {

Result<ScriptedAnswer> read_answer(JsonValue json, const ScriptedAnswer& usual, const std::string& method) {
    const auto wrong = [&](const std::string& what) {
        return fail_usage("the answer to " + method + ": " + what);
    };
    if (!json.is_object()) return wrong("an object is wanted, such as {\"status\":200,\"payload\":{}}");
    ScriptedAnswer answer = usual;
    for (JsonValue member = json.first(); member.exists(); member = member.next()) {
        const std::string_view name = member.key();
        if (name == "status") {
            const auto status = member.integer();
            if (!status || *status < std::numeric_limits<std::int32_t>::min() ||
                *status > std::numeric_limits<std::int32_t>::max()) {
                return wrong("its status is not a number");
            }
            answer.status = static_cast<int>(*status);
        } else if (name == "payload") {
            answer.payload_json = compact_json(member);
        } else if (name == "after") {
            const auto latency = fleet::parse_duration(member.string());
            if (!latency) return wrong("`after` is a time such as \"2s\"");
            answer.latency = *latency;
        } else if (name == "silent") {
            if (member.boolean()) answer.status.reset();
        } else {
            return wrong("it has status, payload, after and silent, and no `" + std::string(name) + "`");
        }
    }
    return answer;
}

}  // namespace

Result<> AnswerScript::add(std::string_view text) {
    const auto json = JsonDocument::parse(text);
    if (!json || !json->root().is_object()) return fail_usage("--answers is not a JSON object of methods");
    for (JsonValue method = json->root().first(); method.exists(); method = method.next()) {
        const std::string name(method.key());
        Answers answers;
        const bool is_list = method.is_array();
        for (JsonValue each = is_list ? method.first() : method; each.exists(); each = each.next()) {
            auto answer = read_answer(each, usual_, name);
            if (!answer) return fail(std::move(answer).error());
            answers.in_turn.push_back(*std::move(answer));
            if (!is_list) break;
        }
        if (answers.in_turn.empty()) return fail_usage("the answers to " + name + " are none");
        methods_[name] = std::move(answers);
    }
    return {};
}

ScriptedAnswer AnswerScript::next(std::string_view method) {
    auto found = methods_.find(method);
    if (found == methods_.end()) found = methods_.find("*");
    if (found == methods_.end()) return usual_;
    Answers& answers = found->second;
    const ScriptedAnswer& answer = answers.in_turn[answers.next];
    if (answers.next + 1 < answers.in_turn.size()) ++answers.next;
    return answer;
}

std::string without_metadata(std::string_view desired_json) {
    const auto json = JsonDocument::parse(desired_json);
    if (!json || !json->root().is_object()) return {};
    std::string text;
    JsonWriter out(text);
    bool is_empty = true;
    out.begin_object();
    for (JsonValue member = json->root().first(); member.exists(); member = member.next()) {
        if (member.key().starts_with('$')) continue;
        out.member_raw(member.key(), member.raw());
        is_empty = false;
    }
    out.end_object();
    return is_empty ? std::string() : text;
}

}  // namespace carillon
