"""Head pose: a picture of a head -> its rotation and how sure.

The package stands alone (it imports nothing else of this project).  Start with
:class:`headpose.estimator.HeadPoseEstimator` to use a model, ``headpose --help`` to train or
measure one, and ``docs/headpose.md`` for the conventions, the two papers and the numbers.
"""
