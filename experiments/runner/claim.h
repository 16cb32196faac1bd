// Who works on what, among any number of runners that share a results folder. A claim is a lock on
// one byte of one file, chosen by the run's id: it dies with whoever holds it, and leaves nothing
// behind that would have to be cleaned up.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace lengthwise {

class Claim {
 public:
  Claim(Claim&& other) noexcept;
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  /// A child that inherits it holds the claim too, until both are gone.
  int descriptor() const { return descriptor_; }

 private:
  friend std::optional<Claim> try_claim(const std::filesystem::path&, uint64_t);
  friend Claim claim_merging(const std::filesystem::path&);
  explicit Claim(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// The claim on a run, or nothing where another process has it. UserError where the folder's file
/// system cannot lock.
std::optional<Claim> try_claim(const std::filesystem::path& folder, uint64_t run);

/// The claim on the folder's merged files; waits for it.
Claim claim_merging(const std::filesystem::path& folder);

}  // namespace lengthwise
