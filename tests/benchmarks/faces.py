"""Faces in real pictures: what the detector finds by size, and beside it what others find.

    python tests/benchmarks/faces.py FOLDER [--peer scrfd=scrfd_500m.onnx] [--peer yunet=yunet.onnx]

FOLDER holds pictures and faces.csv (picture,x0,y0,x1,y1,kind: boxes in pixels that somebody looked
at, kind is bare, mask, profile, …; ``unsure`` counts neither way). Every picture is averaged down
in steps, so that the same faces are seen at all sizes. A face is found where a box overlaps it by a
third (intersection over union). All detectors are asked for everything; each is then given the
score above which one in a hundred of its boxes is no face, on these pictures, so that none wins by
shouting. Prints the tables of docs/history/faces.md. Pictures of faces are never committed.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from calibration.camera import Camera
from calibration.transform import Array, geodesic_deg
from gaze.analyze import load_model
from gaze.faces.boxes import Picture, suppress
from gaze.faces.detectors import load_detector
from gaze.faces.heads import Crops, HeadPoseModel, crops_through, estimate_heads, views
from gaze.faces.landmarks import tight_boxes
from gaze.faces.look import CROP_PX
from gaze.lesson.settings import AnalyzeSettings

Found = tuple[Array, Array]  # boxes (N, 4), scores (N,)
Find = Callable[[Picture], Found]

SCALES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12)
SIZES_PX = (8, 12, 16, 24, 40, 80)
LEAST = 0.05  # score down to which boxes are collected
OVERLAP = 1 / 3
FALSE_SHARE = 0.01
SCRFD_PX = 640
WHOLE_PX = 80  # faces whose direction is taken as known


# -- detectors -------------------------------------------------------------------------------------
def ours(picture: Picture) -> Found:
    """The detector that `gaze analyze` takes."""
    found = _OURS.detect(picture[None], LEAST)
    return found.box_px, found.score


_OURS = load_detector("centerface")


def yunet(file: str) -> Find:
    """YuNet (OpenCV's own detector)."""
    net = cv2.FaceDetectorYN.create(file, "", (320, 320), LEAST, 0.3, 5000)

    def find(picture: Picture) -> Found:
        net.setInputSize(picture.shape[1::-1])
        rows = net.detect(picture)[1]
        rows = np.zeros((0, 15)) if rows is None else np.asarray(rows, np.float64)
        return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], 1), rows[:, 14]

    return find


def scrfd(file: str) -> Find:
    """SCRFD: three strides, two anchors; distances to a box's sides in strides. Its graph takes one
    size: larger pictures in tiles, by 160 px one over the other."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    net = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def tile(picture: Picture) -> Found:
        blob = cv2.dnn.blobFromImage(picture, 1 / 128, None, (127.5,) * 3, swapRB=True)
        out = [np.squeeze(o) for o in net.run(None, {net.get_inputs()[0].name: blob})]
        scores = sorted((o for o in out if o.ndim == 1), key=len, reverse=True)
        sides = sorted((o for o in out if o.shape[-1] == 4), key=len, reverse=True)
        boxes, score = [], []
        for stride, s, side in zip((8, 16, 32), scores, sides, strict=True):
            keep = np.flatnonzero(s >= LEAST)
            y, x = np.divmod(keep // 2, SCRFD_PX // stride)  # two anchors a place
            boxes.append(np.stack([x, y, x, y], 1) * stride + side[keep] * stride * [-1, -1, 1, 1])
            score.append(s[keep])
        return np.concatenate(boxes), np.concatenate(score).astype(np.float64)

    def find(picture: Picture) -> Found:
        boxes, scores = [], []
        for y in range(0, max(picture.shape[0] - 160, 1), SCRFD_PX - 160):
            for x in range(0, max(picture.shape[1] - 160, 1), SCRFD_PX - 160):
                part = np.zeros((SCRFD_PX, SCRFD_PX, 3), np.uint8)
                seen = picture[y : y + SCRFD_PX, x : x + SCRFD_PX]
                part[: seen.shape[0], : seen.shape[1]] = seen
                box, score = tile(part)
                boxes.append(box + [x, y, x, y])
                scores.append(score)
        box, score = np.concatenate(boxes), np.concatenate(scores)
        kept = suppress(box, score, np.zeros(len(box), np.intp), 0.4)
        return box[kept], score[kept]

    return find


PEERS: dict[str, Callable[[str], Find]] = {"yunet": yunet, "scrfd": scrfd}


# -- how a picture is spoilt -----------------------------------------------------------------------
def dark(picture: Picture) -> Picture:
    """A twelfth of the light, and the noise that a small sensor then has."""
    rng = np.random.default_rng(0)
    photons = rng.poisson((picture / 255.0) ** 2.2 / 12 * 400) / 400 * 12
    return np.asarray(255 * np.clip(photons, 0, 1) ** (1 / 2.2), np.uint8)


def blurred(picture: Picture) -> Picture:
    """Moved by 5 px sideways during the exposure."""
    return np.asarray(cv2.blur(picture, (5, 1)), np.uint8)


def backlit(picture: Picture, boxes: Array, light: float) -> Picture:
    """Faces (N, 4), with hair and ears, at a share of their light, the rest as it was: windows
    behind the class, or dark skin beside bright walls; and a small sensor's noise."""
    share = np.ones(picture.shape[:2])
    for x0, y0, x1, y1 in boxes:
        centre, size = ((x0 + x1) / 2, (y0 + y1) / 2), (1.8 * (x1 - x0), 1.6 * (y1 - y0))
        cv2.ellipse(share, (centre, size, 0.0), light, -1)
    share = cv2.GaussianBlur(
        share, (0, 0), max(float(np.mean(boxes[:, 3] - boxes[:, 1])) / 20, 0.5)
    )
    photons = np.random.default_rng(0).poisson((picture / 255.0) ** 2.2 * share[..., None] * 400)
    return np.asarray(255 * np.clip(photons / 400, 0, 1) ** (1 / 2.2), np.uint8)


