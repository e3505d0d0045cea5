"""What the lesson's pictures say: faces, students, positions, heads, gaze points, attention."""

__version__ = "0.1.0"
