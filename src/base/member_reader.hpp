#pragma once

#include "base/json.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

/// Reads the members of one object of a request as the service's serializer does: names in any case, null for
/// absent, numbers and booleans also as text (`"30"`, `"true"`). What a user names, such as tags, is not read
/// by it. Goes bad at the first member that is not what it must be, or that stands there in two spellings,
/// and stays so: one look at `error()` behind the last member covers them all, and until then what is bad
/// reads as absent. Errors name the member, what it takes and, of a number or boolean, what was found.
/// Source: azure-iot-cli-extension sends `"responseTimeoutInSeconds":"30"`; azure-iothub 1.0 writes
/// `SymmetricKey`. Ours: two spellings of one member are refused, as any choice would surprise someone.
class MemberReader {
public:
    /// Objects with more members are refused: what the service knows has a dozen. Ours.
    static constexpr std::size_t members_max = 256;

    /// Views `object`; one that is null or absent has no members. The caller has refused other kinds.
    explicit MemberReader(JsonValue object);
    /// Of an object within that of `parent`, which learns of the first fault; `prefix`, such as
    /// `capabilities.`, stands before the names in errors.
    MemberReader(JsonValue object, MemberReader& parent, std::string_view prefix);
    MemberReader(const MemberReader&) = delete;
    MemberReader& operator=(const MemberReader&) = delete;

    /// A member of any kind, null too; absent if there is none.
    JsonValue find(std::string_view name);
    /// Nothing where the member is null or absent, and where it is bad.
    std::optional<std::string_view> text(std::string_view name);
    std::optional<bool> boolean(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t min, std::int64_t max);
    /// An object, or null or absent.
    JsonValue object(std::string_view name);

    /// Notes a fault that the caller found, unless there is one already.
    void refuse(std::string detail);
    bool ok() const { return !fault_->has_value(); }
    /// Fails with `argument_invalid`.
    Result<> error() const;

private:
    void refuse(std::string_view name, std::string_view takes, JsonValue found);

    JsonValue object_;
    std::string_view prefix_;
    std::optional<std::string> own_fault_;
    std::optional<std::string>* fault_;  ///< Of the outermost object.
};

/// A value as an error text shows it: a short scalar of printable ASCII as it stands, else its kind.
std::string describe_json(JsonValue value);
/// The name of a member, likewise.
std::string describe_json_name(JsonValue member);

}  // namespace carillon