def compressed(picture: Picture) -> Picture:
    """JPEG of quality 25."""
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 25])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


SPOILT: dict[str, Callable[[Picture, Array], Picture]] = {
    "as it is": lambda picture, boxes: picture,
    "a twelfth of the light": lambda picture, boxes: dark(picture),
    "blurred by 5 px": lambda picture, boxes: blurred(picture),
    "JPEG 25": lambda picture, boxes: compressed(picture),
    "faces at a quarter of their light": lambda picture, boxes: backlit(picture, boxes, 1 / 4),
    "faces at a sixteenth of their light": lambda picture, boxes: backlit(picture, boxes, 1 / 16),
}


# -- truth and score -------------------------------------------------------------------------------
def read_truth(folder: Path) -> dict[str, list[tuple[Array, str]]]:
    """Boxes and kinds by picture."""
    out: dict[str, list[tuple[Array, str]]] = defaultdict(list)
    with (folder / "faces.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            box = np.array([float(row[k]) for k in ("x0", "y0", "x1", "y1")])
            out[row["picture"]].append((box, row["kind"]))
    return out


def overlap(a: Array, b: Array) -> Array:
    """(N, M) intersection over union of boxes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b))
    return np.asarray(both / np.maximum(area_a[:, None] + area_b[None] - both, 1e-9))


def look(
    find: Find,
    pictures: dict[str, Picture],
    truth: dict[str, list[tuple[Array, str]]],
    spoil: Callable[[Picture, Array], Picture],
) -> tuple[list[tuple[float, str, float]], Array, float]:
    """(height, kind, best score or 0) of every true face at every scale; scores of boxes that are
    no face; CPU seconds."""
    faces: list[tuple[float, str, float]] = []
    wrong: list[float] = []
    find(next(iter(pictures.values())))  # what is made once is not counted
    begin = time.process_time()
    for name, picture in pictures.items():
        for scale in SCALES:
            size = tuple(max(round(s * scale), 32) for s in picture.shape[1::-1])
            true = np.array([b for b, _ in truth[name]]) * scale
            small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
            box, score = find(spoil(small, true))
            kinds = [k for _, k in truth[name]]
            meets = overlap(box, true)
            height = true[:, 3] - true[:, 1]
            for j, kind in enumerate(kinds):
                if kind != "unsure":
                    hit = score[meets[:, j] >= OVERLAP]
                    faces.append((float(height[j]), kind, float(hit.max(initial=0.0))))
            # what lies on anything that may be a face, or is smaller than asked for, is not wrong
            free = ~(meets > 0.1).any(1) & (box[:, 3] - box[:, 1] >= SIZES_PX[0])
            wrong += score[free].tolist()
    return faces, np.array(wrong), time.process_time() - begin


def threshold(faces: list[tuple[float, str, float]], wrong: Array) -> float:
    """The least score above which at most ``FALSE_SHARE`` of the boxes are no face."""
    hits = np.sort([s for h, _, s in faces if h >= SIZES_PX[0]])
    for at in np.unique(np.concatenate([[LEAST], wrong + 1e-6])):
        found, false = (hits >= at).sum(), (wrong >= at).sum()
        if false <= FALSE_SHARE * max(found + false, 1):
            return float(at)
    return 1.0


def by_size(faces: list[tuple[float, str, float]], at: float, kind: str | None = None) -> str:
    """Shares found, a column for each size; N in brackets."""
    cells = []
    for low, high in zip(SIZES_PX, (*SIZES_PX[1:], np.inf), strict=True):
        hit = [s >= at for h, k, s in faces if low <= h < high and kind in (None, k)]
        cells.append(f"{100 * np.mean(hit):.0f} % ({len(hit)})" if hit else "–")
    return " | ".join(cells)


# -- directions ------------------------------------------------------------------------------------
def directions(patches: list[Picture], faces: list[Array], model: HeadPoseModel) -> Array:
    """(N, 3, 3) the head in each patch's camera, by way of the detector; NaN where it does not find
    the face, whose box (4,) is in shares of the patch."""
    out = np.full((len(patches), 3, 3), np.nan)
    for k, (patch, face) in enumerate(zip(patches, faces, strict=True)):
        h, w = patch.shape[:2]
        found = _OURS.detect(patch[None], LEAST)
        meets = overlap(found.box_px, face[None] * [w, h, w, h])[:, 0]
        if meets.max(initial=0.0) < OVERLAP:
            continue
        box = found.box_px[[int(np.argmax(meets))]]
        lens = Camera(np.array([[4.0 * w, 0, w / 2], [0, 4.0 * w, h / 2], [0, 0, 1]]), np.zeros(5),
                      (w, h))  # fmt: skip
        seen = views(lens, tight_boxes(box), None)
        crops = crops_through(lens, patch, seen, int(getattr(model, "input_px", CROP_PX)))
        out[k] = estimate_heads(model, Crops(crops, seen))[0].R_CS[0]
    return out


def poses(pictures: dict[str, Picture], truth: dict[str, list[tuple[Array, str]]]) -> None:
    """How far a head's direction in fewer pixels lies from the same face's at full size."""
    model = load_model(AnalyzeSettings().weights)
    patches, faces, kinds, heights = [], [], [], []
    for name, picture in pictures.items():
        for (x0, y0, x1, y1), kind in truth[name]:
            if kind == "unsure" or y1 - y0 < WHOLE_PX:
                continue
            m, (h, w) = 0.5 * (y1 - y0), picture.shape[:2]
            left, top = max(round(x0 - m), 0), max(round(y0 - m), 0)
            right, low = min(round(x1 + m), w), min(round(y1 + m), h)
            patches.append(picture[top:low, left:right])
            size = np.array([right - left, low - top] * 2)
            faces.append((np.array([x0, y0, x1, y1]) - [left, top, left, top]) / size)
            kinds.append(kind)
            heights.append(y1 - y0)
    whole = directions(patches, faces, model)
    of = np.array(kinds)
    names = [k for k in ("bare", "mask", "profile") if (of == k).any()]
    print(f"\n| {WHOLE_PX} px and more, made smaller to | " + " | ".join(
        f"{k} ({(of == k).sum()})" for k in names) + " |\n|---|" + "---|" * len(names))  # fmt: skip
    rows = [(px, "as it is") for px in (40, 24, 16, 12)] + [(24, s) for s in SPOILT][1:]
    for px, spoilt in rows:
        small = [
            np.asarray(
                cv2.resize(p, None, fx=px / h, fy=px / h, interpolation=cv2.INTER_AREA), np.uint8
            )
            for p, h in zip(patches, heights, strict=True)
        ]
        small = [
            SPOILT[spoilt](p, face[None] * [*p.shape[1::-1], *p.shape[1::-1]])
            for p, face in zip(small, faces, strict=True)
        ]
        seen, off = directions(small, faces, model), np.full(len(of), np.nan)
        both = np.isfinite(whole + seen).all((1, 2))
        off[both] = geodesic_deg(whole[both], seen[both])
        cells = []
        for k in names:
            known = off[(of == k) & np.isfinite(off)]
            at = np.percentile(known, [50, 90]) if len(known) else [np.nan] * 2
            cells.append(f"{at[0]:.1f}°, {at[1]:.0f}° ({len(known)})")
        print(f"| {px} px, {spoilt} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", action="append", default=[], help="yunet=FILE or scrfd=FILE")
    parser.add_argument("--poses", action="store_true", help="directions instead of faces")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    truth = read_truth(args.folder)
    pictures = {n: np.asarray(cv2.imread(str(args.folder / n)), np.uint8) for n in truth}
    if args.poses:
        poses(pictures, truth)
        return
    detectors: dict[str, Find] = {"centerface": ours}
    for peer in args.peer:
        kind, file = peer.split("=", 1)
        detectors[Path(file).stem] = PEERS[kind](file)
    sizes = [f"{a}–{b} px" for a, b in pairwise(SIZES_PX)]
    head = " | ".join([*sizes, f"> {SIZES_PX[-1]} px"])
    said = sum(k != "unsure" for faces in truth.values() for _, k in faces)
    print(f"{len(pictures)} pictures, {said} faces\n")
    print(f"| detector | pictures | score ≥ | false boxes at 0.5 | {head} | CPU s |")
    print("|---|---|--:|--:|" + "---|" * len(SIZES_PX) + "--:|")
    plain: dict[str, tuple[list[tuple[float, str, float]], float]] = {}
    for name, find in detectors.items():
        for spoilt, spoil in SPOILT.items():
            faces, wrong, seconds = look(find, pictures, truth, spoil)
            at = plain[name][1] if name in plain else threshold(faces, wrong)
            plain.setdefault(name, (faces, at))
            print(
                f"| {name} | {spoilt} | {at:.2f} | {(wrong >= 0.5).sum()} | {by_size(faces, at)} | "
                f"{seconds:.1f} |", flush=True,
            )  # fmt: skip
    print(f"\n| detector | kind | {head} |\n|---|---|" + "---|" * len(SIZES_PX))
    for name, (faces, at) in plain.items():
        for kind in sorted({k for _, k, _ in faces}):
            print(f"| {name} | {kind} | {by_size(faces, at, kind)} |")


if __name__ == "__main__":
    main()
