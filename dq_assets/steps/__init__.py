"""Steps: one module a verb. Dagster, the terminal and notebooks all call these functions; nothing is done in two ways."""
