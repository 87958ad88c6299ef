#include "endpoint/rest/registry/list_source.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace carillon::rest {
namespace {

std::string next_row(ListSource& source) {
    boost::asio::io_context io;
    std::string piece;
    boost::asio::co_spawn(io, source.next(),
                          [&piece](const std::exception_ptr&, std::string made) { piece = std::move(made); });
    io.run();
    return piece;
}

Task<Result<std::string>> quoted(std::string id) {
    if (id.starts_with("gone")) co_return fail(Errc::device_not_found);
    co_return '"' + id + '"';
}

TEST(ListSource, WritesAnArrayOfWhatIsThere) {
    ListSource source({"a", "gone 1", "b", "gone 2"}, &quoted);
    EXPECT_EQ(next_row(source), R"(["a","b"])");
    EXPECT_EQ(next_row(source), "");
}

TEST(ListSource, WritesAnEmptyArray) {
    ListSource none({}, &quoted);
    EXPECT_EQ(next_row(none), "[]");
    EXPECT_EQ(next_row(none), "");
    ListSource gone({"gone"}, &quoted);
    EXPECT_EQ(next_row(gone), "[]");
}

TEST(ListSource, LooksForNoMoreThanAPieceAtATime) {
    const std::string half(ListSource::piece_bytes / 2, 'x');
    ListSource source({half, half, half, "gone", half, "last"}, &quoted);
    const std::string element = '"' + half + '"';
    EXPECT_EQ(next_row(source), '[' + element + ',' + element);
    EXPECT_EQ(next_row(source), ',' + element + ',' + element);
    EXPECT_EQ(next_row(source), ",\"last\"]");
    EXPECT_EQ(next_row(source), "");
}

}  // namespace
}  // namespace carillon::rest
