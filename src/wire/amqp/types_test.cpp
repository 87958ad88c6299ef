#include "wire/amqp/types.hpp"

#include "wire/amqp/descriptors.hpp"
#include "wire/amqp/encode.hpp"
#include "wire/amqp/testing.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace carillon::amqp {
namespace {

using testing::from_hex;
using testing::to_hex;

Value read(const std::string& bytes) {
    Reader in(as_bytes(bytes));
    const Value value = in.value();
    EXPECT_TRUE(in.ok() && !in.more()) << to_hex(bytes);
    return value;
}

/// AMQP 1.0 §1.6: each encoding of each integer.
TEST(AmqpTypes, IntegersOfEveryWidthAreRead) {
    const std::pair<const char*, std::int64_t> cases[] = {
        {"50 ff", 255},
        {"60 ffff", 65535},
        {"70 ffffffff", 4294967295},
        {"52 ff", 255},
        {"43", 0},
        {"53 07", 7},
        {"44", 0},
        {"80 0000000000000100", 256},
        {"51 ff", -1},
        {"61 8000", -32768},
        {"71 80000000", -2147483648LL},
        {"54 80", -128},
        {"55 7f", 127},
        {"81 ffffffffffffffff", -1},
    };
    for (const auto& [hex, number] : cases) {
        const std::string bytes = from_hex(hex);
        EXPECT_EQ(read(bytes).as_i64(), number) << hex;
        EXPECT_EQ(read(bytes).as_u64().has_value(), number >= 0) << hex;
        EXPECT_TRUE(is_well_formed(as_bytes(bytes))) << hex;
    }
    EXPECT_EQ(read(from_hex("80 ffffffffffffffff")).as_i64(), std::nullopt);
    EXPECT_EQ(read(from_hex("80 ffffffffffffffff")).as_u64(), std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(read(from_hex("83 0000000000000001")).as_u64(), std::nullopt);
}

TEST(AmqpTypes, OtherPrimitivesAreRead) {
    EXPECT_TRUE(read(from_hex("40")).is_null());
    EXPECT_EQ(read(from_hex("41")).as_bool(), true);
    EXPECT_EQ(read(from_hex("42")).as_bool(), false);
    EXPECT_EQ(read(from_hex("56 01")).as_bool(), true);
    EXPECT_EQ(read(from_hex("56 00")).as_bool(), false);
    EXPECT_EQ(read(from_hex("83 ffffffffffffffff")).as_timestamp(), -1);
    const std::string string = from_hex("a1 02 6869");
    EXPECT_EQ(read(string).as_text(), "hi");
    const std::string symbol = from_hex("b3 00000002 6869");
    EXPECT_EQ(read(symbol).as_text(), "hi");
    const std::string binary = from_hex("a0 01 ff");
    EXPECT_EQ(read(binary).as_binary()->size(), 1U);
    EXPECT_EQ(read(binary).as_text(), std::nullopt);
    const std::string uuid = from_hex("98 00112233445566778899aabbccddeeff");
    EXPECT_EQ(read(uuid).as_uuid()->size(), 16U);
}

TEST(AmqpTypes, EachValueCutAtEveryByteIsRefused) {
    const char* cases[] = {
        "56 01",
        "70 00000001",
        "98 00112233445566778899aabbccddeeff",
        "a1 03 616263",
        "b0 00000002 0102",
        "c0 05 02 a1 01 61 40",
        "d1 0000000a 00000002 a3 01 61 a1 01 62",
        "e0 04 02 50 01 02",
        "f0 00000007 00000002 50 01 02",
        "00 53 10 c0 03 01 a1 00",
    };
    for (const char* hex : cases) {
        std::string bytes = from_hex(hex);
        if (bytes[0] == '\xf0') bytes[4] = '\x07';
        EXPECT_TRUE(is_well_formed(as_bytes(bytes))) << hex;
        for (std::size_t length = 1; length < bytes.size(); ++length) {
            const std::string_view cut = std::string_view(bytes).substr(0, length);
            EXPECT_FALSE(is_well_formed(as_bytes(cut))) << hex << " cut at " << length;
            Reader in(as_bytes(cut));
            in.value();
            EXPECT_FALSE(in.ok()) << hex << " cut at " << length;
            EXPECT_TRUE(in.value().is_null());
        }
    }
}

TEST(AmqpTypes, WhatIsNotWellFormedIsRefused) {
    const std::pair<const char*, const char*> cases[] = {
        {"unknown constructor", "3f"},
        {"unknown constructor within a list", "c0 02 01 3f"},
        {"reserved constructor ff", "ff"},
        {"boolean 2", "56 02"},
        {"string that is not UTF-8", "a1 01 ff"},
        {"symbol that is not ASCII", "a3 02 c3a9"},
        {"symbol in an array that is not ASCII", "e0 05 01 a3 02 c3a9"},
        {"string in a list that is not UTF-8", "c0 04 01 a1 01 ff"},
        {"list of fewer items than its count", "c0 02 02 40"},
        {"list of more items than its count", "c0 03 01 40 40"},
        {"list whose size is less than its count takes", "d0 00000003 00000000"},
        {"map with a key but no value", "c1 02 01 40"},
        {"map whose count is odd", "c1 04 03 40 40 40"},
        {"list of 4 billion items", "d0 00000005 ffffffff 40"},
        {"map of 4 billion entries", "d1 00000006 fffffffe 40 40"},
        {"array of 4 billion nulls", "f0 00000005 ffffffff 40"},
        {"array of 4 billion empty lists", "f0 00000005 ffffffff 45"},
        {"array of 4 billion bytes", "f0 00000006 ffffffff 50 00"},
        {"array of 1025 nulls", "f0 00000005 00000401 40"},
        {"array with bytes behind its elements", "e0 04 01 50 01 02"},
        {"array of an unknown constructor", "e0 02 00 3f"},
        {"array of maps with odd counts", "e0 05 01 c1 02 01 40"},
        {"array of strings that are not UTF-8", "e0 04 01 a1 01 ff"},
        {"array of booleans of which one is 2", "e0 03 01 56 02"},
        {"string longer than all there is", "b1 7fffffff 61"},
        {"string of 4 GB", "b1 ffffffff 61"},
        {"descriptor without a value", "00 53 10"},
        {"descriptor of a descriptor without end", "00 00 00 00 00"},
    };
    for (const auto& [what, hex] : cases) {
        EXPECT_FALSE(is_well_formed(as_bytes(from_hex(hex)))) << what;
    }
}

TEST(AmqpTypes, NestingEndsAtItsLimit) {
    const auto lists = [](unsigned depth) {
        std::string value = from_hex("40");
        for (unsigned i = 0; i < depth; ++i) {
            std::string outer;
            {
                ListWriter list(outer);
                list.encoded(as_bytes(value));
                list.boolean(true);
            }
            value = outer;
        }
        return value;
    };
    const auto arrays = [](unsigned depth) {
        std::string value = from_hex("e0 03 01 50 00");
        for (unsigned i = 0; i < depth; ++i) {
            std::string outer = from_hex("f0 00000000 00000001");
            outer += value;
            outer[4] = static_cast<char>(outer.size() - 5);
            value = outer;
        }
        return value;
    };
    EXPECT_TRUE(is_well_formed(as_bytes(lists(TypeLimits::nesting_max))));
    EXPECT_FALSE(is_well_formed(as_bytes(lists(TypeLimits::nesting_max + 1))));
    EXPECT_TRUE(is_well_formed(as_bytes(arrays(TypeLimits::nesting_max - 1))));
    EXPECT_FALSE(is_well_formed(as_bytes(arrays(TypeLimits::nesting_max + 1))));
    // A megabyte of descriptors neither takes long nor much stack.
    const std::string deep(1 << 20, '\0');
    EXPECT_FALSE(is_well_formed(as_bytes(deep)));
}

TEST(AmqpTypes, ArraysOfPrimitivesAreRead) {
    const std::string bytes = from_hex("e0 08 02 a3 02 6162 03 636465");
    ArrayReader in(read(from_hex("e0 09 02 a3 02 6162 03 636465")));
    EXPECT_EQ(in.next()->as_text(), "ab");
    EXPECT_EQ(in.next()->as_text(), "cde");
    EXPECT_FALSE(in.next());
    EXPECT_FALSE(is_well_formed(as_bytes(bytes)));
    EXPECT_FALSE(ArrayReader(read(from_hex("a1 01 61"))).next());
    EXPECT_FALSE(ArrayReader(read(from_hex("e0 06 01 00 53 01 50 01"))).next());
    EXPECT_TRUE(is_well_formed(as_bytes(from_hex("f0 00000004 00000000"))));
}

TEST(AmqpTypes, MapsAreSearchedBySymbolAndString) {
    const std::string bytes = from_hex("c1 0b 04 a3 01 61 50 01 a1 01 62 50 02");
    const Value map = read(bytes);
    EXPECT_EQ(find_in_map(map, "a").as_u64(), 1U);
    EXPECT_EQ(find_in_map(map, "b").as_u64(), 2U);
    EXPECT_TRUE(find_in_map(map, "c").is_null());
    EXPECT_TRUE(find_in_map(Value(), "a").is_null());
}

TEST(AmqpTypes, DescriptorsAreNumbersOrSymbols) {
    const std::string number = from_hex("00 80 0000000000000010 45");
    EXPECT_EQ(describe(read(number))->code, descriptor::open);
    std::string symbol(1, '\0');
    append_symbol(symbol, "amqp:open:list");
    symbol += '\x45';
    EXPECT_EQ(describe(read(symbol))->code, descriptor::open);
    EXPECT_EQ(describe(read(symbol))->value.type, Type::list);
    EXPECT_EQ(describe(read(from_hex("00 a3 01 61 45")))->code, 0U);
    EXPECT_EQ(describe(read(from_hex("00 50 10 45")))->code, 0U);
    EXPECT_FALSE(describe(read(from_hex("45"))));
}

TEST(AmqpTypes, EncodersChooseTheShortestForm) {
    const auto encoded = [](auto append) {
        std::string out;
        append(out);
        EXPECT_TRUE(is_well_formed(as_bytes(out)));
        return to_hex(out);
    };
    EXPECT_EQ(encoded([](std::string& out) { append_uint(out, 0); }), "43");
    EXPECT_EQ(encoded([](std::string& out) { append_uint(out, 255); }), "52ff");
    EXPECT_EQ(encoded([](std::string& out) { append_uint(out, 256); }), "7000000100");
    EXPECT_EQ(encoded([](std::string& out) { append_ulong(out, 0); }), "44");
    EXPECT_EQ(encoded([](std::string& out) { append_ulong(out, 1); }), "5301");
    EXPECT_EQ(encoded([](std::string& out) { append_ulong(out, 256); }), "800000000000000100");
    EXPECT_EQ(encoded([](std::string& out) { append_int(out, -128); }), "5480");
    EXPECT_EQ(encoded([](std::string& out) { append_int(out, 200); }), "71000000c8");
    EXPECT_EQ(encoded([](std::string& out) { append_long(out, -1); }), "55ff");
    EXPECT_EQ(encoded([](std::string& out) { append_long(out, -129); }), "81ffffffffffffff7f");
    EXPECT_EQ(encoded([](std::string& out) { append_timestamp(out, 1); }), "830000000000000001");
    EXPECT_EQ(encoded([](std::string& out) { append_string(out, "hi"); }), "a1026869");
    EXPECT_EQ(encoded([](std::string& out) { append_string(out, std::string(256, 'x')); }).substr(0, 10),
              "b100000100");
    EXPECT_EQ(encoded([](std::string& out) { append_symbol(out, "hi"); }), "a3026869");
    EXPECT_EQ(encoded([](std::string& out) { append_binary(out, {}); }), "a000");
}

TEST(AmqpTypes, ListsLoseNullsAtTheirEndAndGrowWhenTheyMust) {
    const auto list_of = [](auto fill) {
        std::string out;
        {
            ListWriter list(out);
            fill(list);
        }
        EXPECT_TRUE(is_well_formed(as_bytes(out)));
        return to_hex(out);
    };
    EXPECT_EQ(list_of([](ListWriter&) {}), "c00100");
    EXPECT_EQ(list_of([](ListWriter& list) {
                  list.null();
                  list.null();
              }),
              "c00100");
    EXPECT_EQ(list_of([](ListWriter& list) {
                  list.null();
                  list.boolean(true);
                  list.null();
              }),
              "c003024041");
    const std::string text(250, 'x');
    EXPECT_EQ(list_of([&](ListWriter& list) { list.string(text); }).substr(0, 6), "c0fd01");
    const std::string longer(253, 'x');
    EXPECT_EQ(list_of([&](ListWriter& list) { list.string(longer); }).substr(0, 18), "d00000010300000001");
    std::string map;
    {
        MapWriter writer(map);
        append_int(writer.symbol_key("a"), 1);
        append_int(writer.string_key("b"), 2);
    }
    EXPECT_EQ(to_hex(map), "c10b04a301615401a101625402");
}

}  // namespace
}  // namespace carillon::amqp
