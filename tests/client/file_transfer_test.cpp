// Files that devices upload, by the public clients against the real program.
#include "carillon/file_transfer.hpp"
#include "carillon/service_client.hpp"
#include "client/hub_fixture.hpp"
#include "wire/sas/connection_string.hpp"

#include <fstream>

namespace carillon::client_test {
namespace {

class FileTransferTest : public HubTest {
protected:
    DeviceOptions uploader() {
        DeviceOptions options = device("d1");
        options.transport = DeviceTransport::mqtt_websocket;
        options.port = target().https.port;
        return options;
    }
    ServiceClient back_end() {
        ServiceOptions options;
        options.connection_string = sas::to_text(target().policy);
        options.ca_file = ca_file();
        options.address = address;
        options.port = target().https.port;
        return *ServiceClient::open(options);
    }
};

TEST_F(FileTransferTest, AFileArrivesWholeAndABackEndIsTold) {
    const std::string path = (folder() / "log.bin").string();
    const std::string content(9 * 1024 * 1024 + 17, 'x');  // Three blocks.
    std::ofstream(path, std::ios::binary) << content;
    ServiceClient told = back_end();
    EXPECT_FALSE(*told.receive_file_notification());
    const auto sent = upload_file(uploader(), "logs/a b.bin", path);
    ASSERT_TRUE(sent) << sent.error().detail;
    const auto notification = told.receive_file_notification();
    ASSERT_TRUE(notification && *notification);
    EXPECT_EQ((*notification)->device_id, "d1");
    EXPECT_EQ((*notification)->blob_name, "d1/logs/a b.bin");
    EXPECT_EQ((*notification)->bytes, static_cast<std::int64_t>(content.size()));
    std::ifstream stored(folder() / "data" / "device-files" / "files" / "d1" / "logs" / "a b.bin",
                         std::ios::binary);
    const std::string arrived{std::istreambuf_iterator<char>(stored), {}};
    EXPECT_TRUE(arrived == content);
    ASSERT_TRUE(told.settle_file_notification((*notification)->lock, MessageSettlement::abandon));
    const auto again = told.receive_file_notification();
    ASSERT_TRUE(again && *again);
    ASSERT_TRUE(told.settle_file_notification((*again)->lock, MessageSettlement::complete));
    EXPECT_FALSE(*told.receive_file_notification());
    EXPECT_EQ(told.settle_file_notification((*again)->lock, MessageSettlement::complete).error().code,
              Errc::device_message_lock_lost);
}

TEST_F(FileTransferTest, AFileThatCannotBeReadToItsEndIsNotThere) {
    const DeviceOptions device_options = uploader();
    bool is_first = true;
    const auto sent = upload_file(device_options, "f", [&](std::size_t) -> Result<std::string> {
        if (std::exchange(is_first, false)) return "the beginning";
        return fail(Errc::io_failed, "the disk is gone");
    });
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, Errc::io_failed);
    EXPECT_FALSE(std::filesystem::exists(folder() / "data" / "device-files" / "files" / "d1"));
    EXPECT_FALSE(*back_end().receive_file_notification());
    EXPECT_FALSE(upload_file(device_options, "../f", [](std::size_t) { return Result<std::string>(""); }));
    EXPECT_FALSE(upload_file(device_options, "f", (folder() / "none").string()));
}

}  // namespace
}  // namespace carillon::client_test
