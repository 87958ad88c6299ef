#include "base/stored_bytes.hpp"

#include "base/shared_bytes.hpp"
#include "base/unique_function.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace carillon {
namespace {

TEST(StoredBytes, FieldsReadBackTheSame) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u8(200);
    out.u32(0xDEADBEEF);
    out.u64(std::numeric_limits<std::uint64_t>::max());
    out.i64(-5);
    for (std::uint64_t v : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{16384},
                            std::numeric_limits<std::uint64_t>::max()})
        out.varint(v);
    out.text("hello");
    out.text("");
    StoredReader in(as_bytes(bytes));
    EXPECT_EQ(in.u8(), 200);
    EXPECT_EQ(in.u32(), 0xDEADBEEF);
    EXPECT_EQ(in.u64(), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(in.i64(), -5);
    EXPECT_EQ(in.varint(), 0U);
    EXPECT_EQ(in.varint(), 127U);
    EXPECT_EQ(in.varint(), 128U);
    EXPECT_EQ(in.varint(), 16384U);
    EXPECT_EQ(in.varint(), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(in.text(), "hello");
    EXPECT_EQ(in.text(), "");
    EXPECT_TRUE(in.is_done());
}

TEST(StoredBytes, AReaderGoesBadAtTheFirstShortFieldAndStaysBad) {
    StoredReader in(
        as_bytes("\x05"
                 "abc"));
    EXPECT_EQ(in.text(), "");
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(in.u8(), 0);
    EXPECT_FALSE(in.is_done());
    StoredReader number(as_bytes("abc"));
    EXPECT_EQ(number.u32(), 0U);
    EXPECT_FALSE(number.ok());
}

TEST(StoredBytes, AVarintBeyond64BitsIsBad) {
    StoredReader in(as_bytes("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"));
    in.varint();
    EXPECT_FALSE(in.ok());
    StoredReader endless(as_bytes("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
    endless.varint();
    EXPECT_FALSE(endless.ok());
}

TEST(StoredBytes, ACountThatCannotFitIsBad) {
    StoredReader in(
        as_bytes("\x03"
                 "abcdef"));
    EXPECT_EQ(in.count(2), 3U);
    StoredReader large(
        as_bytes("\x04"
                 "abcdef"));
    EXPECT_EQ(large.count(2), 0U);
    EXPECT_FALSE(large.ok());
}

TEST(SharedBytes, CopiesShareOneBlock) {
    SharedBytes copy;
    EXPECT_FALSE(static_cast<bool>(copy));
    EXPECT_TRUE(copy.bytes().empty());
    {
        const SharedBytes original(as_bytes("abc"));
        copy = original;
        EXPECT_EQ(copy.bytes().data(), original.bytes().data());
    }
    EXPECT_EQ(as_text(copy.bytes()), "abc");
    const SharedBytes moved = std::move(copy);
    EXPECT_EQ(as_text(moved.bytes()), "abc");
    EXPECT_TRUE(static_cast<bool>(SharedBytes(Bytes())));
}

TEST(UniqueFunction, HoldsWhatCannotBeCopied) {
    auto owned = std::make_unique<int>(41);
    UniqueFunction<int(int)> f = [owned = std::move(owned)](int more) { return *owned + more; };
    UniqueFunction<int(int)> g = std::move(f);
    EXPECT_FALSE(static_cast<bool>(f));
    EXPECT_EQ(g(1), 42);
}

}  // namespace
}  // namespace carillon
