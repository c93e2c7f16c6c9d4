// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/csv.hpp>
#include <ocellus/io/file_error.hpp>
#include <ocellus/io/image.hpp>
#include <ocellus/io/image_data.hpp>
#include <ocellus/io/load_parameters.hpp>
#include <ocellus/io/npy.hpp>
#include <ocellus/io/png.hpp>
#include <ocellus/io/safetensors.hpp>
#include <ocellus/io/save_fit.hpp>
#include <ocellus/io/tiff.hpp>
