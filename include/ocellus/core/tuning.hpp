// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How a kernel's compile-time tuning is chosen: the caller's row where one is named, else the table's row for the execution space and scalar.
///
/// A tuning row is a struct of constexpr members in `<module>/tuning/`; the primary template is the portable row, a specialisation is a row for one
/// execution space. No row may change a result on a host backend.

#include <type_traits>

namespace ocellus {

/// `Row` unless it is void, which takes `Default`.
template <class Row, class Default>
using tuning_row_t = std::conditional_t<std::is_void_v<Row>, Default, Row>;

}  // namespace ocellus
