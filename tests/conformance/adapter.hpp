// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How to write an adapter.
///
/// An adapter connects a kernel's row in the conformance tables with its C++ function. `tests/conformance/<module>.cpp` holds those of a module; it is
/// compiled once for each
/// backend. An adapter is a function template, and an entry in the module's registration:
///
///     template <class Real, class Exec>
///     void layer_norm(Call<Real, Exec>& call) {
///       auto const input  = call.rows("input");                                              // (..., D) seen as (R, D)
///       auto const output = call.template output<2>("output", input, call.extents("input"));  // NaN, extents of input; reported with the shape (..., D)
///       nn::layer_norm(call.exec(), input, call.template view<1>("weight"), call.template view<1>("bias"), output, {.epsilon = call.number("epsilon")});
///     }
///
///     OCELLUS_CONFORMANCE_REGISTER(registry) {
///       registry.add({"nn.layer_norm",
///                     {.inputs  = {real("input", "(..., D)"), real("weight", "(D)").optional(), real("bias", "(D)").optional()},
///                      .options = {number("epsilon", 1e-6)},
///                      .outputs = {output("output", "(..., D)")}},
///                     OCELLUS_CONFORMANCE_RUN(layer_norm)});
///     }
///
/// The table does the rest: an unknown option, input or output fails the case, a missing required one too, defaults are filled in, numbers are converted to the
/// precision of the run. Rules:
///
/// * Options are copied by name into the C++ options struct. `call.template choice<Enum>("method")` gives the enumerator whose place is that of the string
/// among the `choices`.
/// * An optional input that is not there is a null View. `call.has("weight")` asks.
/// * A mask whose file may be boolean or real: `call.is_boolean("mask")`, then `call.template booleans<4>(...)` or `call.template view<4>(...)`.
/// * `call.wants("log_sum_exp")`: compute an optional output only then; `call.template output_if_wanted<3>(...)` is a null View otherwise.
/// * What the adapter forms itself, in double: `call.derive("reconstruction", {n, n}, values)`; `call.values(view)` reads a View back.
/// * Fields of a result struct: `call.status("converged", result.converged)`.
/// * An option that the kernel does not have yet: `throw NotImplemented{"p_value other than none"}`.
/// * Kernels may run after the adapter has returned: Views that `call` gave live until then, a fit does by `auto const& fit = call.keep(fit_x(...))`.
/// * Wrong shapes must reach the kernel, which has to refuse them: size outputs from one input and let the function find that another does not fit.
/// * OCELLUS_CONFORMANCE_RUN_16 in place of OCELLUS_CONFORMANCE_RUN where the kernel takes float16 and bfloat16 storage too. To save compile time these are
/// not instantiated on
///   Serial when there is another backend.

#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <ocellus/core.hpp>

#include "kernel.hpp"

namespace ocellus::conformance {

template <class T>
[[nodiscard]] constexpr char const* precision_name() {
  if constexpr (std::is_same_v<T, double>)
    return "float64";
  else if constexpr (std::is_same_v<T, float>)
    return "float32";
  else if constexpr (std::is_same_v<T, float16>)
    return "float16";
  else
    return "bfloat16";
}

/// A mistake in a case (or an adapter): the case fails with this reason.
struct BadCase : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What an adapter sees: inputs as Views of `Real` on `Exec`, options with their defaults, places for outputs.
template <class RealType, class ExecType>
class Call {
 public:
  using Real  = RealType;
  using Exec  = ExecType;
  using Space = typename Exec::memory_space;
  template <class T, int Rank>
  using View    = Tensor<data_type_of_rank_t<T, Rank>, Space>;
  using Extents = std::vector<std::int64_t>;

  explicit Call(CallData& data) : data_(data) {}
  ~Call() { exec_.fence("ocellus::conformance::Call"); }
  Call(Call const&)            = delete;
  Call& operator=(Call const&) = delete;

  [[nodiscard]] Exec const& exec() const { return exec_; }

