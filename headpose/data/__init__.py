"""Data sets of heads: one reader each, the one crop rule, augmentation."""
