"""Pseudonyms, the audit log, and forgetting."""
