#include "model/section/section_patch.hpp"

#include "base/json_number.hpp"
#include "base/utf8.hpp"
#include "model/section/section_format.hpp"

#include <algorithm>

namespace carillon {

namespace {

namespace format = section_format;

/// More than any accepted patch takes; keeps every length of the format within its field.
constexpr std::size_t patch_encoded_max = 8 * TwinLimits::encoded_bytes_max;

bool is_control(const char* at, std::size_t length) {
    const auto code = utf8_code_point(at, length);
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/// Names a property to a person, unless its key has characters that our answers must not hold.
std::string about(std::string_view key) {
    const bool harmless = key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
                              return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                     (c >= '0' && c <= '9') || c == '_' || c == '-';
                          });
    return harmless ? " Error in Property/Tag '" + std::string(key) + "'." : std::string();
}

Result<> check_member_key(std::string_view key) {
    if (key.size() > TwinLimits::key_bytes_max)
        return fail(Errc::argument_invalid, "Property or Tag name should be maximum 1024 bytes.");
    if (!is_section_key(key)) {
        return fail(Errc::argument_invalid,
                    "A Property or Tag name must not contain control characters, '.', '$', '#' or space.");
    }
    return {};
}

Result<> check_string(std::string_view key, std::string_view text) {
    if (text.size() <= TwinLimits::string_bytes_max) return {};
    return fail(Errc::argument_invalid, "Property or Tag value should be maximum 4096 bytes." + about(key));
}

Result<> check_number(std::string_view key, JsonValue value) {
    const std::string_view lexeme = value.raw();
    if (lexeme.size() > TwinLimits::number_chars_max)
        return fail(Errc::argument_invalid, "A number should be maximum 128 characters." + about(key));
    if (!json_number_is_integral(lexeme)) return {};
    const auto integer = value.integer();
    if (integer && *integer >= TwinLimits::integer_min && *integer <= TwinLimits::integer_max) return {};
    return fail(Errc::argument_invalid,
                "An integer must be from -4503599627370496 to 4503599627370495." + about(key));
}

Result<> check_depth(std::size_t depth) {
    if (depth <= TwinLimits::depth_max) return {};
    return fail(Errc::argument_invalid, "The maximum depth of a Property or Tag is 10.");
}

/// Writes an array in canonical form while it counts and checks it.
class ArrayChecker {
public:
    explicit ArrayChecker(CheckedArray& result) : result_(result) {}

    Result<> value(JsonValue v, std::size_t depth) {
        switch (v.kind()) {
            case JsonKind::array:
                return array(v, depth);
            case JsonKind::object:
                return object(v, depth + 1);
            case JsonKind::string:
                append_json_string(result_.text, v.string());
                result_.counted += format::counted_text(v.string());
                return check_string({}, v.string());
            case JsonKind::number:
                result_.text += v.raw();
                result_.counted += format::number_counts;
                return check_number({}, v);
            case JsonKind::boolean:
                result_.text += v.raw();
                result_.counted += format::boolean_counts;
                return {};
            default:
                return fail(Errc::argument_invalid, "Null is not allowed inside an array.");
        }
    }

private:
    Result<> array(JsonValue v, std::size_t depth) {
        result_.text += '[';
        for (JsonValue element = v.first(); element.exists(); element = element.next()) {
            if (result_.text.back() != '[') result_.text += ',';
            if (auto checked = value(element, depth); !checked) return checked;
        }
        result_.text += ']';
        return {};
    }
    Result<> object(JsonValue v, std::size_t depth) {
        if (auto checked = check_depth(depth); !checked) return checked;
        result_.text += '{';
        bool first = true;
        for (JsonValue member = v.first(); member.exists(); member = member.next()) {
            if (auto checked = check_member_key(member.key()); !checked) return checked;
            if (!first) result_.text += ',';
            first = false;
            append_json_string(result_.text, member.key());
            result_.text += ':';
            result_.counted += static_cast<std::uint32_t>(member.key().size());
            if (auto checked = value(member, depth); !checked) return checked;
        }
        result_.text += '}';
        return {};
    }
    CheckedArray& result_;
};

void append_varint(std::string& out, std::uint32_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
}

void append_tag(std::string& out, format::Tag tag, std::size_t length) {
    const auto size = static_cast<std::uint32_t>(length);
    const std::uint32_t in_tag = std::min(size, format::short_length_end);
    out += static_cast<char>(static_cast<std::uint32_t>(tag) | in_tag << 3);
    if (in_tag == format::short_length_end) append_varint(out, size - in_tag);
}

/// Turns a JSON object into a `PatchTree`, checking every rule on the way.
class Compiler {
public:
    explicit Compiler(PatchTree& tree) : tree_(tree) {}

