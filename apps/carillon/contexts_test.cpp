#include "contexts.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

Context named(std::string name) {
    Context context;
    context.name = std::move(name);
    context.login = "HostName=h;SharedAccessKeyName=p;SharedAccessKey=k";
    return context;
}

TEST(Contexts, ComeBackAsTheyWereWritten) {
    Contexts contexts;
    Context lab = named("lab");
    lab.ca_file = "/etc/ca \"x\".pem";
    lab.address = "10.0.0.1";
    lab.port = 8443;
    contexts.put(lab);
    contexts.put(named("home"));
    contexts.current = "lab";
    const auto read = parse_contexts(contexts_json(contexts)).value();
    ASSERT_EQ(read.all.size(), 2U);
    EXPECT_EQ(read.current, "lab");
    EXPECT_EQ(read.all[0].name, "home");
    EXPECT_EQ(read.all[0].port, 443);
    EXPECT_EQ(read.all[1].ca_file, lab.ca_file);
    EXPECT_EQ(read.all[1].address, lab.address);
    EXPECT_EQ(read.all[1].port, 8443);
    EXPECT_EQ(read.all[1].login, lab.login);
}

TEST(Contexts, OneNameIsOneHub) {
    Contexts contexts;
    contexts.put(named("lab"));
    Context other = named("lab");
    other.port = 1;
    contexts.put(other);
    ASSERT_EQ(contexts.all.size(), 1U);
    EXPECT_EQ(contexts.find("lab")->port, 1);
    EXPECT_EQ(contexts.find("LAB"), nullptr);
}

TEST(Contexts, RemovingTheCurrentOneLeavesNone) {
    Contexts contexts;
    contexts.put(named("lab"));
    contexts.current = "lab";
    EXPECT_TRUE(contexts.remove("lab"));
    EXPECT_EQ(contexts.current, "");
    EXPECT_FALSE(contexts.remove("lab"));
}

TEST(Contexts, AFileThatMakesNoSenseIsRefused) {
    for (const char* text :
         {"", "[]", R"({"current":"x"})", R"({"contexts":{"a":{}}})", R"({"contexts":{"a b":{"login":"x"}}})",
          R"({"contexts":{"a":{"login":"x","port":0}}})"}) {
        const auto read = parse_contexts(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code, Errc::config_invalid) << text;
    }
    EXPECT_TRUE(parse_contexts("{}"));
}

TEST(Contexts, NamesNeedNoQuotes) {
    for (const char* good : {"a", "Lab-2", "x_y.z", "0"}) EXPECT_TRUE(is_context_name(good)) << good;
    for (const char* bad : {"", "a b", "-a", "a/b", "a$"}) EXPECT_FALSE(is_context_name(bad)) << bad;
    EXPECT_TRUE(is_context_name(std::string(context_name_bytes_max, 'a')));
    EXPECT_FALSE(is_context_name(std::string(context_name_bytes_max + 1, 'a')));
}

}  // namespace
}  // namespace carillon
