#include "server/backups.hpp"

#include "base/random.hpp"
#include "net/testing.hpp"
#include "server/backup_reader.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <stdexcept>
#include <thread>

namespace carillon {
namespace {

using rest::BodySource;
using testing::SkippingClock;
using testing::TempDir;

/// A store with some megabytes, its backups, and a thread for who asks for them.
class BackupsTest : public ::testing::Test {
protected:
    BackupsTest() {
        auto opened = RocksStore::open(dir_.path() / "store");
        CARILLON_ASSERT(opened);
        store_ = *std::move(opened);
        SeededRandom random(3);
        for (int i = 0; i < 400; ++i) {
            Batch batch;
            std::string value;
            while (value.size() < 10'000) value += random.base64_key();
            batch.put(Table::jobs, std::to_string(i), std::move(value));
            CARILLON_ASSERT(store_->commit(batch));
        }
        backups_ = std::make_unique<Backups>(*store_, dir_.path(), "hub.localhost", clock_, 0);
        thread_ = std::thread([this] { io_.run(); });
    }
    ~BackupsTest() override {
        work_.reset();
        thread_.join();
    }
    Result<std::shared_ptr<BodySource>> begin() {
        return boost::asio::co_spawn(io_, backups_->begin(), boost::asio::use_future).get();
    }
    std::string next(BodySource& source) {
        return boost::asio::co_spawn(io_, source.next(), boost::asio::use_future).get();
    }

    TempDir dir_;
    SkippingClock clock_;
    std::unique_ptr<RocksStore> store_;
    std::unique_ptr<Backups> backups_;
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
    std::thread thread_;
};

TEST_F(BackupsTest, ThereIsOneAtATimeAndItIsWhole) {
    auto source = begin();
    ASSERT_TRUE(source) << source.error().detail;
    BackupReader reader;
    ASSERT_TRUE(reader.read(next(**source)));
    const auto second = begin();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::server_busy);
    for (std::string piece = next(**source); !piece.empty(); piece = next(**source)) {
        EXPECT_LE(piece.size(), BackupWriter::piece_bytes + 4096);
        const auto read = reader.read(piece);
        ASSERT_TRUE(read) << read.error().detail;
    }
    const auto head = reader.finish();
    ASSERT_TRUE(head) << head.error().detail;
    EXPECT_GT(head->bytes, 4'000'000U);
    source->reset();
    EXPECT_TRUE(begin());
}

TEST_F(BackupsTest, OneThatIsTakenTooSlowlyIsCutOff) {
    auto source = begin();
    ASSERT_TRUE(source);
    EXPECT_FALSE(next(**source).empty());
    clock_.skip(BackupLimits::grace);
    backups_->look();
    EXPECT_FALSE(next(**source).empty());
    clock_.skip(std::chrono::seconds(60));
    backups_->look();
    EXPECT_THROW(next(**source), std::runtime_error);
}

}  // namespace
}  // namespace carillon
