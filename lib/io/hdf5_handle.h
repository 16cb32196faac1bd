// HDF5's identifiers as objects that close themselves, and its failures as exceptions.
#pragma once
#include <hdf5.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lengthwise {

/// What failed, with HDF5's own innermost reason; whoever knows the path makes a UserError of it.
class Hdf5Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Hdf5Error where status, any of HDF5's return values, is negative.
void hdf5_check(int64_t status, std::string_view what);

/// HDF5 prints no errors of its own in this thread from now on.
void silence_hdf5();

class Hdf5Handle {
 public:
  using Closer = herr_t (*)(hid_t);

  /// Throws Hdf5Error where the call that made `id` failed.
  Hdf5Handle(hid_t id, Closer closer, std::string_view what) : id_(id), closer_(closer) {
    hdf5_check(id, what);
  }
  ~Hdf5Handle() {
    if (id_ >= 0) closer_(id_);
  }
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), closer_(other.closer_) {}
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;

  /// For what must not fail unseen, such as the last writes to a file.
  void close(std::string_view what) {
    hdf5_check(closer_(std::exchange(id_, H5I_INVALID_HID)), what);
  }

  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor)

 private:
  hid_t id_;
  Closer closer_;
};

/// How many values of a dataset, and where they lie in memory and in the file.
struct Hdf5Selection {
  size_t count = 0;
  hid_t memory = H5S_ALL, file = H5S_ALL;
};

/// The selected values of a dataset.
template <class T>
std::vector<T> read_values(hid_t dataset, const Hdf5Selection& selection, hid_t memory_type,
                           std::string_view name, hid_t transfer = H5P_DEFAULT) {
  std::vector<T> values(selection.count);
  if (!values.empty()) {
    hdf5_check(
        H5Dread(dataset, memory_type, selection.memory, selection.file, transfer, values.data()),
        name);
  }
  return values;
}

/// The same of variable-length text.
std::vector<std::string> read_texts(hid_t dataset, const Hdf5Selection& selection,
                                    std::string_view name);

/// Where `object` lies in its file: equal for equal objects of one file.
hobj_ref_t reference_to(hid_t object);

/// Variable-length UTF-8, for datasets: strings of fixed length there crash netCDF4-python.
Hdf5Handle hdf5_text_type();

/// How to read and write them: HDF5 fills two buffers with zeros for every column, of 1 MiB unless
/// told.
Hdf5Handle hdf5_text_transfer();

}  // namespace lengthwise
