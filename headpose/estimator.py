"""The way in: crops of heads -> rotations, how sure, landmarks.

>>> est = HeadPoseEstimator.load()                  # doctest: +SKIP
>>> out = est.predict(crops)                        # doctest: +SKIP
>>> R_VS = rotation.CAMERA_FROM_CROP @ out.R        # doctest: +SKIP

``crops`` follow the one crop rule of :mod:`headpose.data.crop`.  What comes out is relative to the
*ray* on which the face lies (frame V): turning it into the camera's axes is the caller's step.
"""

from __future__ import annotations

import atexit
import json
import os
import platform
import tempfile
import time
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from headpose import runtimes
from headpose import weights as weight_files
from headpose.cuda import has_cuda
from headpose.data.crop import CROP_SCALE
from headpose.decode import decode_rotation
from headpose.errors import CropError
from headpose.files import synced_replace
from headpose.runtimes.openvino_int8 import OpenVinoInt8Runtime
from headpose.visibility import inputs_of

DEFAULTS_CPU = ("lite0",)
DEFAULTS_GPU = ("sdam-r50", "lite0")
"""What "default" means: the first of these that is shipped."""
BATCH = 32


@dataclass(frozen=True)
class HeadPoses:
    """N heads.

    Attributes
    ----------
    R
        (N, 3, 3) rotations, 300W-LP frame (:mod:`headpose.rotation`): S -> x right, y up, z to the
        viewer.  ``R_VS = diag(1, -1, -1) @ R``.
    covariance_deg2
        (N, 3, 3) of the rotation vector delta (degrees) in ``R exp(delta)``, about the head's own
        axes S; calibrated on validation data.
    landmarks
        (N, 68, 2) crop fractions (0, 0 = upper left corner, 1, 1 = lower right), iBUG order,
        point 30 = tip of the nose; None where the network has no landmark head.
    landmark_sigma
        (N, 68) standard deviation per axis, as a share of the crop's side; None likewise.
    covered
        (N, 4) probability that a part of the face is hidden (:data:`headpose.visibility.PARTS`);
        the covariance is the wider for it. None where these weights cannot tell.
    """

    R: NDArray[np.float64]
    covariance_deg2: NDArray[np.float64]
    landmarks: NDArray[np.float64] | None
    landmark_sigma: NDArray[np.float64] | None
    covered: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.R)


def check_crops(crops: ArrayLike) -> NDArray[np.uint8]:
    """The crops as they are, or a CropError that says what is wrong with them."""
    a = np.asarray(crops)
    if a.ndim != 4:
        raise CropError(f"crops must be (N, H, W, 3) uint8 BGR; got {a.dtype} of shape {a.shape}")
    if a.shape[0] == 0:
        raise CropError("an empty batch of crops: there is nothing to estimate")
    if a.shape[3] != 3:
        kind = {1: "grey", 4: "four-channel"}.get(a.shape[3], f"{a.shape[3]}-channel")
        raise CropError(f"{kind} crops: convert them to BGR (cv2.cvtColor); got shape {a.shape}")
    if a.dtype != np.uint8:
        nan = np.issubdtype(a.dtype, np.floating) and not np.isfinite(a).all()
        raise CropError(f"crops must be uint8 0..255; got {a.dtype}" + (" with NaN" if nan else ""))
    if a.shape[1] != a.shape[2] or a.shape[1] < 4:
        raise CropError(f"crops must be square and at least 4 px; got {a.shape[2]} x {a.shape[1]}")
    return a


def calibrated_covariance_deg2(
    log_sigma: NDArray[Any], face_px: NDArray[Any], calibration: dict[str, Any]
) -> NDArray[np.float64]:
    """Covariances (N, 3, 3) from a network's log sigma (N, 3) and the faces' sizes (N,) in px.

    ``D C D`` with D = the network's sigma times a factor per axis that is interpolated over the
    logarithm of the face's size, and C = the errors' correlation; both were fitted on validation
    data (``headpose.train.calibrate``).
    """
    sigma = np.exp(np.clip(log_sigma, -2, 5)) * _at_size(
        calibration["factor"], face_px, calibration
    )
    C = np.asarray(calibration["correlation"], float)
    covariance: NDArray[np.float64] = sigma[:, :, None] * C * sigma[:, None, :]
    return covariance


