#include "endpoint/delivery/file_sender.hpp"

#include "base/text.hpp"
#include "core/events/event_json.hpp"

#include <utility>

namespace carillon {

std::string routed_file_name(std::string_view pattern, std::string_view endpoint, const RoutedEvent& first) {
    const std::string time = to_iso8601(first.message.enqueued);  // YYYY-MM-DDTHH:MM…
    const std::pair<std::string_view, std::string> words[] = {
        {"{endpoint}", std::string(endpoint)},
        {"{partition}", std::to_string(first.partition)},
        {"{sequence}", std::to_string(first.sequence)},
        {"{YYYY}", time.substr(0, 4)},
        {"{MM}", time.substr(5, 2)},
        {"{DD}", time.substr(8, 2)},
        {"{HH}", time.substr(11, 2)},
        {"{mm}", time.substr(14, 2)},
    };
    std::string name(pattern);
    for (const auto& [word, value] : words) {
        for (std::size_t at = 0; (at = name.find(word, at)) != std::string::npos; at += value.size()) {
            name.replace(at, word.size(), value);
        }
    }
    return name;
}

std::string event_lines(const std::vector<RoutedEvent>& events) {
    std::string lines;
    for (const RoutedEvent& event : events) {
        append_event_json(lines, event.partition, event.sequence, event.message);
        lines += '\n';
    }
    return lines;
}

DeliveryOutcome FileSender::send(const std::vector<RoutedEvent>& events) {
    auto writer =
        blobs_.create(endpoint_.url, routed_file_name(endpoint_.path, endpoint_.name, events.front()));
    Result<> done;
    if (writer) done = (*writer)->write(event_lines(events));
    if (writer && done) done = (*writer)->finish();
    if (writer && done) return {};
    // Whatever it is, such as no room or a signature that is over, it is none of the events' fault.
    return {DeliveryOutcome::Verdict::failed, writer ? done.error().detail : writer.error().detail, {}};
}

}  // namespace carillon
