"""Studies over lessons: agreement with human codes, power, tables for models, pooled studies."""
