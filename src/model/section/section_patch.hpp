#pragma once

// The compiled form of a patch; internal to the model.

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "model/section/section.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// One member of a patch, its key and value ready to be copied into a section.
struct PatchMember {
    enum class What : std::uint8_t { null, leaf, object };
    What what = What::null;
    std::uint32_t object = 0;   ///< Which of `PatchTree::objects`.
    std::uint32_t counted = 0;  ///< What the key and, of a leaf, the value count.
    std::string_view key;
    Bytes head;  ///< The key as encoded.
    Bytes leaf;  ///< The value as encoded.
};

struct PatchObject {
    std::uint32_t first = 0;  ///< Its members stand side by side from here on.
    std::uint32_t count = 0;
    std::uint32_t order = 0;  ///< Where in `PatchTree::order` its members are listed by key.
    /// False if it holds nothing but nulls, however deep: merged into nothing it leaves nothing.
    bool creates = false;
};

/// A patch as a tree whose object 0 is the root. Objects of up to `listed_max` members are searched
/// from the front, larger ones by bisection.
struct PatchTree {
    static constexpr std::uint32_t listed_max = 8;
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    std::vector<PatchMember> members;
    std::vector<PatchObject> objects;
    std::vector<std::uint32_t> order;
    std::string bytes;            ///< What the members' views point into.
    std::size_t encoded_max = 0;  ///< The most a merge can add to a section.

    /// The index in `members` of the object's member named `key`, or `none`.
    std::uint32_t find(const PatchObject& object, std::string_view key) const {
        if (object.count > listed_max) return bisect(object, key);
        for (std::uint32_t i = object.first; i < object.first + object.count; ++i) {
            const std::string_view name = members[i].key;
            if (name.size() == key.size() && std::memcmp(name.data(), key.data(), key.size()) == 0) return i;
        }
        return none;
    }

private:
    std::uint32_t bisect(const PatchObject& object, std::string_view key) const;
};

struct SectionPatch::Impl {
    std::string text;
    std::optional<JsonDocument> document;  ///< Of `text`.
    PatchTree tree;
};

/// A patch with a compiled form of its own, to be compared with sections.
struct ComparablePatch {
    explicit ComparablePatch(SectionPatch of);
    ComparablePatch(const ComparablePatch&) = delete;
    ComparablePatch& operator=(const ComparablePatch&) = delete;

    const SectionPatch patch;
    PatchTree tree;
};

/// True if `key` may name a member of a section.
/// Source: IoT Hub docs, "Understand and use device twins", property formats.
bool is_section_key(std::string_view key);

/// Checks an array as a value of a section; gives its canonical text and what it counts. `depth` is
/// the level of objects it stands in. Fails with `argument_invalid`.
struct CheckedArray {
    std::string text;
    std::uint32_t counted = 0;
};
Result<CheckedArray> check_array(JsonValue array, std::size_t depth);

}  // namespace carillon
