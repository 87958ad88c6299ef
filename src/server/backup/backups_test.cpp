#include "server/backup/backups.hpp"

#include "base/random.hpp"
#include "net/testing.hpp"
#include "server/backup/backup_check.hpp"
#include "server/backup/backup_reader.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <map>
#include <stdexcept>
#include <string>
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
        backups_ = std::make_unique<Backups>(*store_, dir_.path(), "hub.localhost", clock_, random_, 0);
        thread_ = std::thread([this] { io_.run(); });
    }
    ~BackupsTest() override {
        work_.reset();
        thread_.join();
    }
    Result<std::shared_ptr<BodySource>> begin(std::string since = {}) {
        return boost::asio::co_spawn(io_, backups_->begin(std::move(since)), boost::asio::use_future).get();
    }
    std::string next(BodySource& source) {
        return boost::asio::co_spawn(io_, source.next(), boost::asio::use_future).get();
    }

    TempDir dir_;
    SkippingClock clock_;
    SeededRandom random_{7};
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

/// The archive to its end.
std::string all_of(const std::function<std::string()>& next) {
    std::string archive;
    for (std::string piece = next(); !piece.empty(); piece = next()) archive += piece;
    return archive;
}

/// The files of an archive by name, if it is as it says of itself.
class Files final : public BackupSink {
public:
    Result<> begin(const std::string& name, std::uint64_t) override {
        name_ = name;
        by_name[name];
        return {};
    }
    Result<> write(std::string_view bytes) override {
        by_name[name_] += bytes;
        return {};
    }
    Result<> end() override { return {}; }
    std::map<std::string, std::string> by_name;

private:
    std::string name_;
};

TEST_F(BackupsTest, OneThatBuildsOnAnotherLeavesItsTablesOutAndTheTwoAreWhole) {
    ASSERT_TRUE(store_->flush());
    const auto take = [this](std::string since) {
        auto source = begin(std::move(since));
        EXPECT_TRUE(source) << source.error().detail;
        return all_of([&] { return next(**source); });
    };
    const std::string first = take({});
    BackupCheck first_check;
    BackupReader first_reader(&first_check);
    ASSERT_TRUE(first_reader.read(first));
    const auto first_head = first_reader.finish();
    ASSERT_TRUE(first_head && first_check.finish(*first_head));
    EXPECT_TRUE(first_check.elsewhere().empty());

    Batch more;
    more.put(Table::jobs, "z", "later");
    ASSERT_TRUE(store_->commit(more));
    const std::string second = take(first_check.files_text());
    EXPECT_LT(second.size(), first.size() / 4);
    Files restored;
    BackupCheck check(&restored);
    BackupReader reader(&check);
    ASSERT_TRUE(reader.read(second));
    const auto head = reader.finish();
    ASSERT_TRUE(head) << head.error().detail;
    EXPECT_EQ(head->version, 2);
    EXPECT_EQ(head->since, first_head->id);
    ASSERT_TRUE(check.finish(*head)) << check.finish(*head).error().detail;
    EXPECT_FALSE(restored.by_name.contains("store.files"));
    ASSERT_EQ(check.elsewhere().size(), 1U);
    const auto& [id, files] = *check.elsewhere().begin();
    EXPECT_EQ(id, first_head->id);
    const std::size_t before = restored.by_name.size();
    BackupPick pick(files, &restored);
    BackupReader base(&pick);
    ASSERT_TRUE(base.read(first));
    ASSERT_TRUE(pick.finish()) << pick.finish().error().detail;
    EXPECT_EQ(restored.by_name.size(), before + files.size());

    // A third one knows of both.
    const std::string third = take(check.files_text());
    BackupCheck third_check;
    BackupReader third_reader(&third_check);
    ASSERT_TRUE(third_reader.read(third));
    const auto third_head = third_reader.finish();
    ASSERT_TRUE(third_head && third_check.finish(*third_head));
    EXPECT_EQ(third_head->since, head->id);

    // Another table under the name is not taken for it.
    auto wrong = files;
    wrong.front().checksum = *wrong.front().checksum + 1;
    BackupPick deceived(wrong, nullptr);
    BackupReader again(&deceived);
    EXPECT_FALSE(again.read(first));
}

TEST_F(BackupsTest, RefusesABodyThatIsNotAListOfFiles) {
    for (const std::string& body : {std::string("x"), std::string("\n"), to_text({}),
                                    to_text({{"1.sst", 1, 2U, std::string(32, 'a')}})}) {
        const auto refused = begin(body);
        ASSERT_FALSE(refused) << body;
        EXPECT_EQ(refused.error().code, Errc::argument_invalid);
    }
    std::string flipped = to_text({{"CURRENT", 1, 2U, std::string(32, 'a')}});
    EXPECT_TRUE(begin(flipped));
    flipped[3] ^= 1;
    EXPECT_FALSE(begin(flipped));
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
