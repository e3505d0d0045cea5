"""From corners to the pair of cameras, with covariance."""
