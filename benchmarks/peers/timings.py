# SPDX-License-Identifier: Apache-2.0
"""The Python peers: those of linear algebra and profiling here, those of other modules in files of their own.

Reads rows {"name", "shape", "type"} as JSON, writes those that a peer can do with "peer" and "seconds" (the median over half a second).

A peer is a generator in PEERS: it takes name, extents, flags (what follows the extents in a shape, such as transpose_b) and type, and yields
("library version", function without arguments) pairs, or seconds where the peer measured itself, with the factor from the work that was timed to all of it as a third member where that is too long.
"""
import json
import os
import statistics
import sys
import time

import image_peers
import loss_peers
import nn_peers
import transport_peers
import video_peers

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def median_seconds(call):
    """The median over half a second, five calls at least; of what takes more than 20 s a call, the first."""
    before = time.perf_counter()
    call()
    first = time.perf_counter() - before
    if first > 20:
        return first
    seconds, start = [], time.perf_counter()
    while (len(seconds) < 5 and time.perf_counter() - start < 20) or (time.perf_counter() - start < 0.5 and len(seconds) < 500):
        before = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds)


def numpy_peer(name, extents, flags, kind):
    import numpy
    if kind not in ("float", "double"):
        return
    real = {"float": numpy.float32, "double": numpy.float64}[kind]
    label, draw = f"numpy {numpy.__version__}", numpy.random.default_rng(1)
    if name in ("linalg::matmul", "linalg::batched_matmul") and "epilogue" not in flags:
        *batch, m, k, n = extents
        a = draw.random((*batch, m, k), dtype=real)
        b = draw.random((*batch, n, k), dtype=real).swapaxes(-1, -2) if "transpose_b" in flags else draw.random((*batch, k, n), dtype=real)
        out = numpy.empty((*batch, m, n), dtype=real)
        yield label, lambda: numpy.matmul(a, b, out=out)
    if name in ("linalg::covariance", "linalg::gram"):
        x = draw.random(extents, dtype=real)
        yield label, (lambda: numpy.cov(x, rowvar=False)) if name == "linalg::covariance" else (lambda: x.T @ x)
    if name in ("linalg::symmetric_eigen", "linalg::svd"):
        x = draw.random(extents, dtype=real).astype(numpy.float64)
        yield label, (lambda: numpy.linalg.eigh(x)) if name == "linalg::symmetric_eigen" else (lambda: numpy.linalg.svd(x, full_matrices=False))
    if name == "profiling::fit_sphering":
        x = draw.random(extents, dtype=real).astype(numpy.float64)

        def sphere():
            z = (x - x.mean(axis=0)) / x.std(axis=0)
            values, vectors = numpy.linalg.eigh(z.T @ z)
            return vectors / (numpy.sqrt(values) + 1e-6) * numpy.sqrt(len(z) - 1) @ vectors.T

        def sphere_by_svd():
            z = (x - x.mean(axis=0)) / x.std(axis=0)
            _, values, axes = numpy.linalg.svd(z, full_matrices=False)
            return axes.T / (values + 1e-6) * numpy.sqrt(len(z) - 1) @ axes
        yield f"{label} eigh", sphere
        yield f"{label} svd", sphere_by_svd


def torch_peer(name, extents, flags, kind):
    import torch
    torch.set_num_threads(THREADS)
    if name not in ("linalg::matmul", "linalg::batched_matmul") or "epilogue" in flags:
        return
    *batch, m, k, n = extents
    real = {"float": torch.float32, "double": torch.float64, "bfloat16": torch.bfloat16}[kind]
    a = torch.rand(*batch, m, k, dtype=real)
    b = torch.rand(*batch, n, k, dtype=real).transpose(-1, -2) if "transpose_b" in flags else torch.rand(*batch, k, n, dtype=real)
    out = torch.empty(*batch, m, n, dtype=real)
    yield f"torch {torch.__version__}", lambda: torch.matmul(a, b, out=out)


def knn_arrays(extents, flags):
    """Queries, base and k of a shape QUERIESxBASExFEATURES[:METRIC]:kK."""
    import numpy
    n, m, d = extents
    draw = numpy.random.default_rng(1)
    k = next(int(flag[1:]) for flag in flags if flag[0] == "k" and flag[1:].isdigit())
    return draw.random((n, d), dtype=numpy.float32), draw.random((m, d), dtype=numpy.float32), k


