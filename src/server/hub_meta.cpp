#include "server/hub_meta.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/hub/hub_keys.hpp"
#include "core/shard/placement.hpp"
#include "model/twin.hpp"
#include "server/format_file.hpp"

#include <algorithm>
#include <bit>
#include <optional>

namespace carillon {
namespace {

constexpr std::string_view format_key = "format";
constexpr std::string_view shards_key = "shards";

}  // namespace

Result<> check_stored_format(const Store& store) {
    const auto stored = store.get(Table::meta, format_key);
    if (!stored) return fail(stored.error());
    if (!*stored) return {};
    const auto format = parse_i64(**stored);
    if (!format || *format < 1) return fail(Errc::store_corrupt, "the format version is unreadable");
    if (*format > data_format) return fail(later_format("the store", *format, "a later program"));
    return {};
}

Result<HubMeta> load_or_create_meta(Store& store, Random& random, std::size_t hardware_threads) {
    HubMeta meta;
    std::optional<std::string> values[3];
    for (const auto& [key, value] : {std::pair(format_key, &values[0]), std::pair(shards_key, &values[1]),
                                     std::pair(stored_token_key, &values[2])}) {
        auto read = store.get(Table::meta, key);
        if (!read) return fail(std::move(read).error());
        *value = *std::move(read);
    }
    const auto& [format, shards, secret] = values;
    if (!format) {
        meta.is_new = true;
        meta.shard_count = std::bit_floor(std::clamp<std::size_t>(hardware_threads, 1, shards_max));
        meta.token_key = random.base64_key();
        Batch batch;
        batch.put(Table::meta, std::string(format_key), std::to_string(data_format));
        batch.put(Table::meta, std::string(shards_key), std::to_string(meta.shard_count));
        batch.put(Table::meta, std::string(stored_token_key), meta.token_key);
        auto committed = store.commit(batch);
        if (!committed) return fail(std::move(committed).error());
        return meta;
    }
    if (auto readable = check_stored_format(store); !readable) return fail(std::move(readable).error());
    const auto count = shards ? parse_u64(*shards) : std::nullopt;
    if (!count || !std::has_single_bit(*count) || *count > shards_max || !secret) {
        return fail(Errc::store_corrupt, "the hub's own record is incomplete");
    }
    meta.shard_count = *count;
    meta.token_key = *secret;
    if (*format != std::to_string(data_format)) {
        Batch batch;
        batch.put(Table::meta, std::string(format_key), std::to_string(data_format));
        if (auto raised = store.commit(batch); !raised) return fail(std::move(raised).error());
        log.info("data upgraded from format={} to format={}", *format, data_format);
    }
    return meta;
}

Result<Identity> read_stored_identity(const Store& store, const HubMeta& meta, const IdentityKey& key) {
    const std::size_t shard = shard_number(key.device.str(), meta.shard_count);
    std::string stored_key;  // Shard, device, NUL and module: docs/storage.md.
    for (const int shift : {24, 16, 8, 0}) stored_key += static_cast<char>((shard >> shift) & 0xff);
    stored_key += key.device.str();
    if (key.is_module()) (stored_key += '\0') += key.module;
    const auto stored = store.get(Table::identities, stored_key);
    if (!stored) return fail(stored.error());
    if (!*stored) return fail(Errc::device_not_found, key.path() + " is not registered");
    const auto decoded = decode_document(as_bytes(**stored));
    if (!decoded) return fail(decoded.error());
    return decoded->document.identity.unpack();
}

}  // namespace carillon
