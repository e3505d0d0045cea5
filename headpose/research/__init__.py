"""The papers' tables and figures: not needed to use the project."""