def sklearn_peer(name, extents, flags, kind):
    if name not in ("linalg::pairwise_squared_distances", "profiling::knn", "profiling::knn_classify") or kind != "float":
        return
    import numpy
    import sklearn
    if name != "linalg::pairwise_squared_distances":
        from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
        queries, base, k = knn_arrays(extents, flags)
        options = {"n_neighbors": k, "metric": "euclidean" if "euclidean" in flags else "cosine", "algorithm": "brute", "n_jobs": THREADS}
        if name == "profiling::knn":
            search = NearestNeighbors(**options).fit(base)
            yield f"scikit-learn {sklearn.__version__}", lambda: search.kneighbors(queries)
        else:
            classifier = KNeighborsClassifier(**options).fit(base, numpy.arange(len(base)) % 10)
            yield f"scikit-learn {sklearn.__version__}", lambda: classifier.predict_proba(queries)
        return
    from sklearn.metrics.pairwise import euclidean_distances
    n, m, d = extents
    draw = numpy.random.default_rng(1)
    x, y = draw.random((n, d), dtype=numpy.float32), draw.random((m, d), dtype=numpy.float32)
    yield f"scikit-learn {sklearn.__version__}", lambda: euclidean_distances(x, y, squared=True)


def pca_peer(name, extents, flags, kind):
    if name != "profiling::pca":
        return
    import numpy
    import sklearn
    from sklearn.decomposition import PCA
    x = numpy.random.default_rng(1).random(extents, dtype={"float": numpy.float32, "double": numpy.float64}[kind])
    for solver in ("full", "covariance_eigh"):
        yield f"scikit-learn {sklearn.__version__} {solver}", lambda solver=solver: PCA(int(flags[0][1:]), svd_solver=solver).fit_transform(x)


def scipy_peer(name, extents, flags, kind):
    if name != "linalg::pairwise_distances" or kind != "float":
        return
    import numpy
    import scipy
    from scipy.spatial.distance import cdist
    n, m, d = extents
    draw = numpy.random.default_rng(1)
    x, y = draw.random((n, d)), draw.random((m, d))
    yield f"scipy {scipy.__version__} cdist, in double", lambda: cdist(x, y, flags[0])


def faiss_peer(name, extents, flags, kind):
    if name != "profiling::knn" or kind != "float":
        return
    import faiss
    faiss.omp_set_num_threads(THREADS)
    queries, base, k = knn_arrays(extents, flags)
    label = f"faiss-cpu {faiss.__version__}"
    if "euclidean" in flags:
        index = faiss.IndexFlatL2(base.shape[1])
        index.add(base)
        yield label, lambda: index.search(queries, k)
    else:
        def search():
            """Normalises both sides, as our function does."""
            unit, units = base.copy(), queries.copy()
            faiss.normalize_L2(unit)
            faiss.normalize_L2(units)
            index_of_products = faiss.IndexFlatIP(base.shape[1])
            index_of_products.add(unit)
            return index_of_products.search(units, k)
        yield label, search


def copairs_peer(name, extents, flags, kind):
    if name != "profiling::average_precision" or kind != "float":
        return
    import importlib.metadata
    import numpy
    import pandas
    from copairs import map as copairs_map
    n, d = extents
    replicates = int(flags[0])
    profiles = numpy.random.default_rng(1).random((n, d), dtype=numpy.float32) - 0.5
    meta = pandas.DataFrame({"treatment": numpy.arange(n) // replicates, "plate": numpy.arange(n) % replicates})
    yield f"copairs {importlib.metadata.version('copairs')}", lambda: copairs_map.average_precision(
        meta, profiles, ["treatment"], ["plate"], [], ["treatment"], progress_bar=False)


PEERS = [numpy_peer, torch_peer, sklearn_peer, pca_peer, scipy_peer, faiss_peer, copairs_peer, *nn_peers.PEERS, *video_peers.PEERS, *transport_peers.PEERS, *image_peers.PEERS,
         *loss_peers.PEERS]


def main():
    results = []
    for row in json.load(sys.stdin):
        sizes, *flags = row["shape"].split(":")
        extents = [int(e) for e in sizes.split("x")]
        for peer in PEERS:
            try:
                for label, call, *factor in peer(row["name"], extents, flags, row["type"]):
                    seconds = median_seconds(call) if callable(call) else call
                    results.append(dict(row, peer=label, seconds=seconds * (factor[0] if factor else 1)))
            except Exception as error:  # pylint: disable=broad-except
                print(f"peers: {peer.__name__} of {row['name']} {row['shape']}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
