#include "tasks/token_text.h"

#include <cctype>
#include <charconv>

#include "base/check.h"

namespace lengthwise {
namespace {

std::vector<int32_t> read_ids(std::string_view key, std::string_view text, int64_t count) {
  std::vector<int32_t> ids;
  for (size_t at = text.find_first_not_of(' '); at < text.size();
       at = text.find_first_not_of(' ', at)) {
    const std::string_view word = text.substr(at, text.find(' ', at) - at);
    int32_t id = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size() || id < 0 || id >= count) {
      user_error("{}: found '{}', expected token ids from 0 to {} separated by blanks", key, word,
                 count - 1);
    }
    ids.push_back(id);
    at += word.size();
  }
  return ids;
}

std::vector<int32_t> read_letters(std::string_view key, std::string_view text, int64_t alphabet) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < text.size(); ++i) {
    const int32_t token = text[i] - 'a';
    if (token < 0 || token >= alphabet) {
      const auto last = static_cast<char>('a' + alphabet - 1);
      refuse_character(key, text, i, fmt::format("letters from a to {}", last));
    }
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace

std::vector<int32_t> TokenText::prompt(std::string_view key, std::string_view text) const {
  const std::vector<int32_t> read_tokens = read(key, text);
  if (read_tokens.empty()) user_error("{}: found no token, expected at least one", key);
  std::vector<int32_t> all = before;
  all.insert(all.end(), read_tokens.begin(), read_tokens.end());
  all.insert(all.end(), after.begin(), after.end());
  return all;
}

std::string TokenText::text(std::span<const int32_t> tokens) const {
  std::string all;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) all += between;
    all += write(tokens[i]);
  }
  return all;
}

TokenText token_ids_text(int64_t count) {
  return {.read = [count](std::string_view key,
                          std::string_view text) { return read_ids(key, text, count); },
          .write = [](int32_t token) { return std::to_string(token); },
          .between = " "};
}

std::vector<int32_t> byte_tokens(std::string_view text) {
  std::vector<int32_t> tokens;
  for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

TokenText byte_text() {
  return {.read = [](std::string_view /*key*/, std::string_view text) { return byte_tokens(text); },
          .write =
              [](int32_t token) {
                return token < 256 ? std::string(1, static_cast<char>(token))
                                   : token_without_text(token);
              }};
}

TokenText letter_text(int64_t alphabet) {
  if (alphabet > kLetters) return token_ids_text(alphabet);
  return {.read = [alphabet](std::string_view key,
                             std::string_view text) { return read_letters(key, text, alphabet); },
          .write =
              [alphabet](int32_t token) {
                return token < alphabet ? std::string(1, static_cast<char>('a' + token))
                                        : token_without_text(token);
              }};
}

TokenText with_begin_and_end(TokenText text, int64_t symbols) {
  text.begin = static_cast<int32_t>(symbols);
  text.end = text.begin + 1;
  text.after = {text.end};
  return text;
}

void refuse_character(std::string_view key, std::string_view text, size_t place,
                      std::string_view expected) {
  if (place >= text.size()) {
    user_error("{}: found '{}' ending there, expected {}", key, text, expected);
  }
  const auto byte = static_cast<unsigned char>(text[place]);
  const std::string found = std::isprint(byte) != 0 ? fmt::format("'{}'", text[place])
                                                    : fmt::format("byte 0x{:02x}", byte);
  user_error("{}: found {} at place {}, expected {}", key, found, place + 1, expected);
}

std::string token_without_text(int32_t token) { return fmt::format("<{}>", token); }

}  // namespace lengthwise
