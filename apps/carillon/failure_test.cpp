#include "failure.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

TEST(ExitFor, FollowsTheContractOfTheCommandLine) {
    EXPECT_EQ(exit_for(Errc::config_invalid), Exit::usage);
    EXPECT_EQ(exit_for(Errc::device_not_found), Exit::not_found);
    EXPECT_EQ(exit_for(Errc::job_not_found), Exit::not_found);
    EXPECT_EQ(exit_for(Errc::iot_hub_unauthorized_access), Exit::not_authorised);
    EXPECT_EQ(exit_for(Errc::job_already_exists), Exit::conflict);
    EXPECT_EQ(exit_for(Errc::precondition_failed), Exit::conflict);
    EXPECT_EQ(exit_for(Errc::operation_not_allowed_in_current_state), Exit::conflict);
    EXPECT_EQ(exit_for(Errc::throttling_exception), Exit::throttled);
    EXPECT_EQ(exit_for(Errc::gateway_timeout), Exit::timed_out);
    EXPECT_EQ(exit_for(Errc::unreachable), Exit::unreachable);
    EXPECT_EQ(exit_for(Errc::argument_invalid), Exit::usage);
    EXPECT_EQ(exit_for(Errc::invalid_configuration_content), Exit::usage);
    EXPECT_EQ(exit_for(Errc::server_error), Exit::failed);
    EXPECT_EQ(exit_for(Errc::store_failed), Exit::failed);
}

TEST(ExitFor, AnOfflineDeviceIsNotAMissingOne) {
    EXPECT_EQ(exit_for(Errc::device_not_online), Exit::failed);
}

TEST(ExitFor, AFullQueueOrAWrongTimeIsNotAMissingRight) {
    EXPECT_EQ(exit_for(Errc::device_maximum_queue_depth_exceeded), Exit::throttled);
    EXPECT_EQ(exit_for(Errc::iot_hub_quota_exceeded), Exit::throttled);
    EXPECT_EQ(exit_for(Errc::invalid_message_expiry_time), Exit::usage);
}

TEST(Explain, NamesTheErrorAndTheNextStep) {
    EXPECT_EQ(explain({Errc::device_not_found, "d1"}),
              "carillon: DeviceNotFound: d1\n"
              "  `carillon device list` shows the devices there are; ids are case-sensitive.\n");
}

TEST(Explain, AMistakeOnTheCommandLineSpeaksForItself) {
    EXPECT_EQ(explain({Errc::config_invalid, "--patch is not JSON"}), "carillon: --patch is not JSON\n");
}

}  // namespace
}  // namespace carillon