  // Options
  [[nodiscard]] double number(std::string const& name) const { return option(name).template get<double>(); }
  [[nodiscard]] std::int64_t integer(std::string const& name) const { return option(name).template get<std::int64_t>(); }
  [[nodiscard]] bool flag(std::string const& name) const { return option(name).template get<bool>(); }
  [[nodiscard]] std::vector<double> numbers(std::string const& name) const { return option(name).template get<std::vector<double>>(); }
  [[nodiscard]] std::vector<std::int64_t> integers(std::string const& name) const { return option(name).template get<std::vector<std::int64_t>>(); }
  [[nodiscard]] std::string text(std::string const& name) const { return option(name).template get<std::string>(); }
  template <class Enum>
  [[nodiscard]] Enum choice(std::string const& name) const {
    auto const value = text(name);
    auto const* spec = kernel_->find_option(name);
    for (std::size_t i = 0; i < spec->choices.size(); ++i) {
      if (spec->choices[i] == value) return static_cast<Enum>(i);
    }
    throw BadCase("option " + name + " has no choice \"" + value + "\"");
  }

  // Inputs
  [[nodiscard]] bool has(std::string const& name) const { return data_.inputs.count(name) > 0; }
  [[nodiscard]] Array const& array(std::string const& name) const {
    auto const at = data_.inputs.find(name);
    if (at == data_.inputs.end()) throw BadCase("the adapter asks for the input \"" + name + "\", which the case does not have");
    return at->second.array;
  }
  [[nodiscard]] ArraySet const& set(std::string const& name) const {
    auto const at = data_.inputs.find(name);
    if (at == data_.inputs.end() || !at->second.is_set) throw BadCase("input " + name + " must be a .safetensors set");
    return at->second.set;
  }
  [[nodiscard]] Extents const& extents(std::string const& name) const { return array(name).extents; }
  [[nodiscard]] std::int64_t extent(std::string const& name, std::size_t axis) const {
    auto const& all = extents(name);
    if (axis >= all.size()) throw BadCase("input " + name + " has " + std::to_string(all.size()) + " axes, too few");
    return all[axis];
  }
  [[nodiscard]] bool is_boolean(std::string const& name) const { return array(name).type == ElementType::boolean; }

  /// A real input of the rank; null when it is optional and absent. A scalar counts as (1).
  template <int Rank>
  [[nodiscard]] View<Real, Rank> view(std::string const& name) const {
    return typed<Real, Rank>(name);
  }
  template <int Rank>
  [[nodiscard]] View<std::int64_t, Rank> indices(std::string const& name) const {
    return typed<std::int64_t, Rank>(name);
  }
  template <int Rank>
  [[nodiscard]] View<bool, Rank> booleans(std::string const& name) const {
    return typed<bool, Rank>(name);
  }
  /// Elements of another type: pixels as they were stored.
  template <class T, int Rank>
  [[nodiscard]] View<T, Rank> typed(std::string const& name) const {
    if (!has(name)) return {};
    auto extents = array(name).extents;
    if (extents.empty()) extents = {1};
    return upload<T, Rank>(name, array(name), extents);
  }
  /// (..., D) as (R, D).
  [[nodiscard]] View<Real, 2> rows(std::string const& name) const {
    auto const& from = array(name);
    if (from.extents.empty()) throw BadCase("input " + name + " has no axis");
    std::int64_t count = 1;
    for (std::size_t axis = 0; axis + 1 < from.extents.size(); ++axis) count *= from.extents[axis];
    return upload<Real, 2>(name, from, {count, from.extents.back()});
  }
  /// Any shape as one line.
  [[nodiscard]] View<Real, 1> line(std::string const& name) const {
    return upload<Real, 1>(name, array(name), {static_cast<std::int64_t>(array(name).size())});
  }
  /// With axes of extent 1 put in front until the rank is reached, as NumPy broadcasts.
  template <class T, int Rank>
  [[nodiscard]] View<T, Rank> padded(std::string const& name) const {
    if (!has(name)) return {};
    auto extents = array(name).extents;
    while (extents.size() < Rank) extents.insert(extents.begin(), 1);
    return upload<T, Rank>(name, array(name), extents);
  }
  /// Any array on the device, of these extents.
  template <class T, int Rank>
  [[nodiscard]] View<T, Rank> upload(std::string const& name, Array const& from, Extents const& extents) const {
    if (static_cast<int>(extents.size()) != Rank)
      throw BadCase("input " + name + " has the shape " + to_string(extents) + ", but an array of " + std::to_string(Rank) + " axes is wanted");
    auto const view = make<T, Rank>(name, extents);
    auto const line = elements(view);
    auto const host = Kokkos::create_mirror_view(line);
    for (std::size_t i = 0; i < from.size(); ++i) {
      if constexpr (std::is_same_v<T, bool>)
        host.data()[i] = from.real(i) != 0.0;
      else if constexpr (std::is_integral_v<T>)
        host.data()[i] = static_cast<T>(from.integer(i));
      else
        host.data()[i] = static_cast<T>(from.real(i));
    }
    Kokkos::deep_copy(line, host);
    return view;
  }

