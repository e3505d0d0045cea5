"""The report of a lesson: one self-contained HTML page, heatmaps, and the figures in them."""
