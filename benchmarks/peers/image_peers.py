# SPDX-License-Identifier: Apache-2.0
"""Peers of image: scipy.ndimage and scikit-image, which use one thread."""


def nuclei(extents):
    """A mask of discs on a grid and a dim noisy image of them."""
    import numpy
    y, x = (numpy.arange(n, dtype=numpy.float32) for n in extents)
    pitch = 64
    mask = ((y % pitch - pitch / 2)[:, None] ** 2 + (x % pitch - pitch / 2)[None, :] ** 2) < (0.4 * pitch) ** 2
    return mask, mask + 0.1 * numpy.random.default_rng(1).random(extents, dtype=numpy.float32)


def ndimage_peer(name, extents, flags, kind):
    del kind
    if name not in ("image::gaussian_smooth", "image::distance_transform", "image::connected_components"):
        return
    import numpy
    import scipy
    from scipy import ndimage
    mask, image = nuclei(extents)
    label = f"scipy {scipy.__version__}"
    if name == "image::gaussian_smooth":
        sigma, output = float(flags[0][1:]), numpy.empty(extents, numpy.float32)
        yield f"{label} gaussian_filter", lambda: ndimage.gaussian_filter(image, sigma, output=output, mode="reflect")
    elif name == "image::distance_transform":
        yield f"{label} distance_transform_edt", lambda: ndimage.distance_transform_edt(mask)
    else:
        square = numpy.ones((3, 3), dtype=int)
        yield f"{label} label", lambda: ndimage.label(mask, square)


def skimage_peer(name, extents, flags, kind):
    del kind
    if name not in ("image::otsu_threshold", "image::watershed", "image::expand_labels"):
        return
    import numpy
    import skimage
    from scipy import ndimage
    from skimage import filters, segmentation
    mask, image = nuclei(extents)
    label = f"scikit-image {skimage.__version__}"
    if name == "image::otsu_threshold":
        yield label, lambda: filters.threshold_otsu(image)
    elif name == "image::expand_labels":
        labels, _ = ndimage.label(mask)
        yield f"{label}, round", lambda: segmentation.expand_labels(labels, int(flags[0][1:]))
    else:
        landscape = -ndimage.distance_transform_edt(mask).astype(numpy.float32)
        seeds = numpy.zeros(extents, numpy.int32)
        centres = numpy.arange(32, extents[0], 64)
        seeds[numpy.ix_(centres, centres)] = numpy.arange(1, len(centres) ** 2 + 1).reshape(len(centres), -1)
        yield label, lambda: segmentation.watershed(landscape, seeds, mask=mask)


PEERS = [ndimage_peer, skimage_peer]
