"""The parts of :mod:`gaze.measures.measures`: pure functions, one idea a module."""
