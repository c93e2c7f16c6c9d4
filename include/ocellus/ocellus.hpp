// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every kernel of the library. The readers and writers of `ocellus/io.hpp` need further libraries and are included on their own.

#include <ocellus/core.hpp>
#include <ocellus/explain.hpp>
#include <ocellus/image.hpp>
#include <ocellus/linalg.hpp>
#include <ocellus/mae.hpp>
#include <ocellus/nn.hpp>
#include <ocellus/profiling.hpp>
#include <ocellus/ssl.hpp>
#include <ocellus/transport.hpp>
#include <ocellus/version.hpp>
#include <ocellus/video.hpp>
#include <ocellus/vit.hpp>
