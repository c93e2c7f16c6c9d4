// SPDX-License-Identifier: Apache-2.0
#pragma once

// CUDA 13 changed the signatures of three runtime functions that Kokkos before 4.7 calls in their old form. OcellusKokkos.cmake includes this file in front of
// every source that is compiled with such a Kokkos; elsewhere it is empty. The old forms forward to the new ones.

#if defined(__CUDACC__)
#include <cuda_runtime.h>

#if CUDART_VERSION >= 13000

inline cudaMemLocation ocellus_cuda_location(int device) {
  cudaMemLocation location;
  location.type = device == cudaCpuDeviceId ? cudaMemLocationTypeHost : cudaMemLocationTypeDevice;
  location.id   = device == cudaCpuDeviceId ? 0 : device;
  return location;
}

inline cudaError_t cudaMemAdvise(void const* address, std::size_t bytes, cudaMemoryAdvise advice, int device) {
  return cudaMemAdvise(address, bytes, advice, ocellus_cuda_location(device));
}

inline cudaError_t cudaMemPrefetchAsync(void const* address, std::size_t bytes, int device, cudaStream_t stream = nullptr) {
  return cudaMemPrefetchAsync(address, bytes, ocellus_cuda_location(device), 0, stream);
}

inline cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, cudaGraphNode_t const* from, cudaGraphNode_t const* to, std::size_t count) {
  return cudaGraphAddDependencies(graph, from, to, nullptr, count);
}

#endif
#endif
