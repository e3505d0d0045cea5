"""What happened when: a lesson's events.csv, and the files of programs in which people annotate."""
