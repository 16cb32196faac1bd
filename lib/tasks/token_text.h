// How a task's tokens are written and read, without the data that it trains on.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lengthwise {

/// One sequence of tokens, or source and target.
enum class TaskForm : uint8_t { sequence, source_target };

struct TokenText {
  /// The tokens of a text. UserError names the key, what was found and what was expected.
  std::function<std::vector<int32_t>(std::string_view key, std::string_view text)> read;
  std::function<std::string(int32_t token)> write;
  std::string between{};                   // what is written between two tokens
  std::vector<int32_t> before{}, after{};  // what the model reads around the tokens of a prompt
  int32_t begin = -1;                      // the token that begins a target; -1: no targets
  int32_t end = -1;                        // after which an answer is over; -1: none

  /// What the model reads for this prompt: a sequence, or a source. UserError as read, and where
  /// there is no token.
  std::vector<int32_t> prompt(std::string_view key, std::string_view text) const;
  std::string text(std::span<const int32_t> tokens) const;
};

inline constexpr int64_t kLetters = 26;  // that can be written

/// The ids of tokens 0 .. count - 1, separated by blanks.
TokenText token_ids_text(int64_t count);
/// Tokens 0 .. 255 are bytes.
TokenText byte_text();
std::vector<int32_t> byte_tokens(std::string_view text);
/// Tokens from 0 on are letters from a on; where there are more than kLetters, their ids.
TokenText letter_text(int64_t alphabet);

/// As a source and its target have them: `begin` and `end` are the tokens after the symbols, and an
/// end stands behind every source.
TokenText with_begin_and_end(TokenText text, int64_t symbols);

/// UserError: the character at this place of the text, and what was expected.
[[noreturn]] void refuse_character(std::string_view key, std::string_view text, size_t place,
                                   std::string_view expected);
/// "<7>": a token that has no text.
std::string token_without_text(int32_t token);

}  // namespace lengthwise
