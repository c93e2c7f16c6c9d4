// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The version of the headers; CMake reads it from here, so that it is written once.
#define OCELLUS_VERSION_MAJOR 0
#define OCELLUS_VERSION_MINOR 1
#define OCELLUS_VERSION_PATCH 0
