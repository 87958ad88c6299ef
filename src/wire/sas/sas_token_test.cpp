#include "wire/sas/sas_token.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>
#include <array>

namespace carillon::sas {
namespace {

constexpr std::string_view key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr std::string_view other_key = "enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmE5ODc2NTQ=";
constexpr std::string_view good_sig = "MddZw4bQa6fx7pbNRSJdVtvvxPJyO%2Bp%2FHWz%2FC2N08Dg%3D";
const std::vector<std::string> hosts{"hub.example.net", "localhost"};

std::string text(std::string_view sr, std::string_view sig, std::string_view se, std::string_view rest = {}) {
    std::string all = "SharedAccessSignature sr=";
    all.append(sr).append("&sig=").append(sig).append("&se=").append(se).append(rest);
    return all;
}

/// A token for `sr` whose signature is of the right form but not right.
Token token_for(std::string_view sr) {
    return parse_token(text(sr, good_sig, "1893456000")).value();
}

bool covers_device(std::string_view sr, std::string_view id) {
    const std::array<std::string_view, 2> path{"devices", id};
    const std::array<std::size_t, 1> ids{1};
    return covers(token_for(sr), hosts, path, ids);
}

bool covers_module(std::string_view sr, std::string_view device, std::string_view module) {
    const std::array<std::string_view, 4> path{"devices", device, "modules", module};
    const std::array<std::size_t, 2> ids{1, 3};
    return covers(token_for(sr), hosts, path, ids);
}

struct Vector {
    std::string_view sr;
    std::string_view signature;
};

// Computed independently of this code: HMAC-SHA256 under the key above, se 1893456000.
constexpr std::array<Vector, 4> vectors{{
    {"hub.example.net", "JsaJO5gTLF8mah9LxN0bGUcqp1KDFGr998P4Kix6V8A="},
    {"hub.example.net%2Fdevices%2Fd1", "MddZw4bQa6fx7pbNRSJdVtvvxPJyO+p/HWz/C2N08Dg="},
    {"hub.example.net%2fdevices%2fd1", "Xy/7ID9EeLekJdfngZxELAxurmV7TK0GDBE5yknFVAI="},
    {"hub.example.net/devices/d1", "uWy29e5oQFHVGcxISXiDD6aF47vRQkdFZTtHmBZgvok="},
}};

TEST(SasToken, KnownSignaturesAreAccepted) {
    for (const Vector& vector : vectors) {
        const auto token = parse_token(text(vector.sr, percent_encode(vector.signature), "1893456000"));
        ASSERT_TRUE(token) << vector.sr;
        EXPECT_TRUE(is_signed_by(*token, key)) << vector.sr;
        EXPECT_FALSE(is_signed_by(*token, other_key)) << vector.sr;
        EXPECT_EQ(token->resource, vector.sr);
    }
}

TEST(SasToken, RecasingTheResourceBreaksTheSignature) {
    const auto token = parse_token(text(vectors[1].sr, percent_encode(vectors[2].signature), "1893456000"));
    ASSERT_TRUE(token);
    EXPECT_FALSE(is_signed_by(*token, key));
}

TEST(SasToken, AnyChangedBitOfTheSignatureIsRefused) {
    auto token = parse_token(text(vectors[1].sr, good_sig, "1893456000")).value();
    ASSERT_TRUE(is_signed_by(token, key));
    for (std::size_t bit = 0; bit < 256; ++bit) {
        Token changed = token;
        changed.signature[bit / 8] = static_cast<char>(changed.signature[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_FALSE(is_signed_by(changed, key)) << bit;
    }
}

TEST(SasToken, ExpiryIsPartOfWhatIsSigned) {
    const auto token = parse_token(text(vectors[1].sr, good_sig, "1893456001")).value();
    EXPECT_FALSE(is_signed_by(token, key));
    const auto same_number = parse_token(text(vectors[1].sr, good_sig, "01893456000")).value();
    EXPECT_FALSE(is_signed_by(same_number, key));
}

TEST(SasToken, FieldsComeInAnyOrderAndNamesInAnyCase) {
    for (const std::string& spelled : {
             "SharedAccessSignature sig=" + std::string(good_sig) +
                 "&se=1893456000&sr=hub.example.net%2Fdevices%2Fd1",
             "SharedAccessSignature SE=1893456000&SR=hub.example.net%2Fdevices%2Fd1&Sig=" +
                 std::string(good_sig),
             "SharedAccessSignature &x=1&skn=&se=1893456000&&sr=hub.example.net%2Fdevices%2Fd1&flag&sig=" +
                 std::string(good_sig) + "&",
         }) {
        const auto token = parse_token(spelled);
        ASSERT_TRUE(token) << spelled;
        EXPECT_TRUE(is_signed_by(*token, key)) << spelled;
        EXPECT_EQ(token->key_name, "");
    }
}

TEST(SasToken, SignatureEncodingsOfRealClientsAreAccepted) {
    for (std::string_view sig : {
             "MddZw4bQa6fx7pbNRSJdVtvvxPJyO%2bp%2fHWz%2fC2N08Dg%3d",  // lower-case escapes
             "MddZw4bQa6fx7pbNRSJdVtvvxPJyO%2Bp/HWz/C2N08Dg=",        // `/` and `=` left as they are
             "MddZw4bQa6fx7pbNRSJdVtvvxPJyO+p/HWz/C2N08Dg=",          // not encoded at all
             "MddZw4bQa6fx7pbNRSJdVtvvxPJyO%2Bp%2FHWz%2FC2N08Dg",     // without padding
             "MddZw4bQa6fx7pbNRSJdVtvvxPJyO%20p%2FHWz%2FC2N08Dg%3D",  // a plus that became a space
         }) {
        const auto token = parse_token(text(vectors[1].sr, sig, "1893456000"));
        ASSERT_TRUE(token) << sig;
        EXPECT_TRUE(is_signed_by(*token, key)) << sig;
    }
}

TEST(SasToken, MalformedTokensAreRefused) {
    const std::string sr = "hub.example.net%2Fdevices%2Fd1";
    const std::string sig(good_sig);
    const std::string body = "sr=" + sr + "&sig=" + sig + "&se=1893456000";
    for (const std::string& bad : {
             std::string(),
             std::string("SharedAccessSignature"),
             std::string("SharedAccessSignature "),
             "sharedaccesssignature " + body,
             "SharedAccessSignature  " + body,
             " SharedAccessSignature " + body,
             "SharedAccessSignature\t" + body,
             "SharedAccessSignature " + body + " ",
             "SharedAccessSignature " + body + "\n",
             "SharedAccessSignature " + body + std::string(1, '\0'),
             "Bearer " + body,
             body,
             "SharedAccessSignature sig=" + sig + "&se=1893456000",
             "SharedAccessSignature sr=&sig=" + sig + "&se=1893456000",
             "SharedAccessSignature sr=" + sr + "&se=1893456000",
             "SharedAccessSignature sr=" + sr + "&sig=&se=1893456000",
             "SharedAccessSignature sr=" + sr + "&sig=" + sig,
             "SharedAccessSignature " + body + "&se=1893456000",
             "SharedAccessSignature " + body + "&SR=" + sr,
             "SharedAccessSignature " + body + "&sig=" + sig,
             "SharedAccessSignature " + body + "&skn=a&skn=a",
             "SharedAccessSignature " + body + "&skn=%zz",
             "SharedAccessSignature " + body + "&skn=a%0Ab",
             text(sr, "not*base64", "1893456000"),
             text(sr, "AAAA", "1893456000"),         // three bytes
             text(sr, sig + "%3D", "1893456000"),    // extra padding
             text(sr, sig.substr(1), "1893456000"),  // one digit short
             text(sr, "%4", "1893456000"),
             text(sr, "%zz" + sig, "1893456000"),
             text(sr, "A" + sig, "1893456000"),
         }) {
        const auto token = parse_token(bad);
        ASSERT_FALSE(token) << bad;
        EXPECT_EQ(token.error().code, Errc::iot_hub_unauthorized_access) << bad;
    }
}

TEST(SasToken, ATokenBeyondItsSizeLimitIsRefused) {
    std::string at_limit = text(vectors[1].sr, good_sig, "1893456000", "&x=");
    at_limit.resize(token_bytes_max, 'x');
    EXPECT_TRUE(parse_token(at_limit));
    EXPECT_FALSE(parse_token(at_limit + "x"));
}

TEST(SasToken, OnlyPlainDecimalExpiriesAreAccepted) {
    for (std::string_view bad : {"", "nan", "inf", "-inf", "0x70DB4780", "1e10", "-1", "+1893456000", "12a",
                                 "1893456000s", "1.", ".5", "1.2.3", "%20", "1,5", "1893456000%00"}) {
        EXPECT_FALSE(parse_token(text(vectors[1].sr, good_sig, bad))) << bad;
    }
    EXPECT_EQ(parse_token(text(vectors[1].sr, good_sig, "1893456000.75"))->expires,
              WallTime::from_unix_s(1893456000));
    EXPECT_EQ(parse_token(text(vectors[1].sr, good_sig, "%31893456000"))->expires,
              WallTime::from_unix_s(1893456000));
}

TEST(SasToken, ExpiriesEndWithTheYear9999) {
    for (std::string_view last : {"253402300799", "253402300799.999", "000253402300799"}) {
        const auto token = parse_token(text(vectors[1].sr, good_sig, last));
        ASSERT_TRUE(token) << last;
        EXPECT_EQ(token->expires, WallTime::from_unix_s(expiry_unix_s_max)) << last;
        EXPECT_FALSE(is_expired(*token, WallTime::from_unix_s(250'000'000'000))) << last;
    }
    for (std::string_view beyond :
         {"253402300800", "253402300800.0", "1893456000000", "18446744073709551615", "18446744073709551616",
          "99999999999999999999", "99999999999999999999999999999999"}) {
        const auto token = parse_token(text(vectors[1].sr, good_sig, beyond));
        ASSERT_FALSE(token) << beyond;
        EXPECT_EQ(token.error().code, Errc::iot_hub_unauthorized_access) << beyond;
    }
}

TEST(SasToken, ExpiresAfterTheSkewAndNotBefore) {
    const Token token = token_for("hub.example.net");
    EXPECT_FALSE(is_expired(token, WallTime::from_unix_s(1893456000)));
    EXPECT_FALSE(is_expired(token, WallTime::from_unix_s(1893456300)));
    EXPECT_TRUE(is_expired(token, WallTime{WallTime::from_unix_s(1893456300).ticks + 1}));
}

TEST(SasToken, UnusableKeysSignNothing) {
    // Signed with an empty key, and with a key of 15 bytes: right HMACs, but of no acceptable key.
    for (const std::string& weak : {std::string(), base64_encode("fifteen bytes..")}) {
        const std::string signature = hmac_sha256(base64_decode(weak).value(), "hub.example.net\n1893456000");
        const auto token =
            parse_token(text("hub.example.net", percent_encode(base64_encode(signature)), "1893456000"));
        ASSERT_TRUE(token);
        EXPECT_FALSE(is_signed_by(*token, weak));
    }
    EXPECT_FALSE(is_signed_by(token_for(vectors[1].sr), "no base64!"));
    EXPECT_FALSE(is_signed_by(token_for(vectors[1].sr), base64_encode(std::string(65, 'k'))));
}

TEST(SasToken, KeysOfEveryAllowedLengthSign) {
    for (std::size_t length : {key_bytes_min, std::size_t{32}, key_bytes_max}) {
        const std::string k = base64_encode(std::string(length, 'k'));
        const auto token = parse_token(make_token("hub.example.net", k, WallTime::from_unix_s(1893456000)));
        ASSERT_TRUE(token);
        EXPECT_TRUE(is_signed_by(*token, k));
    }
}

TEST(SasToken, AKeyPastedWithALineEndStillSigns) {
    EXPECT_TRUE(is_signed_by(token_for(vectors[1].sr), std::string(key) + "\n"));
}

TEST(SasToken, TheKeyNameIsDecoded) {
    EXPECT_EQ(parse_token(text("hub.example.net", good_sig, "1", "&skn=my%2Dpolicy"))->key_name, "my-policy");
}

TEST(SasTokenScope, ADeviceIsCoveredByItselfAndByFoldersAboveIt) {
    for (std::string_view sr :
         {"hub.example.net/devices/d1", "hub.example.net%2Fdevices%2Fd1", "HUB.Example.NET%2fdevices%2fd1",
          "localhost/devices/d1", "localhost:8883/devices/d1", "hub.example.net/DEVICES/d1",
          "hub.example.net/devices/d1/", "hub.example.net/devices", "hub.example.net", "hub.example.net/",
          "hub.example.net/devices/d1/api-version=2016-11-14"}) {
        EXPECT_TRUE(covers_device(sr, "d1")) << sr;
    }
}

TEST(SasTokenScope, NothingElseCoversADevice) {
    for (std::string_view sr : {"hub.example.net/devices/d",
                                "hub.example.net/devices/d12",
                                "hub.example.net/devices/D1",
                                "hub.example.net/devices/d2",
                                "hub.example.net/device/d1",
                                "hub.example.net/twins/d1",
                                "hub.example.net/devices/d1/messages",
                                "hub.example.net/devices/d1/modules/m1",
                                "hub.example.net/devices/d1/api-version=1/x",
                                "hub.example.net/devices//d1",
                                "hub.example.net//devices/d1",
                                "/devices/d1",
                                "devices/d1",
                                "evil.example.net/devices/d1",
                                "hub.example.net.evil/devices/d1",
                                "hub/devices/d1",
                                "hub.example.net:x/devices/d1",
                                "hub.example.net/devices/d1//",
                                "hub.example.net/devices/d1%00",
                                "%zz",
                                "hub.example.net%2",
                                "https://hub.example.net/devices/d1",
                                "hub.example.net%252Fdevices%252Fd1",
                                "hub.example.net/devices/d1?x"}) {
        EXPECT_FALSE(covers_device(sr, "d1")) << sr;
    }
}

TEST(SasTokenScope, IdsMayBeEncodedTwiceButNotThrice) {
    EXPECT_TRUE(covers_device("hub.example.net%2Fdevices%2Fa%40b", "a@b"));
    EXPECT_TRUE(covers_device("hub.example.net/devices/a@b", "a@b"));
    EXPECT_TRUE(covers_device("hub.example.net%2Fdevices%2Fa%2540b", "a@b"));
    EXPECT_FALSE(covers_device("hub.example.net%2Fdevices%2Fa%252540b", "a@b"));
    EXPECT_TRUE(covers_device("hub.example.net%2Fdevices%2Fa%2540b", "a%40b"));
    EXPECT_FALSE(covers_device("hub.example.net%2Fdevices%2Fa%40b", "a%40b"));
}

TEST(SasTokenScope, AnIdThatLooksLikeAnApiVersionIsAnId) {
    EXPECT_TRUE(covers_device("hub.example.net/devices/api-version=1", "api-version=1"));
    EXPECT_FALSE(covers_device("hub.example.net/devices/api-version=1", "d1"));
    EXPECT_TRUE(covers_device("hub.example.net/api-version=1", "d1"));
}

TEST(SasTokenScope, AModuleIsCoveredByItsOwnPath) {
    EXPECT_TRUE(covers_module("hub.example.net%2Fdevices%2Fd1%2Fmodules%2Fm1", "d1", "m1"));
    EXPECT_FALSE(covers_module("hub.example.net%2Fdevices%2Fd1%2Fmodule%2Fm1", "d1", "m1"));
    EXPECT_FALSE(covers_module("hub.example.net%2Fdevices%2Fd1%2Fmodules%2Fm2", "d1", "m1"));
    EXPECT_FALSE(covers_module("hub.example.net%2Fdevices%2Fd2%2Fmodules%2Fm1", "d1", "m1"));
}

// Every form of `sr`, and whom it covers: the device d1, its module m1, both or nobody.
struct Scope {
    std::string_view sr;
    bool device;
    bool module;
};
constexpr Scope scopes[] = {
    {"hub.example.net", true, true},
    {"hub.example.net/", true, true},
    {"HUB.example.net:443", true, true},
    {"hub.example.net/api-version=2016-11-14", true, true},
    {"hub.example.net/devices", true, true},
    {"hub.example.net/devices/", true, true},
    {"hub.example.net/Devices", true, true},
    {"hub.example.net%2Fdevices", true, true},
    {"hub.example.net/devices/d1", true, true},
    {"hub.example.net/devices/d1/", true, true},
    {"hub.example.net%2fdevices%2fd1", true, true},
    {"hub.example.net/devices/d1/api-version=2016-11-14", true, true},
    {"hub.example.net/devices/d1/modules", false, true},
    {"hub.example.net/devices/d1/modules/", false, true},
    {"hub.example.net/devices/d1/modules/m1", false, true},
    {"hub.example.net%2Fdevices%2Fd1%2Fmodules%2Fm1", false, true},
    {"hub.example.net/devices/d1/modules/m1/api-version=2016-11-14", false, true},
    {"", false, false},
    {"/", false, false},
    {"hub.example", false, false},
    {"hub.example.net.evil", false, false},
    {"evil.hub.example.net", false, false},
    {"other.example.net/devices/d1", false, false},
    {"https://hub.example.net/devices/d1", false, false},
    {"hub.example.net//", false, false},
    {"hub.example.net//devices/d1", false, false},
    {"hub.example.net/device", false, false},
    {"hub.example.net/devices1", false, false},
    {"hub.example.net/twins/d1", false, false},
    {"hub.example.net/d1", false, false},
    {"hub.example.net/devices/d", false, false},
    {"hub.example.net/devices/d11", false, false},
    {"hub.example.net/devices/d1x/modules/m1", false, false},
    {"hub.example.net/devices/D1", false, false},
    {"hub.example.net/devices/d2", false, false},
    {"hub.example.net/devices/d2/modules/m1", false, false},
    {"hub.example.net/devices/d1/messages", false, false},
    {"hub.example.net/devices/d1/messages/events", false, false},
    {"hub.example.net/devices/d1/module", false, false},
    {"hub.example.net/devices/d1/module/m1", false, false},
    {"hub.example.net/devices/d1/modules/m", false, false},
    {"hub.example.net/devices/d1/modules/m11", false, false},
    {"hub.example.net/devices/d1/modules/M1", false, false},
    {"hub.example.net/devices/d1/modules/m1/messages", false, false},
    {"hub.example.net/devices/d1/modules/m1//", false, false},
    {"hub.example.net/devices/d1?x", false, false},
    {"hub.example.net/devices/../devices/d1", false, false},
    {"hub.example.net/devices/d1%00", false, false},
    {"hub.example.net/devices/*", false, false},
};

TEST(SasTokenScope, AnIdentityIsCoveredByPrefixesOfItsPathInWholeSegmentsAndByNothingElse) {
    for (const Scope& scope : scopes) {
        if (scope.sr.empty()) {
            EXPECT_FALSE(parse_token(text(scope.sr, good_sig, "1893456000")));
            continue;
        }
        const Token token = token_for(scope.sr);
        EXPECT_EQ(covers_identity(token, hosts, "d1", ""), scope.device) << scope.sr;
        EXPECT_EQ(covers_identity(token, hosts, "d1", "m1"), scope.module) << scope.sr;
    }
}

TEST(SasTokenScope, TheHubItselfIsCoveredByItsHostOnly) {
    EXPECT_TRUE(covers(token_for("hub.example.net"), hosts, {}, {}));
    EXPECT_TRUE(covers(token_for("hub.example.net/api-version=2016-11-14"), hosts, {}, {}));
    EXPECT_FALSE(covers(token_for("hub.example.net/devices"), hosts, {}, {}));
    EXPECT_FALSE(covers(token_for("hub.example.org"), hosts, {}, {}));
}

TEST(SasToken, WhatIsMadeIsAccepted) {
    const WallTime expires = WallTime::from_unix_s(1893456000);
    for (std::string_view id : {"d1", "a%40b", "a@b", "x+y#z?$'()*!,=;:%"}) {
        const auto token =
            parse_token(make_token("hub.example.net/devices/" + std::string(id), key, expires));
        ASSERT_TRUE(token) << id;
        EXPECT_TRUE(is_signed_by(*token, key)) << id;
        EXPECT_EQ(token->expires, expires);
        EXPECT_TRUE(covers_identity(*token, hosts, id, "")) << id;
    }
    const auto service = parse_token(make_token("hub.example.net", key, expires, "service"));
    ASSERT_TRUE(service);
    EXPECT_EQ(service->key_name, "service");
}

}  // namespace
}  // namespace carillon::sas
