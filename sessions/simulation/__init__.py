"""A classroom with known truth: people, room, lenses, scripts, renderer, and the session folder
they make.
"""
