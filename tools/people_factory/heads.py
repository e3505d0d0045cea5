"""Close-up renders of the simulator's heads with exact labels, as one more training source for
``headpose``.

    python -m tools.people_factory.heads OUT.npz --n 6000 --people train --seed 1

The file has the layout of the photograph packs (docs/headpose.md): ``jpg``/``jpg_off`` bytes, ``R``
(N,3,3) and ``pitch``, ``yaw``, ``roll`` in the 300W-LP convention, ``pts68`` crop pixels, ``box``,
``scale``, ``size``, ``name``, ``group`` (the person). Crops are square, 1.6 × the tight 68-point
box, and the camera looks straight at the crop's centre, so that R is relative to the ray (frame V).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.files import atomic_write
from calibration.transform import Transform
from sessions.simulation.people import EXPRESSIONS, PARTS, Person, load_people
from sessions.simulation.render import Lamp, PersonActors, Scene
from sessions.simulation.script import facing
from tools.people_factory.bake_landmarks import similarity

CROP_PX = 128
CROP_SCALE = 1.6
FINE = 2  # rendered this many times finer, then averaged
CAMERA_FROM_PICTURE = np.diag([1.0, -1.0, -1.0])  # x right, y up, z to the viewer → OpenCV's axes
HAIR_TONES = (
    np.array(
        [
            [24, 20, 19],
            [48, 32, 24],
            [86, 58, 38],
            [112, 54, 30],
            [168, 128, 78],
            [132, 130, 128],
            [190, 160, 110],
        ]
    )
    / 255.0
)


def euler_matrix(pitch_deg: np.ndarray, yaw_deg: np.ndarray, roll_deg: np.ndarray) -> np.ndarray:
    """(N,3,3) of 300W-LP's angles: Rx(pitch) Ry(yaw) Rz(roll), each the transpose of the textbook
    matrix.
    """
    return np.asarray(
        Rotation.from_euler(
            "XYZ", -np.stack([pitch_deg, yaw_deg, roll_deg], -1), degrees=True
        ).as_matrix()
    )


def euler_deg(R: np.ndarray) -> np.ndarray:
    """(N,3) pitch, yaw, roll of (N,3,3)."""
    yaw = np.arcsin(np.clip(-R[:, 0, 2], -1, 1))
    return np.asarray(
        np.degrees(
            np.stack(
                [np.arctan2(R[:, 1, 2], R[:, 2, 2]), yaw, np.arctan2(R[:, 0, 1], R[:, 0, 0])], -1
            )
        )
    )


def sample_poses(n: int, rng: np.random.Generator) -> np.ndarray:
    """(N,3) pitch, yaw, roll: half near the front, half to |yaw| 90°, pitch ±50°, roll ±40°."""
    wide = rng.random((n, 3)) < [0.4, 0.5, 0.3]
    near = rng.normal(0, [13, 24, 9], (n, 3))
    far = rng.uniform([-50, -90, -40], [50, 90, 40], (n, 3))
    return np.clip(np.where(wide, far, near), [-50, -90, -40], [50, 90, 40])


def varied(person: Person, rng: np.random.Generator) -> Person:
    """The same person with another tone of skin and hair, a head stretched by a few per cent,
    glasses on or off.
    """
    stretch = np.clip(rng.normal(1, 0.03, 3), 0.92, 1.08)
    colour = person.colour.copy()
    skin = np.isin(person.part, [PARTS.index("head"), PARTS.index("body")])
    colour[skin] *= np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.04, 3))
    if person.hair_style != "scarf" and rng.random() < 0.5:
        hair = person.part == PARTS.index("hair")
        tone = HAIR_TONES[rng.integers(len(HAIR_TONES))] ** 2.2
        colour[hair] *= tone / np.maximum(colour[hair].mean(0), 1e-3)
    landmarks = person.landmarks * stretch
    # the axes of the stretched face: turned by as much as the stretched landmarks turn against the
    # old ones
    R, _, _ = similarity(person.landmarks[17:], landmarks[17:], np.ones(51))
    return replace(
        person,
        points=person.points * stretch,
        colour=np.clip(colour, 0, 1),
        offsets=person.offsets * stretch,
        eye_centres=person.eye_centres * stretch,
        nose=person.nose * stretch,
        landmarks=landmarks,
        R_BS=R @ person.R_BS,
        glasses=person.glasses != (rng.random() < 0.25),
    )


def random_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size,size,3) float32: soft colour patches and a few soft rectangles, as an unfocused room
    gives.
    """
    base = rng.uniform(30, 225, 3) * np.exp(rng.normal(0, 0.15, 3))
    picture = np.tile(base, (size, size, 1)).astype(np.float32)
    soft = rng.normal(0, rng.uniform(4, 40), (6, 6, 3)).astype(np.float32)
    picture += cv2.resize(soft, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(0, 6)):
        x, y = rng.integers(-size // 3, size, 2)
        w, h = rng.integers(size // 10, size, 2)
        cv2.rectangle(
            picture,
            (int(x), int(y)),
            (int(x + w), int(y + h)),
            tuple(float(v) for v in rng.uniform(10, 245, 3)),
            -1,
        )
    return np.clip(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 6)), 0, 255)


