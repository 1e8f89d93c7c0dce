"""The shop's own pipeline."""
