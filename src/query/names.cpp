#include "query/names.hpp"

#include "base/text.hpp"
#include "query/message_names.hpp"

#include <algorithm>
#include <span>
#include <string_view>

namespace carillon::query {
namespace {

struct NameRow {
    std::string_view name;
    Field field;
};

constexpr NameRow twin_names[] = {
    {"deviceId", Field::device_id},
    {"moduleId", Field::module_id},
    {"status", Field::status},
    {"statusReason", Field::status_reason},
    {"statusUpdateTime", Field::status_update_time},
    {"connectionState", Field::connection_state},
    {"lastActivityTime", Field::last_activity_time},
    {"cloudToDeviceMessageCount", Field::c2d_count},
    {"version", Field::version},
    {"etag", Field::etag},
    {"deviceEtag", Field::device_etag},
    {"authenticationType", Field::authentication_type},
    {"modelId", Field::model_id},
    {"deviceScope", Field::device_scope},
    {"parentScopes", Field::parent_scopes},
    {"x509Thumbprint", Field::x509_thumbprint},
    {"capabilities", Field::capabilities},
    {"properties", Field::properties},
    {"tags", Field::tags},
    {"configurations", Field::configurations},
};

constexpr NameRow job_names[] = {
    {"deviceId", Field::device_id},
    {"moduleId", Field::module_id},
    {"jobId", Field::job_id},
    {"jobType", Field::job_type},
    {"status", Field::job_status},
    {"startTimeUtc", Field::job_start},
    {"endTimeUtc", Field::job_end},
    {"createdDateTimeUtc", Field::job_created},
    {"lastUpdatedDateTimeUtc", Field::job_updated},
    {"outcome", Field::job_outcome},
    {"error", Field::job_error},
};

using Rest = std::span<Segment>;

bool is_name(const Segment& segment, std::string_view name) {
    return !segment.index && equals_ignoring_case(segment.name, name);
}

/// The segments behind a prefix that repeats the collection, `devices.deviceId`.
Rest without_prefix(Rest rest, const FromClause& from) {
    const bool is_devices = is_name(rest[0], "devices");
    if (rest.size() >= 3 && is_devices) {
        if (from.collection == Collection::modules && is_name(rest[1], "modules")) return rest.subspan(2);
        if (from.collection == Collection::jobs && is_name(rest[1], "jobs")) return rest.subspan(2);
    }
    if (rest.size() >= 2) {
        if (is_devices && from.collection != Collection::jobs) return rest.subspan(1);
        if (from.is_c && is_name(rest[0], "c")) return rest.subspan(1);
    }
    return rest;
}

/// Fills one path from the segments that are left, front to back.
class Resolver {
public:
    Resolver(Path& path, Rest rest) : path_(path), rest_(rest) {}

    void resolve_twin() {
        if (is_name(rest_[0], "id")) return scalar(Field::device_id, "deviceId");
        const NameRow* row = find(twin_names);
        if (row == nullptr) return;
        switch (row->field) {
            case Field::properties:
                return properties();
            case Field::tags:
                take(*row);
                return user_keys(Field::tags);
            case Field::x509_thumbprint:
                take(*row);
                return members(Field::x509_thumbprint, {{"primaryThumbprint", Field::x509_primary},
                                                        {"secondaryThumbprint", Field::x509_secondary}});
            case Field::capabilities:
                take(*row);
                return members(Field::capabilities, {{"iotEdge", Field::iot_edge}});
            case Field::parent_scopes:
                take(*row);
                path_.field = Field::parent_scopes;
                return tail();
            case Field::configurations:
                take(*row);
                return configurations();
            default:
                return scalar(row->field, row->name);
        }
    }

    void resolve_job() {
        if (is_name(rest_[0], "createdTimeUtc")) return scalar(Field::job_created, "createdDateTimeUtc");
        const NameRow* row = find(job_names);
        if (row == nullptr) return;
        if (row->field != Field::job_outcome && row->field != Field::job_error) {
            return scalar(row->field, row->name);
        }
        take(*row);
        user_keys(row->field);
    }

private:
    template <std::size_t n>
    const NameRow* find(const NameRow (&rows)[n]) const {
        for (const NameRow& row : rows) {
            if (is_name(rest_[0], row.name)) return &row;
        }
        return nullptr;
    }

    void take(const NameRow& row) { take(row.name); }
    void take(std::string_view spelling) {
        path_.label = spelling;
        rest_ = rest_.subspan(1);
    }

