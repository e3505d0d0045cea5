"""The heart: positions, heads and gaze points in the room, with covariances."""