  // Outputs
  [[nodiscard]] bool wants(std::string const& name) const { return data_.wanted.count(name) > 0; }
  /// A real output, every element NaN. `shape`: what is reported, where the kernel sees other axes.
  template <int Rank>
  [[nodiscard]] View<Real, Rank> output(std::string const& name, Extents const& extents, Extents shape) {
    return typed_output<Real, Rank>(name, extents, std::move(shape));
  }
  template <int Rank>
  [[nodiscard]] View<Real, Rank> output(std::string const& name, Extents const& extents) {
    return typed_output<Real, Rank>(name, extents, extents);
  }
  /// As large as an input's View.
  template <int Rank>
  [[nodiscard]] View<Real, Rank> output(std::string const& name, View<Real, Rank> const& like, Extents shape) {
    Extents extents;
    for (int axis = 0; axis < Rank; ++axis) extents.push_back(ocellus::extent(like, axis));
    return typed_output<Real, Rank>(name, extents, std::move(shape));
  }
  template <int Rank>
  [[nodiscard]] View<Real, Rank> output_if_wanted(std::string const& name, Extents const& extents) {
    return wants(name) ? output<Rank>(name, extents) : View<Real, Rank>();
  }
  template <int Rank>
  [[nodiscard]] View<std::int64_t, Rank> output_indices(std::string const& name, Extents const& extents) {
    return typed_output<std::int64_t, Rank>(name, extents, extents);
  }
  template <int Rank>
  [[nodiscard]] View<bool, Rank> output_booleans(std::string const& name, Extents const& extents) {
    return typed_output<bool, Rank>(name, extents, extents);
  }
  /// Scratch of the adapter, every element NaN.
  template <int Rank>
  [[nodiscard]] View<Real, Rank> scratch(std::string const& name, Extents const& extents) const {
    return poisoned<Real, Rank>(name, extents);
  }

  /// What an adapter made and kernels may still read when it returns: a fit.
  template <class T>
  [[nodiscard]] T const& keep(T value) const {
    auto const kept = std::make_shared<T>(std::move(value));
    kept_.push_back(kept);
    return *kept;
  }
  /// An output that the adapter formed itself.
  void derive(std::string const& name, Extents extents, std::vector<double> values) {
    data_.outputs[name].array = make_array(std::move(extents), std::move(values));
  }
  void derive_indices(std::string const& name, Extents extents, std::vector<std::int64_t> values) {
    Array& array   = data_.outputs[name].array;
    array.type     = ElementType::integer;
    array.extents  = std::move(extents);
    array.integers = std::move(values);
  }
  void derive_set(std::string const& name, ArraySet values) {
    data_.outputs[name].is_set = true;
    data_.outputs[name].set    = std::move(values);
  }
  void status(std::string const& name, nlohmann::json value) { data_.status[name] = std::move(value); }

