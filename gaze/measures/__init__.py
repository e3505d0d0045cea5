"""The parts of :mod:`gaze.attention`: pure functions over the gaze table, one idea a module."""
