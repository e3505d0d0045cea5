"""Cameras and where they are: frames, lenses, boards, the rig and how far it can be trusted.

Imports nothing else of this project. Frames, signs and formulas: docs/conventions.md.
"""
