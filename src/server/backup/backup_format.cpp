#include "server/backup/backup_format.hpp"

#include "base/json.hpp"
#include "store/crc32c.hpp"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <algorithm>

namespace carillon {

namespace {

/// Between what a head says and the CRC-32C of it.
constexpr std::string_view before_checksum = ",\"crc32c\":\"";

}  // namespace

std::string to_json(const BackupHead& head) {
    std::string text;
    JsonWriter json(text);
    json.begin_object()
        .member("backup", head.version)
        .member("format", head.format)
        .member("program", head.program)
        .member("hostName", head.host_name)
        .member("createdTime", head.created)
        .member("files", head.files)
        .member("bytes", head.bytes)
        .member("acknowledged", head.acknowledged);
    if (!head.id.empty()) json.member("id", head.id);
    if (!head.since.empty()) json.member("since", head.since);
    json.end_object();
    text.pop_back();
    return fmt::format("{}{}{:08x}\"}}\n", text, before_checksum, crc32c(0, text));
}

Result<BackupHead> parse_backup_head(std::string_view json) {
    const auto damaged = [] {
        return fail(Errc::store_corrupt, "backup.json does not hold what was written");
    };
    // A damaged number must not look like a later program's.
    const std::string_view checked = json.substr(0, json.rfind(before_checksum));
    const auto parsed = JsonDocument::parse(json);
    if (!parsed || parsed->root().find("crc32c").string() != fmt::format("{:08x}", crc32c(0, checked))) {
        return damaged();
    }
    const JsonValue root = parsed->root();
    const auto number = [&root](std::string_view name) {
        return std::max<std::int64_t>(0, root.find(name).integer().value_or(0));
    };
    BackupHead head;
    head.version = number("backup");
    head.format = number("format");
    head.program = root.find("program").string();
    head.host_name = root.find("hostName").string();
    head.created = root.find("createdTime").string();
    head.files = static_cast<std::uint64_t>(number("files"));
    head.bytes = static_cast<std::uint64_t>(number("bytes"));
    head.acknowledged = static_cast<std::uint64_t>(number("acknowledged"));
    head.id = root.find("id").string();
    head.since = root.find("since").string();
    if (head.version < 1 || head.format < 1) return damaged();
    return head;
}

std::string tar_header(std::string_view name, std::uint64_t bytes, std::int64_t unix_s) {
    CARILLON_ASSERT(name.size() <= tar_name_bytes_max && bytes <= tar_member_bytes_max);
    std::string header(tar_block_bytes, '\0');
    const auto put = [&header](std::size_t at, std::string_view text) {
        header.replace(at, text.size(), text);
    };
    put(0, name);
    put(100, "0000600");  // mode
    put(108, "0000000");  // user
    put(116, "0000000");  // group
    put(124, fmt::format("{:011o}", bytes));
    put(136, fmt::format("{:011o}", static_cast<std::uint64_t>(std::max<std::int64_t>(0, unix_s))));
    put(148, "        ");  // the checksum counts itself as blanks
    put(156, "0");         // a regular file
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    unsigned sum = 0;
    for (const char byte : header) sum += static_cast<unsigned char>(byte);
    put(148, fmt::format("{:06o}", sum));
    header[154] = '\0';
    return header;
}

std::string tar_padding(std::uint64_t bytes) {
    return std::string((tar_block_bytes - bytes % tar_block_bytes) % tar_block_bytes, '\0');
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
    EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    CARILLON_ASSERT(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::add(std::string_view bytes) {
    CARILLON_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::take() {
    std::array<unsigned char, 32> digest{};
    CARILLON_ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    CARILLON_ASSERT(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
    std::string text;
    for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
    return text;
}

std::string sums_line(std::string_view digest, std::string_view name) {
    return fmt::format("{}  {}\n", digest, name);
}

}  // namespace carillon