    Result<> run(JsonValue root) {
        // Views are made from offsets at the end, when `bytes` does not move any more.
        auto compiled = object(root, 0);
        if (!compiled) return fail(std::move(compiled).error());
        for (std::size_t i = 0; i < tree_.members.size(); ++i) {
            const Slices& s = slices_[i];
            PatchMember& member = tree_.members[i];
            const Bytes all = as_bytes(tree_.bytes);
            member.head = all.subspan(s.head, s.leaf - s.head);
            member.leaf = all.subspan(s.leaf, s.end - s.leaf);
            member.key = as_text(member.head.last(s.key_size));
        }
        for (PatchObject& o : tree_.objects) sort(o);
        return {};
    }

private:
    /// Offsets into `bytes`: the encoded key, then the encoded value.
    struct Slices {
        std::size_t head = 0;
        std::size_t leaf = 0;
        std::size_t end = 0;
        std::size_t key_size = 0;
    };

    Result<std::uint32_t> object(JsonValue value, std::size_t depth) {
        if (auto checked = check_depth(depth); !checked) return fail(std::move(checked).error());
        const auto index = static_cast<std::uint32_t>(tree_.objects.size());
        PatchObject made;
        made.first = static_cast<std::uint32_t>(tree_.members.size());
        made.count = static_cast<std::uint32_t>(value.size());
        made.creates = made.count == 0;
        tree_.objects.push_back(made);
        tree_.members.resize(made.first + made.count);
        slices_.resize(tree_.members.size());
        std::uint32_t at = made.first;
        for (JsonValue v = value.first(); v.exists(); v = v.next(), ++at) {
            auto creates = member(v, at, depth);
            if (!creates) return fail(std::move(creates).error());
            if (*creates) tree_.objects[index].creates = true;
        }
        return index;
    }

    /// Compiles one member; answers whether it leaves something where nothing was.
    Result<bool> member(JsonValue value, std::uint32_t at, std::size_t depth) {
        const std::string_view key = value.key();
        if (auto checked = check_member_key(key); !checked) return fail(std::move(checked).error());
        std::string& bytes = tree_.bytes;
        Slices& s = slices_[at];
        s.head = bytes.size();
        s.key_size = key.size();
        append_varint(bytes, static_cast<std::uint32_t>(key.size()));
        bytes += key;
        s.leaf = bytes.size();
        s.end = bytes.size();
        PatchMember& made = tree_.members[at];
        made.counted = static_cast<std::uint32_t>(key.size());
        tree_.encoded_max += s.leaf - s.head + format::member_overhead_max;

        if (value.kind() == JsonKind::null) return false;
        if (value.is_object()) {
            auto index = object(value, depth + 1);
            if (!index) return fail(std::move(index).error());
            // `made` may have moved since.
            tree_.members[at].what = PatchMember::What::object;
            tree_.members[at].object = *index;
            return tree_.objects[*index].creates;
        }
        made.what = PatchMember::What::leaf;
        auto counted = leaf(key, value, depth);
        if (!counted) return fail(std::move(counted).error());
        made.counted += *counted;
        s.end = bytes.size();
        tree_.encoded_max += s.end - s.leaf;
        if (tree_.encoded_max > patch_encoded_max)
            return fail(Errc::argument_invalid, "The patch is too large.");
        return true;
    }

