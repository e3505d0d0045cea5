"""Pixels in, rows out: faces, landmarks, heads."""
