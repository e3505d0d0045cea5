"""Watching a rig during lessons."""
