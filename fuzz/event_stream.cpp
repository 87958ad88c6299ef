// Server-sent events from a hub, cut anywhere: the same events come out, and none beyond its limit.

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "event_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

std::vector<std::string> read(std::string_view text, std::size_t piece) {
    carillon::EventReader reader;
    std::vector<std::string> events;
    const auto take = [&events](const carillon::ServiceEvent& event) {
        events.push_back(event.name + '\n' + event.id + '\n' + event.data);
        return true;
    };
    for (std::size_t at = 0; at < text.size(); at += piece) {
        if (!reader.read(text.substr(at, piece), take)) break;
    }
    return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = carillon::as_text({data, size});
    CARILLON_ASSERT(read(text, size) == read(text, 1));
    CARILLON_ASSERT(read(text, size) == read(text, 1 + data[0] % 16));
    return 0;
}
