#include "core/transfers/transfer_job.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TransferJob sample() {
    TransferJob job;
    job.id = "id";
    job.order.type = TransferType::import_devices;
    job.order.input_container = "file:a";
    job.order.output_container = "file:b";
    job.order.input_blob = "in";
    job.order.output_blob = "out";
    job.order.include_configurations = true;
    job.status = TransferStatus::running;
    job.created.ticks = 1;
    job.started.ticks = 2;
    job.ended.ticks = 3;
    job.failure_reason = "why";
    job.status_message = "so";
    job.done = 300;
    job.total = 1000;
    job.lines = 4;
    job.errors = 5;
    job.resumed_after = 6;
    job.resumptions = 7;
    job.input_version = "v";
    return job;
}

/// What a hub of this version wrote, later ones read.
TEST(TransferRecord, KeepsItsStoredForm) {
    EXPECT_EQ(hex_encode(encode_transfer(sample())),
              "01010202010000000000000002000000000000000300000000000000ac02e807040506070269640666696c653a6106"
              "66696c653a6202696e036f75740377687902736f0176");
}

TEST(TransferRecord, ReadsBackWhatItWrote) {
    const std::string bytes = encode_transfer(sample());
    const auto job = decode_transfer(as_bytes(bytes));
    ASSERT_TRUE(job);
    EXPECT_EQ(encode_transfer(*job), bytes);
    EXPECT_EQ(job->order.input_container, "file:a");
    EXPECT_EQ(job->resumptions, 7U);
    EXPECT_TRUE(job->order.include_configurations);
    EXPECT_FALSE(job->order.exclude_keys);
}

TEST(TransferRecord, RefusesWhatIsCutOrUnknown) {
    const std::string bytes = encode_transfer(sample());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto cut = decode_transfer(as_bytes(std::string_view(bytes).substr(0, size)));
        ASSERT_FALSE(cut) << size;
        EXPECT_EQ(cut.error().code, Errc::store_corrupt);
    }
    EXPECT_FALSE(decode_transfer(as_bytes(bytes + "x")));
    for (const std::size_t at : {0U, 1U, 2U, 3U}) {
        std::string changed = bytes;
        changed[at] = 99;
        EXPECT_FALSE(decode_transfer(as_bytes(changed))) << at;
    }
}

TEST(TransferJob, ItsProgressReachesAHundredOnlyAtTheEnd) {
    TransferJob job = sample();
    EXPECT_EQ(job.progress(), 30);
    job.done = job.total;
    EXPECT_EQ(job.progress(), 99);
    job.status = TransferStatus::completed;
    EXPECT_EQ(job.progress(), 100);
    job = {};
    EXPECT_EQ(job.progress(), 0);
}

}  // namespace
}  // namespace carillon
