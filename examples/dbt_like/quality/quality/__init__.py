"""Data quality of tables that other code locations make."""
