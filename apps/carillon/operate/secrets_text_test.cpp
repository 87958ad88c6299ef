#include "operate/secrets_text.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

constexpr const char* key = "q0Rk9T3vA1b+C2d/E4f5G6h7I8j9K0l1M2n3O4p5Q6=";

TEST(WithoutSecrets, KeysGoWhereverTheyStand) {
    const std::string k = key;
    for (const std::string& text : std::initializer_list<std::string>{
             "HostName=h;SharedAccessKeyName=owner;SharedAccessKey=" + k,
             "{\"primaryKey\":\"" + k + "\",\"a\":1}", "x " + k + " y", "key=" + k,
             "SharedAccessSignature sr=h&sig=abc%2Fdef%3D&se=5&skn=p",
             std::string("-----BEGIN PRIVATE KEY-----\nMIGH\nAgEA\n-----END PRIVATE KEY-----\n"), k}) {
        const std::string shown = redact(text);
        EXPECT_NE(shown.find("<removed>"), std::string::npos) << text;
        for (const char* part : {"q0Rk9T3v", "E4f5G6h7", "abc%2F", "MIGH", "AgEA"}) {
            EXPECT_EQ(shown.find(part), std::string::npos) << shown;
        }
    }
}

TEST(WithoutSecrets, KeepsWhatIsNotASecret) {
    for (const char* text :
         {"HostName=hub.example.net;SharedAccessKeyName=iothubowner",
          "2026-11-29T10:41:56.000000Z info job ended job=8d2f7a status=completed\n",
          "/var/lib/carillon/store/000123.sst 1048576", "carillon_rest_request_seconds_bucket{le=\"0.1\"} 7",
          "-----BEGIN CERTIFICATE-----\n"}) {
        EXPECT_EQ(redact(text), text);
    }
}

}  // namespace
}  // namespace carillon
