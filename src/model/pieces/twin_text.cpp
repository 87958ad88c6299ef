#include "model/pieces/twin_text.hpp"

#include "model/twin_json.hpp"

namespace carillon {

bool TwinText::may_be_long(const Document& document) {
    const Twin& twin = document.twin;
    return twin.tags.encoded().size() + twin.desired.encoded().size() + twin.reported.encoded().size() >
           short_bytes_max;
}

bool TwinText::append(std::string& out, std::size_t bytes_max) {
    const Twin& twin = document_.twin;
    while (part_ != Part::end) {
        if (section_) {
            if (section_->append(out, bytes_max)) return true;
            section_.reset();
        }
        switch (part_) {
            case Part::head:
                append_twin_head(out, document_, live_);
                part_ = Part::tags;
                if (twin.tags.is_empty()) break;
                out += ",\"tags\":";
                section_.emplace(twin.tags, SectionForm::plain);
                break;
            case Part::tags:
                out += ",\"properties\":{\"desired\":";
                part_ = Part::desired;
                section_.emplace(twin.desired, SectionForm::full);
                break;
            case Part::desired:
                out += ",\"reported\":";
                part_ = Part::reported;
                section_.emplace(twin.reported, SectionForm::full);
                break;
            case Part::reported:
                out += '}';
                append_twin_tail(out, document_, live_);
                part_ = Part::end;
                break;
            case Part::end:
                break;
        }
    }
    return false;
}

}  // namespace carillon