    /// A field without members: anything below it is undefined.
    void scalar(Field field, std::string_view spelling) {
        if (rest_.size() > 1) return;
        take(spelling);
        path_.field = field;
    }

    void members(Field whole, std::initializer_list<NameRow> rows) {
        if (rest_.empty()) {
            path_.field = whole;
            return;
        }
        for (const NameRow& row : rows) {
            if (is_name(rest_[0], row.name)) return scalar(row.field, row.name);
        }
    }

    void properties() {
        take("properties");
        if (rest_.empty()) {
            path_.field = Field::properties;
        } else if (is_name(rest_[0], "desired")) {
            take("desired");
            section(Field::desired, Field::desired_version, Field::desired_metadata);
        } else if (is_name(rest_[0], "reported")) {
            take("reported");
            section(Field::reported, Field::reported_version, Field::reported_metadata);
        }
    }

    /// `configurations.[[id]].status`. Source: IoT Hub docs, "Automatic device management", metrics.
    void configurations() {
        if (!rest_.empty()) {
            if (rest_[0].index) return;
            path_.label = rest_[0].name;
            path_.names.push_back(std::move(rest_[0].name));
            rest_ = rest_.subspan(1);
        }
        if (rest_.empty()) {
            path_.field = Field::configurations;
        } else if (is_name(rest_[0], "status")) {
            scalar(Field::configuration_status, "status");
        }
    }

    void section(Field whole, Field version, Field metadata) {
        if (!rest_.empty() && is_name(rest_[0], "$version")) return scalar(version, "$version");
        if (!rest_.empty() && is_name(rest_[0], "$metadata")) {
            take("$metadata");
            return metadata_node(metadata);
        }
        user_keys(whole);
    }

    void metadata_node(Field metadata) {
        if (!rest_.empty() && is_name(rest_.back(), "$lastUpdated")) {
            path_.metadata_part = MetadataPart::last_updated;
            path_.label = "$lastUpdated";
        } else if (!rest_.empty() && is_name(rest_.back(), "$lastUpdatedVersion")) {
            path_.metadata_part = MetadataPart::last_updated_version;
            path_.label = "$lastUpdatedVersion";
        }
        const bool is_part = path_.metadata_part != MetadataPart::node;
        if (is_part) rest_ = rest_.first(rest_.size() - 1);
        for (const Segment& segment : rest_) {
            if (segment.index) return;  // arrays are leaves of the metadata
            path_.names.push_back(segment.name);
            if (!is_part) path_.label = segment.name;
        }
        path_.field = metadata;
    }

    /// Keys of objects up to the first array index, then steps into that array.
    void user_keys(Field field) {
        path_.field = field;
        while (!rest_.empty() && !rest_[0].index) {
            path_.label = rest_[0].name;
            path_.names.push_back(std::move(rest_[0].name));
            rest_ = rest_.subspan(1);
        }
        tail();
    }

    void tail() {
        for (Segment& segment : rest_) {
            if (!segment.index) path_.label = segment.name;
            path_.tail.push_back(std::move(segment));
        }
    }

    Path& path_;
    Rest rest_;
};

}  // namespace

bool Path::same_as(const Path& other) const {
    auto same_step = [](const Segment& a, const Segment& b) {
        return a.name == b.name && a.index == b.index;
    };
    return field != Field::unknown && field == other.field && metadata_part == other.metadata_part &&
           names == other.names &&
           std::equal(tail.begin(), tail.end(), other.tail.begin(), other.tail.end(), same_step);
}

std::shared_ptr<const Path> resolve_path(std::vector<Segment> segments, const FromClause& from) {
    if (from.is_message) return resolve_message_path(std::move(segments));
    auto path = std::make_shared<Path>();
    std::string written;
    for (const Segment& segment : segments) {
        if (!segment.index) written = segment.name;
    }
    const Rest rest = without_prefix(segments, from);
    Resolver resolver(*path, rest);
    if (from.collection == Collection::jobs) {
        resolver.resolve_job();
    } else {
        resolver.resolve_twin();
    }
    if (path->field == Field::unknown) {
        path->names.clear();
        path->metadata_part = MetadataPart::node;
        path->label = std::move(written);
    }
    path->keys.assign(path->names.begin(), path->names.end());
    return path;
}

}  // namespace carillon::query
