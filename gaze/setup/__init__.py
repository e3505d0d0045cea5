"""Before a lesson: init, check, calibrate, demo."""
