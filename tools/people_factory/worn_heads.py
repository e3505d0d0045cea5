"""Close-ups of heads that wear or hold something, and which landmarks that hides: what the part for
covered faces learns from (headpose/train/visibility.py).

    python -m tools.people_factory.worn_heads OUT.npz --n 2000 --people train --seed 41

The layout of the other packs (tools/people_factory/heads.py), and ``hidden`` (N,68), ``kind`` (N,).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sessions.simulation.people import Person
from sessions.simulation.script import meets
from sessions.simulation.wear import covering, dressed
from tools.people_factory.heads import (
    CAMERA_FROM_PICTURE,
    asked,
    load_cast,
    render_heads,
    save_pack,
)

VARIANT = 8  # heads of one person, dressed once
SHARES = {"": 2, "mask": 4, "cap": 2, "glasses": 1, "hair": 5, "hand": 3, "book": 3}


def hidden_landmarks(person: Person, R: np.ndarray) -> np.ndarray:
    """(68,) of the landmarks of a person in pose R (300W-LP, on the ray), those that what he wears
    or holds hides."""
    triangles, _ = covering(person)
    if not len(triangles):
        return np.zeros(68, bool)
    to_camera = person.R_BS @ (CAMERA_FROM_PICTURE @ R).T @ [0.0, 0.0, -1.0]  # in B, head unturned
    ray = np.broadcast_to(to_camera, person.landmarks.shape)
    return np.asarray(meets(person.landmarks, ray, triangles).any(1))


def worn_heads(people: list[Person], n: int, seed: int) -> dict[str, np.ndarray]:
    """The pack's arrays."""
    rng = np.random.default_rng([seed, 25])
    kinds = np.repeat(list(SHARES), list(SHARES.values()))
    cast = {}
    for k, kind in enumerate(rng.choice(kinds, -(-n // VARIANT))):
        person = people[rng.integers(len(people))]
        things = (str(kind),) if kind else ()
        name = f"{person.name}+{k}"
        cast[name] = (replace(dressed(person, things, rng), name=name), kind)
    pack = render_heads([p for p, _ in cast.values()], n, seed, VARIANT)
    worn = [cast[str(name)] for name in pack["group"]]
    hidden = [hidden_landmarks(p, R) for (p, _), R in zip(worn, pack["R"], strict=True)]
    pack["hidden"], pack["kind"] = np.array(hidden), np.array([str(k) for _, k in worn])
    pack["group"] = np.array([str(name).split("+")[0] for name in pack["group"]])
    return pack


def main() -> None:
    arguments = asked(__doc__, "n", 2000)
    cast = load_cast(arguments.people)
    save_pack(arguments.out, worn_heads(cast, arguments.n, arguments.seed))


if __name__ == "__main__":
    main()
