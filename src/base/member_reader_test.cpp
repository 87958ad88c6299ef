#include "base/member_reader.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

/// What reading with `read` leaves: the fault, or nothing.
template <class Read>
std::string fault_of(const std::string& json, Read read) {
    const auto document = JsonDocument::parse(json);
    EXPECT_TRUE(document) << json;
    MemberReader in(document->root());
    read(in);
    const auto result = in.error();
    EXPECT_TRUE(result || result.error().code == Errc::argument_invalid);
    return result ? "" : result.error().detail;
}

std::optional<std::int64_t> integer_in(const std::string& json, std::string* fault = nullptr) {
    std::optional<std::int64_t> value;
    const std::string found = fault_of(json, [&](MemberReader& in) { value = in.integer("Wait", 5, 300); });
    if (fault != nullptr) *fault = found;
    return value;
}

TEST(MemberReader, TakesNumbersAlsoAsText) {
    for (const char* json :
         {R"({"wait":30})", R"({"wait":"30"})", R"({"wait":30.0})", R"({"wait":"3e1"})", R"({"WAIT":"30"})"})
        EXPECT_EQ(integer_in(json), 30) << json;
    for (const char* json : {"{}", R"({"wait":null})", R"({"waits":7})"})
        EXPECT_EQ(integer_in(json), std::nullopt) << json;
    struct Bad {
        const char* value;
        const char* shown;
    };
    for (const Bad& bad : {Bad{"4", "4"},
                           {"301", "301"},
                           {R"("4")", R"("4")"},
                           {R"("")", R"("")"},
                           {R"(" 30")", R"(" 30")"},
                           {R"("30 ")", R"("30 ")"},
                           {R"("030")", R"("030")"},
                           {R"("+30")", R"("+30")"},
                           {R"("0x1e")", R"("0x1e")"},
                           {R"("soon")", R"("soon")"},
                           {R"("{}")", R"("{}")"},
                           {R"("null")", R"("null")"},
                           {"30.5", "30.5"},
                           {"true", "true"},
                           {"1e400", "1e400"},
                           {R"("ä")", "a text"},
                           {"[30]", "an array"},
                           {"{}", "an object"}}) {
        std::string fault;
        EXPECT_EQ(integer_in(std::string("{\"wait\":") + bad.value + "}", &fault), std::nullopt);
        EXPECT_EQ(fault, std::string("Wait must be within [5, 300]. It is ") + bad.shown + ".");
    }
}

TEST(MemberReader, TakesBooleansAlsoAsText) {
    for (const char* text : {"true", R"("true")", R"("True")"}) {
        EXPECT_EQ(fault_of(std::string("{\"edge\":") + text + "}",
                           [](MemberReader& in) { EXPECT_EQ(in.boolean("edge"), true); }),
                  "");
    }
    EXPECT_EQ(fault_of(R"({"edge":"FALSE"})", [](MemberReader& in) { EXPECT_EQ(in.boolean("edge"), false); }),
              "");
    for (const char* text : {"1", R"("1")", R"("yes")", R"("")", "[]"}) {
        EXPECT_NE(fault_of(std::string("{\"edge\":") + text + "}",
                           [](MemberReader& in) { EXPECT_EQ(in.boolean("edge"), std::nullopt); }),
                  "");
    }
}

TEST(MemberReader, RefusesTwoSpellingsOfOneMember) {
    const std::string json = R"({"status":"enabled","Status":"disabled","other":1})";
    EXPECT_EQ(fault_of(json, [](MemberReader& in) { EXPECT_FALSE(in.find("status").exists()); }),
              "status is there in two spellings, status and Status.");
    EXPECT_EQ(fault_of(json, [](MemberReader& in) { EXPECT_EQ(in.integer("Other", 0, 9), 1); }), "");
}

TEST(MemberReader, KeepsItsFirstFaultAlsoOfAnInnerObject) {
    const std::string json = R"({"a":{"B":"x"},"c":[]})";
    const std::string fault = fault_of(json, [](MemberReader& in) {
        MemberReader inner(in.object("a"), in, "a.");
        EXPECT_EQ(inner.text("b"), "x");
        EXPECT_EQ(inner.boolean("b"), std::nullopt);
        EXPECT_FALSE(in.ok());
        EXPECT_EQ(inner.text("b"), std::nullopt) << "what follows a fault reads as absent";
        EXPECT_FALSE(in.object("c").exists());
    });
    EXPECT_EQ(fault, "a.b must be true or false. It is \"x\".");
}

TEST(MemberReader, RefusesAnObjectOfTooManyMembers) {
    const auto object_of = [](std::size_t members) {
        std::string json = "{";
        for (std::size_t i = 0; i < members; ++i) json += "\"m" + std::to_string(i) + "\":0,";
        json.back() = '}';
        return json;
    };
    const auto nothing = [](MemberReader&) {};
    EXPECT_EQ(fault_of(object_of(MemberReader::members_max), nothing), "");
    EXPECT_NE(fault_of(object_of(MemberReader::members_max + 1), nothing), "");
}

}  // namespace
}  // namespace carillon