def random_lamps(rng: np.random.Generator) -> list[Lamp]:
    """One to three lamps around the head (frame B), and light thrown back from the room."""
    out = [Lamp((0.0, 0.3, 3.0), float(rng.uniform(0.05, 0.3)))]
    for _ in range(rng.integers(1, 4)):
        a, e = rng.uniform(-2.2, 2.2), rng.uniform(-0.1, 1.4)
        tint = np.clip(1 + rng.normal(0, 0.05) * np.array([1, 0.2, -1]), 0, 1.1)
        out.append(
            Lamp(
                (3 * np.sin(a) * np.cos(e), 3 * np.sin(e), 3 * np.cos(a) * np.cos(e)),
                float(rng.uniform(0.15, 0.75)),
                (float(tint[0]), float(tint[1]), float(tint[2])),
            )
        )
    return out


def body_behind(
    R_VS: np.ndarray, R_BS: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """R_VB and R_head: an upright body, seen from a camera somewhat above, whose neck can bring the
    head to ``R_VS``.
    """
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for _ in range(40):
        azimuth, elevation = rng.uniform(-np.pi / 1.6, np.pi / 1.6), rng.normal(0.15, 0.22)
        z = -np.array(
            [
                np.sin(azimuth) * np.cos(elevation),
                np.sin(elevation),
                np.cos(azimuth) * np.cos(elevation),
            ]
        )
        x = np.cross(z, [0, 1, 0])
        x /= np.linalg.norm(x)
        R_VB = np.stack([x, np.cross(z, x), z])
        R_VB = Rotation.from_rotvec([0, 0, rng.normal(0, 0.06)]).as_matrix() @ R_VB
        R_head = R_VB.T @ R_VS @ R_BS.T
        yaw, pitch, roll = Rotation.from_matrix(R_head).as_euler("YXZ", degrees=True)
        strain = max(abs(yaw) / 65, abs(pitch) / 42, abs(roll) / 30)
        if best is None or strain < best[0]:
            best = (strain, R_VB, R_head)
        if strain < 0.9 and rng.random() < 0.5:
            break
    assert best is not None
    return best[1], best[2]


def render_heads(
    people: list[Person],
    n: int,
    seed: int,
    per_variant: int = 8,
    poses_deg: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The pack's arrays.

    ``poses_deg`` (N,3) pitch, yaw, roll fixes the poses (tests), else :func:`sample_poses`.
    """
    rng = np.random.default_rng([seed, 21])
    poses = sample_poses(n, rng) if poses_deg is None else np.asarray(poses_deg, float)
    rotations = euler_matrix(*poses.T)
    scene = Scene((0, 0, 0))
    fine = CROP_PX * FINE
    crops: list[np.ndarray] = []
    quality: list[int] = []
    pts, names = [], []
    actors: list[object] = []
    order = rng.permutation(np.repeat(np.arange(len(people)), -(-n // (per_variant * len(people)))))
    for i in range(n):
        if i % per_variant == 0:
            scene.remove(actors)
            person = varied(people[order[i // per_variant]], rng)
            body = PersonActors(person, (0.05 + 0.85 * rng.random(3) * rng.uniform(0.3, 1)) ** 2.2)
            actors = body.actors
            scene.add(actors)
        scene.light(random_lamps(rng))
        R_VS = CAMERA_FROM_PICTURE @ rotations[i]
        R_VB, R_head = body_behind(R_VS, person.R_BS, rng)
        face = {name: float(rng.uniform(0, 1)) for name in EXPRESSIONS if rng.random() < 0.25}
        if "blink" in face and rng.random() < 0.7:
            del face["blink"]
        glance = np.radians(rng.normal(0, [12, 8]))
        R_eye = facing(np.array(glance[0]), np.array(glance[1]), np.array(0.0))
        body.place(np.eye(3), np.zeros(3), R_head, np.stack([R_eye, R_eye]), face)
        landmarks = person.landmarks @ R_head.T
        distance = float(np.exp(rng.uniform(np.log(1.0), np.log(7.0))))
        centre = landmarks.mean(0)
        for _ in range(
            4
            # aim at the middle of the 68-point box; 1.6 × its larger side fills the crop
        ):
            origin = centre - distance * R_VB[2]
            in_v = (landmarks - origin) @ R_VB.T
            uv = in_v[:, :2] / in_v[:, 2:]
            low, high = uv.min(0), uv.max(0)
            middle = (low + high) / 2
            centre = centre + distance * (middle[0] * R_VB[0] + middle[1] * R_VB[1])
        f = CROP_PX / (CROP_SCALE * (high - low).max())
        K = np.array([[f * FINE, 0, (fine - 1) / 2], [0, f * FINE, (fine - 1) / 2], [0, 0, 1]])
        scene.look(Transform(R_VB.T, origin, "B", "V"), K, (fine, fine))
        picture: NDArray[np.floating] = scene.picture().astype(np.float32)
        alpha = cv2.GaussianBlur((scene.depth() < 1).astype(np.float32), (0, 0), 0.6)[..., None]
        picture = picture * alpha + random_background(rng, fine) * (1 - alpha)
        picture = np.asarray(
            cv2.resize(picture, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA), np.float64
        )
        picture = picture * np.exp(rng.normal(0, 0.12)) * np.exp(
            rng.normal(0, 0.03, 3)
        ) + rng.normal(0, rng.uniform(0.3, 3), picture.shape)
        crops.append(np.clip(picture, 0, 255).astype(np.uint8))
        quality.append(int(rng.integers(82, 95)))
        pts.append((uv - middle) * f + (CROP_PX - 1) / 2)
        names.append(person.name)
    scene.close()
    return pack_of(crops, np.array(pts), rotations, names, quality)


def pack_of(
    crops: list[np.ndarray],
    points: np.ndarray,
    rotations: np.ndarray,
    people: list[str],
    quality: list[int],
) -> dict[str, np.ndarray]:
    """Arrays of a pack: crops (CROP_PX square, BGR), landmarks (N,68,2) in their pixels, R (N,3,3)
    in the 300W-LP convention relative to the ray, whose head it is, JPEG quality.
    """
    n = len(crops)
    jpg = [
        cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, q])[1].ravel()
        for crop, q in zip(crops, quality, strict=True)
    ]
    angles = euler_deg(rotations).astype(np.float32)
    return {
        "jpg": np.concatenate(jpg),
        "jpg_off": np.concatenate([[0], np.cumsum([len(j) for j in jpg])]).astype(np.int64),
        "name": np.array([f"{name}-{i:05d}" for i, name in enumerate(people)]),
        "group": np.array(people),
        "R": rotations.astype(np.float32),
        "pitch": angles[:, 0],
        "yaw": angles[:, 1],
        "roll": angles[:, 2],
        "pts68": points.astype(np.float32),
        "box": np.concatenate([points.min(1), points.max(1)], 1).astype(np.float32),
        "scale": np.ones(n, np.float32),
        "size": np.full((n, 2), CROP_PX, np.int32),
        "label_res": np.zeros(n, np.float32),
    }


def save_pack(out: Path, pack: dict[str, np.ndarray]) -> None:
    """Write the pack aside, then rename; says what was written."""
    with atomic_write(out) as aside, aside.open("wb") as file:
        np.savez(file, **pack)  # type: ignore[arg-type]
    print(
        f"{out}: {len(pack['R'])} crops of {len(set(pack['group']))} people, "
        f"{out.stat().st_size / 1e6:.1f} MB"
    )


def load_cast(people: str) -> list[Person]:
    """``train``, ``test``, or a file by ``bake crowd``."""
    if people in ("train", "test"):
        return load_people(people)
    return load_people(path=Path(people))


def asked(doc: str | None, count: str, usual: int, what: str = "") -> argparse.Namespace:
    """What every maker of packs is asked: ``out``, how many (``--COUNT``), ``people``, ``seed``."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument(f"--{count}", type=int, default=usual, help=what)
    parser.add_argument(
        "--people", default="train", help="train, test, or a file by `bake crowd` (training only)"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    arguments = asked(__doc__, "n", 600)
    people = load_cast(arguments.people)
    save_pack(arguments.out, render_heads(people, arguments.n, arguments.seed))


if __name__ == "__main__":
    main()
