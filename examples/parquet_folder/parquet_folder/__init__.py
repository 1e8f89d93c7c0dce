"""A Dagster project whose tables land as Parquet."""
