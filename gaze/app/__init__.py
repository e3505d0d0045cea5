"""``gaze app``: everything a school does, on one local page (docs/app.md)."""
