"""One clock for two cameras."""
