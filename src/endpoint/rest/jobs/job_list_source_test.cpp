#include "endpoint/rest/jobs/job_list_source.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace carillon::rest {
namespace {

std::string next(JobListSource& source) {
    boost::asio::io_context io;
    std::string piece;
    boost::asio::co_spawn(io, source.next(),
                          [&piece](const std::exception_ptr&, std::string made) { piece = std::move(made); });
    io.run();
    return piece;
}

JobSnapshot job(std::string id, const std::vector<std::string>& devices = {}) {
    auto definition = std::make_shared<JobDefinition>();
    definition->id = std::move(id);
    if (devices.empty()) {
        definition->condition = "*";
    } else {
        definition->device_ids = IdList(std::vector<std::string_view>(devices.begin(), devices.end()));
    }
    JobSnapshot made;
    made.definition = std::move(definition);
    return made;
}

std::string text(const JobSnapshot& job) {
    std::string whole;
    append_job_json(whole, job, JobJson::listed);
    return whole;
}

TEST(JobListSource, WritesWhatStandsAroundTheJobsToo) {
    JobListSource none({}, {"{\"items\":[", "]}"});
    EXPECT_EQ(next(none), "{\"items\":[]}");
    EXPECT_EQ(next(none), "");
    JobListSource two({job("a"), job("b")}, {"[", "]"});
    EXPECT_EQ(next(two), "[" + text(job("a")) + "," + text(job("b")) + "]");
    EXPECT_EQ(next(two), "");
}

TEST(JobListSource, DividesAJobThatListsManyDevices) {
    std::vector<std::string> devices;
    for (int i = 100'000; i < 150'000; ++i) devices.push_back("machine-" + std::to_string(i));
    const std::string whole =
        "[" + text(job("first")) + "," + text(job("long", devices)) + "," + text(job("last")) + "]";
    ASSERT_GT(whole.size(), 20 * JobListSource::piece_bytes);
    JobListSource source({job("first"), job("long", devices), job("last")}, {"[", "]"});
    std::string all;
    for (std::string piece = next(source); !piece.empty(); piece = next(source)) {
        EXPECT_LT(piece.size(), JobListSource::piece_bytes + 1024);
        all += piece;
    }
    EXPECT_TRUE(all == whole) << all.size() << " of " << whole.size() << " bytes";
}

}  // namespace
}  // namespace carillon::rest
