"""From the pair of cameras to the room: the transform A → W."""
