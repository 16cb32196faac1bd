// Options are listed once, in a struct's `visit`; the same visit gives defaults, help, range
// checks, keys of the command line and of the INI file, and what the results file says was used.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lengthwise {

/// Key -> value as text. Keys stand without the prefix of the struct that they belong to.
using OptionValues = std::map<std::string, std::string, std::less<>>;

struct IntegerRange {
  int64_t least, most;
};
struct NumberRange {
  double least, most;
};

/// The longest sequence and the largest size that an option accepts.
inline constexpr int64_t kLargestSize = int64_t{1} << 40;

class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  virtual void integer(std::string_view name, int64_t& value, IntegerRange range,
                       std::string_view help) = 0;
  virtual void number(std::string_view name, double& value, NumberRange range,
                      std::string_view help) = 0;
  virtual void choice(std::string_view name, std::string& value,
                      std::initializer_list<std::string_view> allowed, std::string_view help) = 0;
  virtual void flag(std::string_view name, bool& value, std::string_view help) = 0;
  /// Free text, such as a path or a name that is looked up elsewhere; never split.
  virtual void text(std::string_view name, std::string& value, std::string_view help) = 0;
  /// Whole numbers joined by '+', as in eval.lengths = 256+512; ranges as in 128:1024:x2 join too.
  virtual void integers(std::string_view name, std::vector<int64_t>& value, IntegerRange range,
                        std::string_view help) = 0;
};

/// What help, `list` and the config grammar need to know of one option.
struct OptionDescription {
  enum class Kind { integer, number, choice, flag, text, integers };
  std::string name;
  Kind kind;
  std::string default_value;
  std::string expected;  // "a whole number from 1 to 64", "softmax or sum"
  std::string help;
};

/// Visits with the defaults and writes down what there is.
class OptionDescriber final : public OptionVisitor {
 public:
  void integer(std::string_view, int64_t&, IntegerRange, std::string_view) override;
  void number(std::string_view, double&, NumberRange, std::string_view) override;
  void choice(std::string_view, std::string&, std::initializer_list<std::string_view>,
              std::string_view) override;
  void flag(std::string_view, bool&, std::string_view) override;
  void text(std::string_view, std::string&, std::string_view) override;
  void integers(std::string_view, std::vector<int64_t>&, IntegerRange, std::string_view) override;

  std::vector<OptionDescription> descriptions;
};

/// Sets the options that `values` names; the others keep their defaults. UserError names
/// prefix + key, what was found and what was expected.
class OptionReader final : public OptionVisitor {
 public:
  OptionReader(const OptionValues& values, std::string_view prefix)
      : values_(values), prefix_(prefix) {}
  void integer(std::string_view, int64_t&, IntegerRange, std::string_view) override;
  void number(std::string_view, double&, NumberRange, std::string_view) override;
  void choice(std::string_view, std::string&, std::initializer_list<std::string_view>,
              std::string_view) override;
  void flag(std::string_view, bool&, std::string_view) override;
  void text(std::string_view, std::string&, std::string_view) override;
  void integers(std::string_view, std::vector<int64_t>&, IntegerRange, std::string_view) override;

  /// UserError with the nearest known key where `values` holds one that nobody asked for.
  void refuse_unknown() const;

 private:
  const std::string* find(std::string_view name);

  const OptionValues& values_;
  std::string prefix_;
  std::vector<std::string> known_;
};

template <class Options>
std::vector<OptionDescription> describe_options() {
  OptionDescriber describer;
  Options options;
  options.visit(describer);
  return describer.descriptions;
}

template <class Options>
Options read_options(const OptionValues& values, std::string_view prefix = "") {
  OptionReader reader(values, prefix);
  Options options;
  options.visit(reader);
  reader.refuse_unknown();
  return options;
}

/// UserError names `key` unless text is one whole number in range (no sign of plus, no blanks).
int64_t parse_integer(std::string_view key, std::string_view text, IntegerRange range);
/// UserError names `key` unless text is one finite number in range.
double parse_number(std::string_view key, std::string_view text, NumberRange range);
/// The parts between separators; one empty part for an empty text.
std::vector<std::string_view> split_text(std::string_view text, char separator);
/// Shortest text that reads back as the same double.
std::string format_number(double value);

}  // namespace lengthwise
