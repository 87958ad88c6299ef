#include "event_reader.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace carillon {
namespace {

std::vector<std::string> read_all(std::string_view text, std::size_t piece) {
    EventReader reader;
    std::vector<std::string> events;
    const auto take = [&](const ServiceEvent& event) {
        events.push_back(event.name + "|" + event.id + "|" + event.data);
        return true;
    };
    for (std::size_t at = 0; at < text.size(); at += piece) {
        EXPECT_TRUE(reader.read(text.substr(at, piece), take));
    }
    return events;
}

TEST(EventReader, ReadsEventsHoweverTheyAreCut) {
    constexpr std::string_view text =
        ": hello\nretry: 1000\n\nevent: progress\nid: 1-2-3\ndata: {\"a\":1}\n\n"
        "data:first\r\ndata: second\r\n\r\nid: 9\r\revent: end\rdata\r\r";
    const std::vector<std::string> expected{"progress|1-2-3|{\"a\":1}", "message|1-2-3|first\nsecond",
                                            "end|9|"};
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        EXPECT_EQ(read_all(text, piece), expected) << piece;
    }
}

TEST(EventReader, KeepsAnEventBackUntilItsEmptyLine) {
    EXPECT_TRUE(read_all("event: progress\ndata: {}\n", 100).empty());
}

TEST(EventReader, StopsWhenItIsTold) {
    EventReader reader;
    int count = 0;
    const auto take = [&](const ServiceEvent&) { return ++count < 2; };
    const auto outcome = reader.read("data: 1\n\ndata: 2\n\ndata: 3\n\n", take);
    ASSERT_TRUE(outcome);
    EXPECT_FALSE(*outcome);
    EXPECT_EQ(count, 2);
}

TEST(EventReader, RefusesAnEventWithoutAnEnd) {
    EventReader reader;
    const auto take = [](const ServiceEvent&) { return true; };
    const std::string line = "data: " + std::string(EventReader::event_bytes_max / 2, 'x') + "\n";
    EXPECT_TRUE(reader.read(line, take));
    const auto second = reader.read(line, take);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::message_too_large);
}

}  // namespace
}  // namespace carillon