  /// The elements of a View in row-major order; fences.
  template <AnyView V>
  [[nodiscard]] std::vector<double> values(V const& view) const {
    exec_.fence("ocellus::conformance::values");
    auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), elements(view));
    std::vector<double> result(view.size());
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<double>(host.data()[i]);
    return result;
  }

  /// For the runner: binds the table, and brings the outputs home.
  void begin(Kernel const& kernel) { kernel_ = &kernel; }
  void finish() {
    exec_.fence("ocellus::conformance::finish");
    for (auto const& fetch : fetches_) fetch();
  }

 private:
  [[nodiscard]] nlohmann::json const& option(std::string const& name) const {
    auto const at = data_.options.find(name);
    if (at == data_.options.end()) throw BadCase("the adapter asks for the option \"" + name + "\", which its table does not have");
    return at->second;
  }
  /// A contiguous View as one line: Kokkos' copies of higher ranks take long to compile.
  template <class V>
  [[nodiscard]] static auto elements(V const& view) {
    return Kokkos::View<typename V::value_type*, typename V::memory_space>(view.data(), view.size());
  }
  template <class T, int Rank>
  [[nodiscard]] View<T, Rank> make(std::string const& name, Extents const& extents) const {
    if (static_cast<int>(extents.size()) != Rank)
      throw BadCase("the adapter gives " + name + " the shape " + to_string(extents) + ", which is not of rank " + std::to_string(Rank));
    Kokkos::LayoutRight layout;
    for (int axis = 0; axis < Rank; ++axis) layout.dimension[axis] = static_cast<std::size_t>(extents[static_cast<std::size_t>(axis)]);
    View<T, Rank> const view(Kokkos::view_alloc(name, Kokkos::WithoutInitializing), layout);
    kept_.push_back(std::make_shared<View<T, Rank>>(view));
    return view;
  }
  template <class T, int Rank>
  [[nodiscard]] View<T, Rank> poisoned(std::string const& name, Extents const& extents) const {
    auto const view = make<T, Rank>(name, extents);
    auto const line = elements(view);
    auto const host = Kokkos::create_mirror_view(line);
    for (std::size_t i = 0; i < host.size(); ++i) {
      if constexpr (std::is_same_v<T, bool>)
        host.data()[i] = i % 2 == 0;
      else if constexpr (std::is_integral_v<T>)
        host.data()[i] = std::numeric_limits<T>::min() + 77;
      else
        host.data()[i] = static_cast<T>(std::numeric_limits<float>::quiet_NaN());
    }
    Kokkos::deep_copy(line, host);
    return view;
  }
  template <class T, int Rank>
  [[nodiscard]] View<T, Rank> typed_output(std::string const& name, Extents const& extents, Extents shape) {
    auto const view = poisoned<T, Rank>(name, extents);
    fetches_.push_back([this, name, view, shape] {
      auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), elements(view));
      Array array;
      array.extents = shape;
      array.type    = std::is_same_v<T, bool> ? ElementType::boolean : std::is_integral_v<T> ? ElementType::integer : ElementType::real;
      for (std::size_t i = 0; i < host.size(); ++i) {
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
          array.integers.push_back(static_cast<std::int64_t>(host.data()[i]));
        else
          array.reals.push_back(static_cast<double>(host.data()[i]));
      }
      data_.outputs[name].array = std::move(array);
    });
    return view;
  }

  CallData& data_;
  Exec exec_;
  Kernel const* kernel_ = nullptr;
  std::vector<std::function<void()>> fetches_;
  mutable std::vector<std::shared_ptr<void>> kept_;  ///< every View of the call: kernels that were launched on a temporary one may not have run yet
};

/// The bodies of an adapter on one backend in the given precisions.
template <class Exec, class... Reals, class Adapter>
[[nodiscard]] std::map<std::string, std::map<std::string, Kernel::Body>> bodies(std::string const& backend, Adapter adapter) {
  std::map<std::string, Kernel::Body> by_precision;
  (by_precision.emplace(precision_name<Reals>(),
                        [adapter](Kernel const& kernel, CallData& data) {
                          Call<Reals, Exec> call(data);
                          call.begin(kernel);
                          adapter(call);
                          call.finish();
                        }),
   ...);
  return {{backend, by_precision}};
}

struct Registration {
  explicit Registration(void (*add)(Registry&)) { add(Registry::global()); }
};

}  // namespace ocellus::conformance

/// OCELLUS_CONFORMANCE_EXEC and OCELLUS_CONFORMANCE_BACKEND are set by the file that CMake writes for each backend.
#define OCELLUS_CONFORMANCE_RUN(adapter) \
  ::ocellus::conformance::bodies<OCELLUS_CONFORMANCE_EXEC, float, double>(OCELLUS_CONFORMANCE_BACKEND, [](auto& call) { adapter(call); })
#if defined(OCELLUS_CONFORMANCE_NARROW)
#define OCELLUS_CONFORMANCE_RUN_16(adapter)                                                                                                     \
  ::ocellus::conformance::bodies<OCELLUS_CONFORMANCE_EXEC, float, double, ::ocellus::float16, ::ocellus::bfloat16>(OCELLUS_CONFORMANCE_BACKEND, \
                                                                                                                   [](auto& call) { adapter(call); })
#else
#define OCELLUS_CONFORMANCE_RUN_16(adapter) OCELLUS_CONFORMANCE_RUN(adapter)
#endif

#define OCELLUS_CONFORMANCE_REGISTER(registry)                                      \
  static void register_kernels(::ocellus::conformance::Registry& registry);         \
  static ::ocellus::conformance::Registration const registration{register_kernels}; \
  static void register_kernels(::ocellus::conformance::Registry& registry)
