// Pairs of a user's file, a source and its target to a line, byte by byte.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "tasks/source_target.h"
#include "tasks/user_file.h"

namespace lengthwise {
namespace {

constexpr std::string_view kKey = "task.pairs.file";
constexpr int64_t kBytes = 256;  // that a token may be
constexpr size_t kSplit = 10;    // of so many different sources one validates

struct Line {
  std::string_view source, target;
  int64_t number;  // in the file, from 1
};

class Pairs final : public SourceTargetTask {
 public:
  struct Options {
    std::string file = "data/pairs.tsv";
    void visit(OptionVisitor& visitor) {
      visitor.text("file", file,
                   "lines of source<TAB>target to train on and, of every tenth different source, "
                   "to score");
    }
  };

  static TaskInfo info() {
    return {.name = "pairs",
            .summary = "sources and targets of a file of yours, byte by byte",
            .source = "",
            .chance = "1 in 256 bytes and the end",
            .score = TaskScore::exact_match};
  }

  static TokenText token_text(const Options&, TaskForm) {
    return with_begin_and_end(byte_text(), kBytes);
  }

  explicit Pairs(const Options& options)
      : file_(options.file),
        bytes_(read_user_file(kKey, file_, 1, "a readable file of source<TAB>target lines")) {
    split(read_lines());
  }

  void check_length(int64_t length) const override {
    const auto bytes =
        static_cast<int64_t>(std::max(longest_line_.source.size(), longest_line_.target.size()));
    if (length <= bytes) {
      user_error("length: found {}, expected at least {} for the {} bytes in line {} of {} '{}'",
                 length, bytes + 1, bytes, longest_line_.number, kKey, file_);
    }
  }
  int64_t evaluation_examples(int64_t /*length*/, int64_t wanted) const override {
    return std::min(wanted, std::ssize(validation_));
  }
  double chance(int64_t /*length*/) const override { return 1.0 / 257; }
  uint64_t data_hash() const override { return hash_bytes(bytes_); }

 private:
  int64_t symbols() const override { return kBytes; }

  SourceTarget example(RandomStream& random, Split split, int64_t index,
                       int64_t /*length*/) const override {
    const bool validates = split == Split::validation;
    const std::vector<Line>& lines = validates ? validation_ : training_;
    // Measured batches may be larger than the validation split.
    const int64_t which = validates ? index % std::ssize(lines) : random.below(std::ssize(lines));
    const Line& line = lines[static_cast<size_t>(which)];
    return {byte_tokens(line.source), byte_tokens(line.target)};
  }

  // The views are into bytes_.
  std::vector<Line> read_lines() const {
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
    std::vector<Line> lines;
    int64_t number = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      std::string_view line = text.substr(at, end - at);
      at = end + 1;
      ++number;
      if (line.ends_with('\r')) line.remove_suffix(1);
      const auto refuse = [&](const std::string& found) {
        user_error("{}: found {} in line {} of '{}', expected source<TAB>target", kKey, found,
                   number, file_);
      };
      const auto tabs = std::ranges::count(line, '\t');
      if (tabs != 1) refuse(tabs == 0 ? "no tab" : fmt::format("{} tabs", tabs));
      const size_t tab = line.find('\t');
      lines.push_back({line.substr(0, tab), line.substr(tab + 1), number});
      if (lines.back().source.empty()) refuse("no source");
      if (lines.back().target.empty()) refuse("no target");
    }
    return lines;
  }

  // All lines of one source fall on one side: it would be known otherwise.
  void split(const std::vector<Line>& lines) {
    std::unordered_map<std::string_view, size_t> order;
    for (const Line& line : lines) {
      const size_t place = order.try_emplace(line.source, order.size()).first->second;
      (place % kSplit == kSplit - 1 ? validation_ : training_).push_back(line);
      const auto longest = [](const Line& of) {
        return std::max(of.source.size(), of.target.size());
      };
      if (longest(line) > longest(longest_line_)) longest_line_ = line;
    }
    if (order.size() < kSplit) {
      user_error(
          "{}: found {} different sources in '{}', expected at least {}: every tenth is for "
          "validation",
          kKey, order.size(), file_, kSplit);
    }
  }

  std::string file_;
  DataVector<uint8_t> bytes_;
  std::vector<Line> training_, validation_;
  Line longest_line_{};
};

const bool registered = register_source_task<Pairs>();

}  // namespace
}  // namespace lengthwise