def _at_size(
    factor: ArrayLike, face_px: NDArray[Any], calibration: dict[str, Any]
) -> NDArray[np.float64]:
    """Factors (N, K) for faces of ``face_px`` (N,), from a table (sizes, K) over log size."""
    table = np.asarray(factor, float)
    sizes, at = np.log(calibration["face_px"]), np.log(np.maximum(face_px, 1e-3))
    return np.stack([np.interp(at, sizes, column) for column in table.T], -1)


def landmark_sigma_raw(log_sigma: NDArray[Any]) -> NDArray[np.float64]:
    """A network's own sigma of its landmarks (crop fractions), between 0.25 % and 37 %."""
    sigma: NDArray[np.float64] = np.exp(np.clip(log_sigma, -6, -1))
    return sigma


class HeadPoseEstimator:
    """A network, a runtime and a calibration; make it with :meth:`load`."""

    def __init__(self, loaded: weight_files.Weights, runtime: runtimes.Runtime) -> None:
        self.weights, self.runtime = loaded, runtime
        self.name, self.input_px = loaded.name, loaded.input_px

    @classmethod
    def load(
        cls, weights: str | Path = "default", runtime: str = "auto", threads: int | None = None
    ) -> HeadPoseEstimator:
        """Load weights and choose how to run them.

        Parameters
        ----------
        weights
            "default" (`lite0` on a CPU, the largest shipped on a GPU), a shipped name, or a
            path.
        runtime
            A name of :data:`headpose.runtimes.RUNTIMES`, or "auto": the fastest of those that work
            here, measured once and remembered in the cache folder; or "fast": the same with INT8
            among them, for weights whose INT8 version passed its check.
        threads
            CPU threads; the runtime's own choice where None.
        """
        if weights == "default":
            wanted = DEFAULTS_GPU if has_cuda() else DEFAULTS_CPU
            have = weight_files.shipped()
            weights = next((w for w in wanted if w in have), wanted[-1])
        loaded = weight_files.load(weights)
        if runtime in ("auto", "fast"):
            candidates = AUTO if runtime == "auto" else FAST
            return cls(loaded, _fastest(loaded, threads, candidates))
        return cls(loaded, make_runtime(runtime, loaded, threads))

    def predict(self, crops: ArrayLike, face_px: ArrayLike | None = None) -> HeadPoses:
        """Head poses of crops (N, H, H, 3), uint8 BGR, any H (resized here to ``input_px``).

        Parameters
        ----------
        crops
            By the crop rule of :mod:`headpose.data.crop`, at whatever size they were cut.
        face_px
            (N,) longer side of the face box in *original* picture pixels, for the uncertainty: an
            enlarged crop does not know how few pixels it came from.  Without it the crops' own size
            is taken: H / 1.3.

        Raises
        ------
        CropError
            Not uint8 BGR squares, or none at all.
        """
        a = check_crops(crops)
        n, side = a.shape[:2]
        px = (
            np.full(n, side / CROP_SCALE)
            if face_px is None
            else np.broadcast_to(np.asarray(face_px, np.float64), (n,))
        )
        if not (np.isfinite(px) & (px > 0)).all():
            raise CropError("face_px must be finite and positive")
        parts: dict[str, list[NDArray[Any]]] = {}
        for k in range(0, n, BATCH):
            for key, value in self.runtime(self._resize(a[k : k + BATCH])).items():
                parts.setdefault(key, []).append(value)
        out = {k: np.concatenate(v).astype(np.float64) for k, v in parts.items()}
        calibration = self.weights.calibration
        points = out.get("landmarks")
        sigma = None
        if points is not None:
            factor = _at_size(calibration["landmark_factor"], px, calibration)  # (N, 68)
            sigma = landmark_sigma_raw(out["landmark_log_sigma"]) * factor
        R = decode_rotation(out)
        covariance = calibrated_covariance_deg2(out["log_sigma"], px, calibration)
        covered = None
        if self.weights.visibility is not None and "pooled" in out:
            covered, wider = self.weights.visibility(inputs_of(out, R, px))
            covariance = covariance * wider[:, :, None] * wider[:, None, :]
        return HeadPoses(R, covariance, points, sigma, covered)

    def _resize(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        px, side = self.input_px, crops.shape[1]
        if side == px:
            return crops
        how = cv2.INTER_AREA if side > px else cv2.INTER_CUBIC
        return np.stack([cv2.resize(c, (px, px), interpolation=how) for c in crops])


# -- choosing a runtime by measuring ---------------------------------------------------------------


def cache_folder() -> Path:
    """``$HEADPOSE_CACHE``, else the user's cache folder; where none can be written, one that lasts
    as long as this process: only speed is lost, and that is said."""
    try:
        folder = _wanted_cache()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as e:  # RuntimeError: a user whom the system does not know
        return _cache_of_this_process(str(e))


def _wanted_cache() -> Path:
    if folder := os.environ.get("HEADPOSE_CACHE"):
        return Path(folder)
    base = os.environ.get("XDG_CACHE_HOME", "")  # one that is relative counts as none (XDG)
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "headpose"


@cache
def _cache_of_this_process(why: str) -> Path:
    warnings.warn(
        f"the cache folder cannot be written ({why}): networks are converted anew in every run. "
        "Name another one in HEADPOSE_CACHE.",
        stacklevel=2,
    )
    aside = tempfile.TemporaryDirectory(prefix="headpose-")
    atexit.register(aside.cleanup)
    return Path(aside.name)


AUTO = ("openvino", "torch", "onnxruntime")
"""Candidates of "auto" on a CPU; torch-compile only by name (its first batch waits a minute)."""
FAST = ("openvino-int8", *AUTO)
"""Candidates of "fast": INT8 too, where it is faster here and answers as when it was made."""


def make_runtime(
    name: str, loaded: weight_files.Weights, threads: int | None = None
) -> runtimes.Runtime:
    """Loaded weights in the runtime of a name; ConfigError where it cannot run them here."""
    return runtimes.get(name)(loaded, cache_folder(), threads)


def crops_per_second(run: runtimes.Runtime, batch: int = 16, repeats: int = 3) -> float:
    """Median rate of a runtime on noise, after one warm-up batch."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (batch, run.px, run.px, 3), dtype=np.uint8)
    run(crops)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(crops)
        times.append(time.perf_counter() - start)
    return batch / float(np.median(times))


def _fastest(
    loaded: weight_files.Weights, threads: int | None, candidates: tuple[str, ...]
) -> runtimes.Runtime:
    cache, key = cache_folder(), loaded.sha256[:12]

    def make(name: str) -> runtimes.Runtime:
        return make_runtime(name, loaded, threads)

    if has_cuda():
        return make("torch")
    machine = f"{platform.processor()} {os.cpu_count()} {threads} torch{metadata.version('torch')}"
    here = f"{key} {machine}" + (" fast" if candidates == FAST and loaded.int8 else "")
    path = cache / "fastest.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    known = known if isinstance(known, dict) else {}
    if str(known.get(here)) in runtimes.RUNTIMES and runtimes.RUNTIMES[known[here]].available():
        return make(known[here])
    best: tuple[float, runtimes.Runtime] | None = None
    for name in candidates:
        if not runtimes.RUNTIMES[name].available():
            continue
        try:
            made = make(name)
            if isinstance(made, OpenVinoInt8Runtime) and not made.agrees():
                continue
            rate = crops_per_second(made)
        except Exception:  # a runtime that breaks on this machine is not a candidate
            if name == "torch":
                raise
            continue
        if best is None or rate > best[0]:
            best = rate, made
    assert best is not None  # torch is always there
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(known | {here: best[1].name}, indent=1), encoding="utf-8")
    synced_replace(part, path)
    return best[1]
