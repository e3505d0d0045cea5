"""A camera's recording: what its files hold, and its pictures at the moments to analyse.

file.py indexes one file, info.py joins a camera's files into one recording, reading.py decodes the
frames asked for, moments.py and pairs.py bring two recordings together (docs/recordings.md).
"""

from calibration.film import Image
from sessions.video.info import VideoInfo, open_camera, probe
from sessions.video.moments import Moments, moments, nearest_frames, spread
from sessions.video.pairs import FramePair, frame_pairs
from sessions.video.reading import Frame, ask_frames, read_frames
from sessions.video.timestamps import read_timestamps
from sessions.video.usual import whether_usual

__all__ = [
    "Frame",
    "FramePair",
    "Image",
    "Moments",
    "VideoInfo",
    "ask_frames",
    "frame_pairs",
    "moments",
    "nearest_frames",
    "open_camera",
    "probe",
    "read_frames",
    "read_timestamps",
    "spread",
    "whether_usual",
]
