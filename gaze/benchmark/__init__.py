"""The open benchmark: lessons with known truth for any system (docs/benchmark.md)."""
