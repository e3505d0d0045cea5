"""A lesson on disk: its configuration, videos, tables and run folders; and simulated lessons.

The only package that touches a session's files. May import ``calibration``.
"""
