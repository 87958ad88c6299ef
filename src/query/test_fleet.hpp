#pragma once

// Devices for tests of the language, from lines of JSON; no part of the product.

#include "query/query.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace carillon::query {

/// A device or module as a row of a query.
struct TestRow {
    IdentityKey key;
    Document document;
    LiveState live;

    Row row() const { return Row(document, key, live); }
    std::string path() const { return key.path(); }
};

/// Makes an identity from `{"identity":{…},"tags":{…},"desired":[patch,…],"reported":[patch,…],
/// "connected":true,"lastActivityTime":"…","messages":3,"configurations":{"id":"Applied"}}`, every member
/// optional. Patches are
/// written one second apart, beginning at `created`.
TestRow make_row(std::string_view device, std::string_view module, std::string_view json,
                 WallTime created = WallTime::from_unix_s(1'790'000'000));

/// What a query answers over `rows`, which are in key order: the items of all pages. Whole twins are
/// given as their path, `device` or `device/module`.
std::vector<std::string> run_query(const Query& query, const std::vector<TestRow>& rows);

/// JSON with members sorted and without spaces, so that equal values are equal texts.
std::string canonical_json(std::string_view json);

}  // namespace carillon::query
