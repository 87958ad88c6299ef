#include "server/backup/backup_reader.hpp"

#include "server/format_file.hpp"

#include <gtest/gtest.h>
#include <map>
#include <utility>
#include <vector>

namespace carillon {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

Members whole() {
    BackupHead head;
    head.format = data_format;
    head.program = "carillon test";
    head.host_name = "hub.localhost";
    return {{"backup.json", to_json(head)},
            {"ca.pem", "c"},
            {"store/000007.log", std::string(700, 'l')},
            {"store/000008.sst", ""},
            {"store.ledger", "ledger"},
            {"store/CURRENT", "MANIFEST-000005\n"}};
}

std::string archive_of(const Members& members) {
    std::string text;
    std::string sums;
    const auto add = [&text](const std::string& name, const std::string& content) {
        text += tar_header(name, content.size(), 1'800'000'000) + content + tar_padding(content.size());
    };
    for (const auto& [name, content] : members) {
        add(name, content);
        Sha256 digest;
        digest.add(content);
        sums += sums_line(digest.take(), name);
    }
    add("SHA256SUMS", sums);
    return text + std::string(2 * tar_block_bytes, '\0');
}

Result<BackupHead> read(std::string_view archive, BackupSink* sink = nullptr, std::size_t piece = 1 << 20) {
    BackupReader reader(sink);
    for (; !archive.empty(); archive.remove_prefix(std::min(piece, archive.size()))) {
        if (auto done = reader.read(archive.substr(0, piece)); !done) return fail(std::move(done).error());
    }
    return reader.finish();
}

class Kept final : public BackupSink {
public:
    Result<> begin(const std::string& name, std::uint64_t) override {
        name_ = name;
        files[name];
        return {};
    }
    Result<> write(std::string_view bytes) override {
        files[name_] += bytes;
        return {};
    }
    Result<> end() override { return {}; }
    std::map<std::string, std::string> files;

private:
    std::string name_;
};

TEST(BackupReader, GivesEveryMemberInPiecesOfAnySize) {
    const std::string archive = archive_of(whole());
    for (const std::size_t piece : {1U, 7U, 512U, 513U, 1U << 20}) {
        Kept kept;
        const auto head = read(archive, &kept, piece);
        ASSERT_TRUE(head) << piece << ": " << head.error().detail;
        EXPECT_EQ(head->host_name, "hub.localhost");
        EXPECT_EQ(kept.files.size(), 5U);
        EXPECT_EQ(kept.files["store/000007.log"], std::string(700, 'l'));
        EXPECT_EQ(kept.files["store/CURRENT"], "MANIFEST-000005\n");
    }
}

TEST(BackupReader, FindsEveryFlippedBitAndEveryEndThatIsTooSoon) {
    const std::string archive = archive_of(whole());
    for (std::size_t bit = 0; bit < archive.size() * 8; bit += 5) {
        std::string damaged = archive;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        const auto found = read(damaged);
        ASSERT_FALSE(found) << "bit " << bit;
        EXPECT_EQ(found.error().code, Errc::store_corrupt) << "bit " << bit;
    }
    for (std::size_t bytes = 0; bytes < archive.size(); bytes += 61) {
        ASSERT_FALSE(read(std::string_view(archive).substr(0, bytes))) << bytes;
    }
}

TEST(BackupReader, NamesTheMemberThatHasOtherBytes) {
    std::string archive = archive_of(whole());
    archive[archive.find("lll") + 10] = 'L';
    const auto found = read(archive);
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().detail.find("store/000007.log does not have the checksum"), std::string::npos)
        << found.error().detail;
}

TEST(BackupReader, TakesNoNameThatLeadsElsewhere) {
    for (const std::string name : {"../x", "/etc/passwd", "store/../x", "store/a/b", ".x", "store/", "a b",
                                   "", "other/x", "ca.pem", "store/.."}) {
        Members members = whole();
        members.insert(members.begin() + 2, {name, "x"});
        Kept kept;
        const auto found = read(archive_of(members), &kept);
        ASSERT_FALSE(found) << name;
        EXPECT_EQ(found.error().code, Errc::store_corrupt);
        EXPECT_EQ(kept.files.size(), 1U) << name;
    }
}

TEST(BackupReader, RefusesWhatALaterProgramMadeBeforeAnythingOfIt) {
    Members members = whole();
    BackupHead head;
    head.format = data_format + 1;
    head.program = "carillon 99.1";
    members.front().second = to_json(head);
    Kept kept;
    const auto found = read(archive_of(members), &kept);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::store_failed);
    EXPECT_NE(found.error().detail.find("carillon 99.1 wrote"), std::string::npos) << found.error().detail;
    EXPECT_TRUE(kept.files.empty());
}

}  // namespace
}  // namespace carillon
