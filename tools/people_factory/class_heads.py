"""Heads as a classroom's cameras see them: crops out of rendered classrooms, with exact labels.

    python -m tools.people_factory.class_heads OUT.npz --rooms 60 --people train --seed 5

Close-ups (:mod:`tools.people_factory.heads`) have every pose; these have what a lesson has:
lamps on the ceiling, cameras above the faces, others in front, 15–60 px from brow to chin, the
lens, the sensor and the codec. The layout of the file is the same. Every face is seen through a
virtual camera that looks at it (docs/conventions.md), so R is relative to the line of sight.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from calibration.camera import Camera
from sessions.simulation.classroom import Classroom
from sessions.simulation.draw import Sensor, write_video
from sessions.simulation.people import Person
from sessions.simulation.render import Lens
from sessions.simulation.room import PLACEMENTS, ROOMS
from sessions.simulation.script import Heads, visible_share
from sessions.simulation.simulate import Options, World, build_world
from tools.people_factory.heads import (
    CAMERA_FROM_PICTURE,
    CROP_PX,
    CROP_SCALE,
    asked,
    load_cast,
    pack_of,
    save_pack,
    varied,
)

VISIBLE = 0.75  # share of the landmarks that nobody in front may hide
TURNED_AWAY_COS = -0.1  # of the angle between face and camera: beyond, there is no face to see
LESSON_S = 1800.0


def random_options(rng: np.random.Generator, seed: int) -> Options:
    """A room, a placement, a class and its light, as different as schools are."""
    room = str(rng.choice(list(ROOMS)))
    far = rng.uniform(4.5, ROOMS[room].depth_m - 0.9)
    students = int(rng.integers(12, 25))
    return Options(
        students=students,
        rows=int(rng.integers(3, 6)),
        room=room,
        placement=str(rng.choice(list(PLACEMENTS))),
        seconds=LESSON_S,
        scenario="natural",
        eye_share=float(rng.uniform(0.0, 0.5)),
        light=float(np.exp(rng.normal(-0.05, 0.3)).clip(0.35, 1.6)),
        noise=float(rng.uniform(0.3, 3.0)),
        near_m=float(rng.uniform(2.4, 3.2)),
        far_m=float(far),
        crf=int(rng.integers(17, 30)),
        seed=seed,
    )


def through_codec(picture: np.ndarray, crf: int) -> np.ndarray:
    """One picture (H,W,3) uint8 after H.264 at this quality."""
    import av

    buffer = io.BytesIO()
    height, width = picture.shape[:2]
    write_video(buffer, [picture], 10, (width, height), crf, preset="veryfast")
    buffer.seek(0)
    with av.open(buffer) as container:
        assert isinstance(container, av.container.InputContainer)
        return next(container.decode(video=0)).to_ndarray(format="bgr24")


def crop_of_face(
    camera: Camera, picture: np.ndarray, landmarks_C: np.ndarray, down_C: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """One face through its virtual camera.

    landmarks_C : (68,3) in the camera's frame. Returns the crop (CROP_PX square), the landmarks
    (68,2) in its pixels and R_CV; None where the face leaves the picture.
    """
    uv = camera.project(landmarks_C)
    low, high = uv.min(0), uv.max(0)
    if not camera.contains(np.stack([low, high])).all():
        return None
    R_CV = camera.look_at_rotations((low + high)[None] / 2, down_C)[0]
    in_V = landmarks_C @ R_CV
    xy = in_V[:, :2] / in_V[:, 2:]
    middle, side = (xy.min(0) + xy.max(0)) / 2, np.ptp(xy, axis=0).max() * CROP_SCALE
    at = (np.arange(CROP_PX) + 0.5) / CROP_PX - 0.5
    grid = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2) * side + middle
    rays = np.concatenate([grid, np.ones((len(grid), 1))], 1) @ R_CV.T
    where = camera.project(rays).reshape(CROP_PX, CROP_PX, 2).astype(np.float32)
    crop = cv2.remap(
        picture, where[..., 0], where[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return crop, ((xy - middle) / side + 0.5) * CROP_PX - 0.5, R_CV


def faces_of_picture(
    world: World, camera: str, heads: Heads, k: int, seen: np.ndarray, picture: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, str]]:
    """Crop, landmarks, R (300W-LP's, relative to the ray) and name of every face to be seen.

    ``seen`` (N,): share of each face that nobody hides at moment ``k``.
    """
    T_CW = world.T_WC[camera].inverse()
    lens = world.cameras[camera]
    down_C = T_CW.R @ np.array([0.0, 1.0, 0.0])
    for n, place in enumerate(world.people):
        to_camera = world.T_WC[camera].t - heads.P_W[k, n]
        facing = heads.R_WS[k, n, :, 2] @ to_camera / np.linalg.norm(to_camera)
        if seen[n] < VISIBLE or facing < TURNED_AWAY_COS:
            continue
        points_W = (
            place.person.landmarks @ (heads.R_WB[k, n] @ heads.R_head[k, n]).T + heads.t_WB[k, n]
        )
        done = crop_of_face(lens, picture, T_CW.apply(points_W), down_C)
        if done is not None:
            crop, points, R_CV = done
            R_VS = R_CV.T @ T_CW.R @ heads.R_WS[k, n]
            yield crop, points, CAMERA_FROM_PICTURE.T @ R_VS, place.person.name


def render_classrooms(
    people: list[Person],
    rooms: int,
    seed: int,
    moments: int = 4,
    choose: Callable[[np.random.Generator, int], Options] = random_options,
) -> dict[str, np.ndarray]:
    """The pack's arrays: ``moments`` of each of ``rooms`` lessons (``choose`` says which), through
    both cameras.
    """
    crops, points, rotations, names = [], [], [], []
    for k in range(rooms):
        rng = np.random.default_rng([seed, 31, k])
        options = choose(rng, int(rng.integers(2**31)))
        chosen = rng.permutation(len(people))[: options.students]
        world = build_world(options, [varied(people[i], rng) for i in chosen])
        heads = world.heads(np.sort(rng.uniform(0, LESSON_S, moments)))
        room = Classroom(
            world.room, world.seats, world.auxiliary, world.people, None, options.light,
            options.seed,
        )  # fmt: skip
        room.show_people(True)
        try:
            for camera, lens in world.cameras.items():
                through = Lens.of(lens)
                sensor = Sensor(lens.size_px, options.noise, options.light, options.seed)
                seen = visible_share(heads, world.people, world.T_WC[camera].t)
                for t in range(moments):
                    room.pose(heads, t)
                    picture = sensor.expose(room.picture(world.T_WC[camera], through))
                    picture = through_codec(picture, options.crf)
                    for crop, pts68, R, name in faces_of_picture(
                        world, camera, heads, t, seen[t], picture
                    ):
                        crops.append(crop)
                        points.append(pts68)
                        rotations.append(R)
                        names.append(name)
        finally:
            room.close()
        print(f"{k + 1} of {rooms} classrooms, {len(crops)} heads", flush=True)
    return pack_of(crops, np.stack(points), np.stack(rotations), names, [93] * len(crops))


def main() -> None:
    arguments = asked(__doc__, "rooms", 20, "about 100 heads each")
    save_pack(
        arguments.out,
        render_classrooms(load_cast(arguments.people), arguments.rooms, arguments.seed),
    )


if __name__ == "__main__":
    main()
