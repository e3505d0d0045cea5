"""What one lesson needs around the story: clock, refusals, resuming, statuses, tables, quality."""
