#include "io/hdf5_handle.h"

#include <fmt/format.h>

namespace lengthwise {
namespace {

herr_t keep_innermost(unsigned depth, const H5E_error2_t* error, void* reason) {
  if (depth == 0 && error->desc != nullptr) *static_cast<std::string*>(reason) = error->desc;
  return 0;
}

}  // namespace

void hdf5_check(int64_t status, std::string_view what) {
  if (status >= 0) return;
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &reason);
  throw Hdf5Error(reason.empty() ? std::string(what) : fmt::format("{}: {}", what, reason));
}

// For good: after a damaged root group HDF5 cannot let go of the file, and would say so at exit.
void silence_hdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

hobj_ref_t reference_to(hid_t object) {
  hobj_ref_t reference = HADDR_UNDEF;
  hdf5_check(H5Rcreate(&reference, object, ".", H5R_OBJECT, -1), "reference");
  return reference;
}

Hdf5Handle hdf5_text_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "text type");
  hdf5_check(H5Tset_size(type, H5T_VARIABLE), "text type");
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8), "text type");
  return type;
}

Hdf5Handle hdf5_text_transfer() {
  constexpr size_t kConversionBytes = size_t{1} << 14;
  Hdf5Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, "transfer");
  hdf5_check(H5Pset_buffer(transfer, kConversionBytes, nullptr, nullptr), "transfer");
  return transfer;
}

std::vector<std::string> read_texts(hid_t dataset, const Hdf5Selection& selection,
                                    std::string_view name) {
  const Hdf5Handle type = hdf5_text_type();
  std::vector<std::string> texts;
  for (char* text : read_values<char*>(dataset, selection, type, name, hdf5_text_transfer())) {
    texts.emplace_back(text == nullptr ? "" : text);
    H5free_memory(text);
  }
  return texts;
}

}  // namespace lengthwise