    /// Encodes a value that is not an object; answers what it counts.
    Result<std::uint32_t> leaf(std::string_view key, JsonValue value, std::size_t depth) {
        std::string& bytes = tree_.bytes;
        switch (value.kind()) {
            case JsonKind::boolean:
                bytes += static_cast<char>(static_cast<unsigned>(format::Tag::boolean) |
                                           (value.boolean() ? 1U << 3 : 0U));
                return format::boolean_counts;
            case JsonKind::number:
                if (auto checked = check_number(key, value); !checked)
                    return fail(std::move(checked).error());
                append_tag(bytes, format::Tag::number, value.raw().size());
                bytes += value.raw();
                return format::number_counts;
            case JsonKind::string: {
                const std::string_view text = value.string();
                if (auto checked = check_string(key, text); !checked) return fail(std::move(checked).error());
                append_tag(bytes, format::is_plain(text) ? format::Tag::plain_string : format::Tag::string,
                           text.size());
                bytes += text;
                return format::counted_text(text);
            }
            default: {
                auto array = check_array(value, depth);
                if (!array) return fail(std::move(array).error());
                append_tag(bytes, format::Tag::array, array->text.size());
                append_varint(bytes, array->counted);
                bytes += array->text;
                return array->counted;
            }
        }
    }

    void sort(PatchObject& object) {
        if (object.count <= PatchTree::listed_max) return;
        object.order = static_cast<std::uint32_t>(tree_.order.size());
        for (std::uint32_t i = 0; i < object.count; ++i) tree_.order.push_back(object.first + i);
        std::sort(
            tree_.order.begin() + object.order, tree_.order.end(),
            [this](std::uint32_t a, std::uint32_t b) { return tree_.members[a].key < tree_.members[b].key; });
    }

    PatchTree& tree_;
    std::vector<Slices> slices_;
};

/// The members of `value` that count, as one object's text.
std::string text_of(JsonValue value) {
    std::string text = "{";
    for (JsonValue v = value.first(); v.exists(); v = v.next()) {
        if (v.key() == "$metadata" || v.key() == "$version") continue;
        if (text.size() > 1) text += ',';
        append_json_string(text, v.key());
        text += ':';
        text += v.raw();
    }
    text += '}';
    return text;
}

}  // namespace

ComparablePatch::ComparablePatch(SectionPatch of) : patch(std::move(of)) {
    const auto compiled = Compiler(tree).run(patch.root());
    CARILLON_ASSERT(compiled);  // It was checked when it was parsed.
}

bool is_section_key(std::string_view key) {
    if (key.size() > TwinLimits::key_bytes_max) return false;
    for (std::size_t at = 0; at < key.size();) {
        const char c = key[at];
        if (c == '.' || c == '$' || c == '#' || c == ' ') return false;
        const std::size_t length = utf8_sequence_length(key.data() + at, key.size() - at);
        if (length == 0 || is_control(key.data() + at, length)) return false;
        at += length;
    }
    return true;
}

Result<CheckedArray> check_array(JsonValue array, std::size_t depth) {
    CheckedArray result;
    if (auto checked = ArrayChecker(result).value(array, depth); !checked)
        return fail(std::move(checked).error());
    return result;
}

std::uint32_t PatchTree::bisect(const PatchObject& object, std::string_view key) const {
    const auto begin = order.begin() + object.order;
    const auto end = begin + object.count;
    const auto found = std::lower_bound(
        begin, end, key, [this](std::uint32_t i, std::string_view k) { return members[i].key < k; });
    return found != end && members[*found].key == key ? *found : none;
}

Result<SectionPatch> SectionPatch::parse(JsonValue value) {
    if (!value.is_object()) return fail(Errc::argument_invalid, "Tags and properties must be JSON objects.");
    auto impl = std::make_shared<Impl>();
    impl->text = text_of(value);
    auto document = JsonDocument::parse(impl->text);
    if (!document) return fail(Errc::argument_invalid, std::move(document).error().detail);
    impl->document.emplace(*std::move(document));
    if (auto compiled = Compiler(impl->tree).run(impl->document->root()); !compiled)
        return fail(std::move(compiled).error());
    return SectionPatch(std::move(impl));
}

const SectionPatch& SectionPatch::empty() {
    static const SectionPatch instance = [] {
        const auto document = JsonDocument::parse("{}");
        auto patch = parse(document->root());
        return *std::move(patch);
    }();
    return instance;
}

bool SectionPatch::is_empty() const {
    return impl_->tree.members.empty();
}
JsonValue SectionPatch::root() const {
    return impl_->document->root();
}
std::string_view SectionPatch::text() const {
    return impl_->text;
}

}  // namespace carillon
