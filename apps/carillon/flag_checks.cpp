#include "flag_checks.hpp"

#include "base/text.hpp"
#include "model/jobs/job.hpp"
#include "terminal_text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

namespace carillon {

namespace {

/// To these an empty value says something: no device, no reason, no prefix.
constexpr std::array<std::string_view, 3> may_be_empty{"target-condition", "status-reason", "prefix"};

std::string in_ticks(const std::string& text) {
    return '`' + on_one_line(text) + '`';
}

std::string range_text(const std::string& least, const std::string& most, const std::string& unit) {
    return "it takes " + least + " to " + most + (unit.empty() ? "" : ' ' + unit);
}

/// A check that leaves nothing of itself in the help, where the descriptions say what is taken.
CLI::Validator check_of(std::function<std::string(std::string&)> check) {
    return CLI::Validator(std::move(check), std::string());
}

}  // namespace

CLI::Validator whole_number(std::int64_t least, std::int64_t most, const std::string& unit) {
    return check_of([=](std::string& text) {
        const auto number = parse_i64(text);
        if (number && *number >= least && *number <= most) return std::string();
        const std::string found = number ? text : in_ticks(text) + " is not a whole number";
        const bool has_limit = most != std::numeric_limits<std::int64_t>::max();
        const std::string allowed =
            has_limit ? range_text(with_thousands(least), with_thousands(most), unit)
                      : "it takes " + with_thousands(least) + " or more" + (unit.empty() ? "" : ' ' + unit);
        return (number ? found + " is out of range" : found) + "; " + allowed;
    });
}

CLI::Validator at_least_one() {
    return whole_number(1, std::numeric_limits<std::int64_t>::max());
}

CLI::Validator number_between(double least, double most, const std::string& unit) {
    return check_of([=](std::string& text) {
        char* end = nullptr;
        const double number = std::strtod(text.c_str(), &end);
        const bool is_number = !text.empty() && *end == '\0';
        if (is_number && number >= least && number <= most) return std::string();
        const auto plain = [](double value) {
            std::string digits = std::to_string(value);
            digits.erase(digits.find_last_not_of('0') + 1);
            if (digits.back() == '.') digits.pop_back();
            return digits;
        };
        return (is_number ? text + " is out of range" : in_ticks(text) + " is not a number") + "; " +
               range_text(plain(least), plain(most), unit);
    });
}

CLI::Validator one_of(const std::vector<std::string>& words) {
    return check_of([words](std::string& text) {
        std::string all;
        for (const std::string& word : words) {
            if (equals_ignoring_case(word, text)) {
                text = word;
                return std::string();
            }
            all += (all.empty() ? "" : &word == &words.back() ? " or " : ", ") + word;
        }
        return in_ticks(text) + " is not " + all;
    });
}

CLI::Validator job_id() {
    return check_of([](std::string& text) {
        if (is_valid_job_id(text)) return std::string();
        return in_ticks(text) + " cannot be the id of a job: 1 to 64 letters, digits and dashes";
    });
}

void refuse_empty_values(CLI::App& app) {
    const auto check = check_of([](std::string& text) {
        return text.empty() ? std::string("the value is empty; give one, or leave the option out")
                            : std::string();
    });
    for (CLI::Option* const option : app.get_options()) {
        const auto& names = option->get_lnames();
        const bool may_be = std::any_of(names.begin(), names.end(), [](const std::string& name) {
            return std::find(may_be_empty.begin(), may_be_empty.end(), name) != may_be_empty.end();
        });
        if (option->get_items_expected_max() > 0 && !may_be) option->check(check);
    }
    for (CLI::App* const command : app.get_subcommands([](const CLI::App*) { return true; })) {
        refuse_empty_values(*command);
    }
}

}  // namespace carillon
