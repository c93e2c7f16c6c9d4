// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/ocellus.hpp>

#if defined(WITH_IO)
#include <ocellus/io.hpp>
#endif
