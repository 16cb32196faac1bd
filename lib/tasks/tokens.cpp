// Next-token prediction on token ids of the user's, as a tokenizer wrote them. Every length is
// scored on the same targets.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "tasks/next_token.h"
#include "tasks/user_file.h"

namespace lengthwise {
namespace {

constexpr const char* kKey = "task.tokens.file";
constexpr int64_t kBlockTokens = 4096;

class TokenIds final : public NextToken {
 public:
  struct Options {
    std::string file = "data/tokens.txt";
    int64_t vocabulary = 50257;
    int64_t validation_tokens = 0;
    void visit(OptionVisitor& visitor) {
      visitor.text("file", file,
                   "token ids between blanks or line ends, to train on and, every tenth 4096 of "
                   "them, to score");
      visitor.integer("vocabulary", vocabulary, {2, std::numeric_limits<int32_t>::max()},
                      "number of different tokens; ids are below it");
      visitor.integer("validation_tokens", validation_tokens, {0, kLargestSize},
                      "tokens to score, rounded up to blocks of 4096; 0 for all");
    }
  };

  static TaskInfo info() {
    return {.name = "tokens",
            .summary = "next of the token ids in a file of yours",
            .source = "",
            .chance = "1 in the vocabulary",
            .score = TaskScore::loss,
            .labels_next = true};
  }

  explicit TokenIds(const Options& options)
      : TokenIds(options, read_user_file(kKey, options.file, 1, "a readable file of token ids")) {}

  int64_t vocabulary() const override { return vocabulary_; }
  double chance(int64_t /*length*/) const override {
    return 1.0 / static_cast<double>(vocabulary_);
  }
  uint64_t data_hash() const override { return hash_; }

 private:
  TokenIds(const Options& options, const DataVector<uint8_t>& bytes)
      : TokenIds(options, parse(options, bytes), hash_bytes(bytes)) {}
  TokenIds(const Options& options, DataVector<int32_t>&& ids, uint64_t hash)
      : TokenIds(options, std::move(ids), hash, split_blocks(std::ssize(ids), kBlockTokens)) {}
  TokenIds(const Options& options, DataVector<int32_t>&& ids, uint64_t hash,
           const BlockSplit& split)
      : NextToken({kKey, options.file, "tokens"}, kBlockTokens, split,
                  spread_blocks("task.tokens.validation_tokens", split.validation_blocks,
                                options.validation_tokens)),
        vocabulary_(options.vocabulary),
        ids_(std::move(ids)),
        hash_(hash) {}

  static DataVector<int32_t> parse(const Options& options, const DataVector<uint8_t>& bytes) {
    constexpr int64_t kLeastTokens = kSplitBlocks * kBlockTokens;
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    DataVector<int32_t> ids;
    for (size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;) {
      const size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
      const std::string_view word = text.substr(at, end - at);
      int32_t id = -1;
      const auto [last, error] = std::from_chars(word.data(), word.data() + word.size(), id);
      if (error != std::errc() || last != word.data() + word.size() || id < 0 ||
          id >= options.vocabulary) {
        constexpr size_t kShown = 20;
        user_error(
            "{}: found {:?} as token {} of '{}', expected ids from 0 to {} "
            "(task.tokens.vocabulary)",
            kKey, std::string(word.substr(0, kShown)), ids.size() + 1, options.file,
            options.vocabulary - 1);
      }
      ids.push_back(id);
      at = text.find_first_not_of(kBlanks, end);
    }
    if (std::ssize(ids) < kLeastTokens) {
      user_error("{}: found only {} tokens at '{}', expected at least {}", kKey, ids.size(),
                 options.file, kLeastTokens);
    }
    return ids;
  }

  int32_t token_at(int64_t place) const override { return ids_[static_cast<size_t>(place)]; }

  int64_t vocabulary_;
  DataVector<int32_t> ids_;
  uint64_t hash_;
};

const bool registered = register_task<TokenIds>();

}  // namespace
}  // namespace lengthwise
