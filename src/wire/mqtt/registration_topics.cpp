#include "wire/mqtt/registration_topics.hpp"

#include "base/text.hpp"

namespace carillon::mqtt {

namespace {

constexpr std::string_view begin_topic = "$dps/registrations/PUT/iotdps-register/?";
constexpr std::string_view poll_topic = "$dps/registrations/GET/iotdps-get-operationstatus/?";
constexpr std::string_view answer_topic = "$dps/registrations/res/";

/// The value of `name` among `a=1&b=2`, as it stands: SDKs neither encode nor decode it.
std::string_view parameter_of(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name)
            return pair.substr(equals + 1);
        text.remove_prefix(pair.size() == text.size() ? pair.size() : pair.size() + 1);
    }
    return {};
}

/// What stands before the next slash, which goes with it.
std::string_view take_level(std::string_view& text) {
    const std::size_t slash = text.find('/');
    const std::string_view level = text.substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    return level;
}

}  // namespace

std::optional<RegistrationUserName> parse_registration_user_name(std::string_view text) {
    RegistrationUserName name;
    name.scope = take_level(text);
    const std::string_view word = take_level(text);
    name.registration_id = take_level(text);
    name.api_version = parameter_of(take_level(text), "api-version");
    const bool is_whole = !name.scope.empty() && !name.registration_id.empty();
    if (!is_whole || !equals_ignoring_case(word, "registrations")) return std::nullopt;
    return name;
}

std::optional<RegistrationTopic> parse_registration_topic(std::string_view topic) {
    RegistrationTopic read;
    if (topic.starts_with(begin_topic)) {
        topic.remove_prefix(begin_topic.size());
    } else if (topic.starts_with(poll_topic)) {
        topic.remove_prefix(poll_topic.size());
        read.kind = RegistrationTopic::Kind::poll;
        read.operation_id = parameter_of(topic, "operationId");
    } else {
        return std::nullopt;
    }
    read.rid = parameter_of(topic, "$rid");
    if (read.rid.empty() || read.rid.size() > RegistrationTopic::rid_bytes_max ||
        read.rid.find('$') != std::string_view::npos)
        return std::nullopt;
    return read;
}

std::string registration_begin_topic(std::string_view rid) {
    return std::string(begin_topic) + "$rid=" + std::string(rid);
}

std::string registration_poll_topic(std::string_view rid, std::string_view operation_id) {
    return std::string(poll_topic) + "$rid=" + std::string(rid) + "&operationId=" + std::string(operation_id);
}

std::optional<RegistrationAnswerTopic> parse_registration_answer_topic(std::string_view topic) {
    if (!topic.starts_with(answer_topic)) return std::nullopt;
    topic.remove_prefix(answer_topic.size());
    const std::string_view digits = take_level(topic);
    const auto status = parse_u64(digits);
    if (digits.size() != 3 || !status || !topic.starts_with('?')) return std::nullopt;
    topic.remove_prefix(1);
    const RegistrationAnswerTopic read{.status = static_cast<int>(*status),
                                       .rid = parameter_of(topic, "$rid"),
                                       .retry_after = parameter_of(topic, "retry-after")};
    if (read.rid.empty()) return std::nullopt;
    return read;
}

}  // namespace carillon::mqtt
