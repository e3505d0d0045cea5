"""Who is who: tracks in a camera, the same student in both."""
