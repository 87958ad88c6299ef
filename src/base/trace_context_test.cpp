#include "base/trace_context.hpp"

#include "base/random.hpp"

#include <gtest/gtest.h>
#include <string>

namespace carillon {
namespace {

const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, ReadsWhatItWrites) {
    const auto read = TraceContext::parse(example);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->is_sampled);
    EXPECT_EQ(read->traceparent(), example);
    EXPECT_FALSE(TraceContext::parse(example.substr(0, 53) + "00")->is_sampled);
    // Flags that it does not know are not passed on.
    EXPECT_EQ(TraceContext::parse(example.substr(0, 53) + "ff")->traceparent(), example);
}

TEST(TraceContext, TakesALaterVersionByItsBeginning) {
    EXPECT_TRUE(TraceContext::parse("01" + example.substr(2)));
    EXPECT_TRUE(TraceContext::parse("01" + example.substr(2) + "-more"));
    EXPECT_FALSE(TraceContext::parse("01" + example.substr(2) + ".more"));
    EXPECT_FALSE(TraceContext::parse(example + "-more"));
    EXPECT_FALSE(TraceContext::parse("ff" + example.substr(2)));
}

TEST(TraceContext, RefusesWhatIsMalformed) {
    for (std::size_t size = 0; size < example.size(); ++size) {
        EXPECT_FALSE(TraceContext::parse(example.substr(0, size))) << size;
    }
    for (std::size_t at = 0; at < example.size(); ++at) {
        std::string changed = example;
        changed[at] = at % 2 == 0 ? 'X' : 'A';
        EXPECT_FALSE(TraceContext::parse(changed)) << at;
    }
    EXPECT_FALSE(TraceContext::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
    EXPECT_FALSE(TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
}

TEST(TraceContext, PassesOnTheStateOfOtherSystems) {
    SeededRandom random(1);
    const std::string state = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
    const auto read = TraceContext::parse(example, state);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->child(random).state, state);
    EXPECT_EQ(read->fields(), "traceparent: " + example + "\r\ntracestate: " + state + "\r\n");
    EXPECT_EQ(TraceContext::parse(example)->fields(), "traceparent: " + example + "\r\n");
    const std::string longest(TraceContext::state_bytes_max, 's');
    EXPECT_EQ(TraceContext::parse(example, longest)->state, longest);
    EXPECT_EQ(TraceContext::parse(example, longest + 's')->state, "");
    EXPECT_EQ(TraceContext::parse(example, "a=b\r\nHost: other")->state, "") << "a header line of its own";
}

TEST(TraceContext, APartIsOfTheSameTraceAndHasAnIdOfItsOwn) {
    SeededRandom random(1);
    const auto whole = TraceContext::begin(random, true);
    const auto part = whole.child(random);
    EXPECT_EQ(part.trace_hex(), whole.trace_hex());
    EXPECT_NE(part.span_hex(), whole.span_hex());
    EXPECT_TRUE(part.is_sampled);
    EXPECT_NE(TraceContext::begin(random, false).trace_hex(), whole.trace_hex());
}

}  // namespace
}  // namespace carillon
