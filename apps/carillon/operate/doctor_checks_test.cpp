#include "operate/doctor_checks.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using Verdict = Finding::Verdict;

TEST(DoctorChecks, FewDescriptorsAreAWarning) {
    EXPECT_EQ(judge_descriptors(1024, 20'000).verdict, Verdict::good);
    EXPECT_EQ(judge_descriptors(1024, 1024).verdict, Verdict::warning);
    EXPECT_FALSE(judge_descriptors(1024, 1024).advice.empty());
}

TEST(DoctorChecks, ADiskIsJudgedByItsSyncAndItsRoom) {
    EXPECT_EQ(judge_disk_speed(500).verdict, Verdict::good);
    EXPECT_EQ(judge_disk_speed(20'000).verdict, Verdict::warning);
    EXPECT_EQ(judge_disk_speed(900'000).verdict, Verdict::bad);
    EXPECT_EQ(judge_disk_room(5ULL << 30, 10ULL << 30).verdict, Verdict::good);
    EXPECT_EQ(judge_disk_room(500ULL << 20, 10ULL << 30).verdict, Verdict::warning);
    EXPECT_EQ(judge_disk_room(10ULL << 20, 10ULL << 30).verdict, Verdict::bad);
}

TEST(DoctorChecks, HugePagesThatAreForbiddenAreAWarning) {
    EXPECT_EQ(judge_huge_pages("always [madvise] never").verdict, Verdict::good);
    EXPECT_EQ(judge_huge_pages("").verdict, Verdict::good);
    EXPECT_EQ(judge_huge_pages("always madvise [never]").verdict, Verdict::warning);
}

TEST(DoctorChecks, ACertificateWarnsBeforeItEnds) {
    EXPECT_EQ(judge_certificate("c", 100 * 24 * 3600).verdict, Verdict::good);
    EXPECT_EQ(judge_certificate("c", 3 * 24 * 3600).verdict, Verdict::warning);
    EXPECT_EQ(judge_certificate("c", -1).verdict, Verdict::bad);
}

}  // namespace
}  // namespace carillon
