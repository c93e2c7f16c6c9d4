# SPDX-License-Identifier: Apache-2.0
"""Peers of video: scipy.ndimage and scikit-image, which use one thread, and PyTorch."""


def temporal_peer(name, extents, flags, kind):
    if name != "video::temporal_filter":
        return
    import numpy
    import scipy
    from scipy import ndimage
    method, window = flags[0], int(flags[1][1:])
    frames = numpy.random.default_rng(1).integers(0, 4000, extents, dtype=numpy.uint16)
    if kind == "float":
        frames = frames.astype(numpy.float32)
    if method == "median":
        part = max(window, extents[0] // 10)  # a median of the whole clip takes minutes
        output = numpy.empty_like(frames[:part])
        yield (f"scipy {scipy.__version__} median_filter, {part} of {extents[0]} frames", lambda: ndimage.median_filter(frames[:part], (window, 1, 1), output=output),
               extents[0] / part)
    else:
        output = numpy.empty(extents, dtype=numpy.float32)
        yield f"scipy {scipy.__version__} uniform_filter1d", lambda: ndimage.uniform_filter1d(frames, window, axis=0, output=output)


def quality_peer(name, extents, flags, kind):
    del flags, kind
    if name not in ("video::psnr", "video::ssim"):
        return
    import numpy
    import skimage
    from skimage import metrics
    draw = numpy.random.default_rng(1)
    truth, test = draw.random(extents, dtype=numpy.float32), draw.random(extents, dtype=numpy.float32)
    measure = metrics.peak_signal_noise_ratio if name == "video::psnr" else metrics.structural_similarity
    options = {} if name == "video::psnr" else {"channel_axis": 0}
    yield f"scikit-image {skimage.__version__}", lambda: measure(truth, test, data_range=1.0, **options)


def warp_peer(name, extents, flags, kind):
    del flags, kind
    if name != "video::flow_warp":
        return
    from nn_peers import torch_with_threads
    torch = torch_with_threads()
    x = torch.rand(*extents)
    grid = torch.rand(extents[0], *extents[2:], 2) * 2 - 1
    near = torch.nn.functional.affine_grid(torch.eye(2, 3).expand(extents[0], 2, 3), extents, align_corners=True) + grid * 6 / extents[-1]
    yield f"torch {torch.__version__} grid_sample", torch.inference_mode()(lambda: torch.nn.functional.grid_sample(x, near, align_corners=True))


PEERS = [temporal_peer, quality_peer, warp_peer]
