"""Errors against marked points and against simulated truth."""
