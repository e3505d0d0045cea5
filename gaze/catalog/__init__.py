"""Many lessons, one SQL away."""
